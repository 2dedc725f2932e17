"""What every state table must promise: one target per step, nothing unreachable, no value without a way out in time."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.interface import Refusal
from contracts.trade.escrow_states import ESCROW, MILESTONE
from contracts.trade.state_table import By, StateTable, Transition
from tallystick.reasons import Reason
from tallystick.records.trade import MilestoneState

TABLES: tuple[StateTable[Any], ...] = (ESCROW, MILESTONE, OBLIGATION, SLICE, DEAL)


def states_of(table: StateTable[Any]) -> set[IntEnum]:
    return set(type(table.start))


def stuck(table: StateTable[Any]) -> set[IntEnum]:
    """States that hold value and from which time alone never leads to one that holds none."""
    free = {state for state in states_of(table) if state not in table.holding}
    while True:
        by_time = {row.source for row in table.rows if row.by is By.SYSTEM and row.target in free}
        if by_time <= free:
            return states_of(table) - free
        free |= by_time


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_that_holds_value_has_an_exit_that_time_opens(table: StateTable[Any]) -> None:
    assert stuck(table) == set()


def test_a_table_whose_arbitrator_may_stay_silent_for_ever_would_be_found() -> None:
    rows = tuple(row for row in MILESTONE.rows if row.action != "default_ruling")
    broken = StateTable("milestone", MILESTONE.start, rows, MILESTONE.holding, MILESTONE.paid)
    assert stuck(broken) == {MilestoneState.DISPUTED}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_can_be_reached(table: StateTable[Any]) -> None:
    reached = {table.start}
    while more := {row.target for row in table.rows if row.source in reached} - reached:
        reached |= more
    assert reached == states_of(table)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_state_and_an_action_have_one_target(table: StateTable[Any]) -> None:
    steps = [(row.source, row.action) for row in table.rows]
    assert len(set(steps)) == len(steps)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_the_table_does_not_list_is_refused(table: StateTable[Any]) -> None:
    actions = {row.action for row in table.rows}
    listed = {(row.source, row.action): row.target for row in table.rows}
    for state in states_of(table):
        for action in actions:
            if (state, action) in listed:
                assert table.step(state, action) is listed[state, action]
                continue
            with pytest.raises(Refusal) as caught:
                table.step(state, action)
            paid = state in table.paid
            assert caught.value.reason is (Reason.ALREADY_PAID if paid else Reason.WRONG_STATE)


def test_ended_milestones_have_no_exit() -> None:
    sources = {row.source for row in MILESTONE.rows}
    assert sources == {MilestoneState.WAITING, MilestoneState.LATCHED, MilestoneState.DISPUTED}


def test_a_row_is_plain_data() -> None:
    assert Transition(MilestoneState.WAITING, "refund_after", By.SYSTEM, MilestoneState.REFUNDED) in MILESTONE.rows
