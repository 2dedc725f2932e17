"""Nothing that the rules can do is missing from the golden chain, or it is named here with the cause."""

from __future__ import annotations

from contracts.registry import DUE_RULES, RULES
from tallystick.epcis.model import EventType
from tallystick.payloads import ALL_PAYLOADS
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Space
from tallystick.records.goods import EventStatus, HistoryKind
from tests.golden.coverage import Coverage, steps_of_tables
from tests.golden.replay import Height

OUT_OF_REACH = {
    Reason.RULE_FAULT: "a fault of a rule; there is none",
    Reason.UNKNOWN_RULE: "every payload and every item of due work has had its rule since genesis",
    Reason.NOT_ALLOWED_ON_THIS_CHAIN: "this chain lets its clock be advanced",
    Reason.CONTAINER_CYCLE: "admission refuses a parent among its children; a filled child has the parent inside it",
    Reason.NOT_YOUR_EVENT: "event ids are looked up among the declarer's own: another's event is UNKNOWN_EVENT",
    Reason.TOO_EARLY: "no rule gives it",
}


def test_every_kind_of_transaction_takes_effect_at_least_once(coverage: Coverage) -> None:
    names = {type_.__name__ for type_ in ALL_PAYLOADS} | {"Capture"}
    assert names - set(+coverage.effective) == set()
    assert set(ALL_PAYLOADS) == set(RULES)


def test_every_event_type_status_and_history_kind_occurs(coverage: Coverage) -> None:
    assert {type_.name for type_ in EventType} == set(coverage.event_types)
    assert {status.name for status in EventStatus} == set(coverage.event_statuses)
    assert {kind.name for kind in HistoryKind} == set(coverage.history_kinds)


def test_every_reason_occurs_that_a_chain_can_give(coverage: Coverage) -> None:
    met = set(coverage.reasons) | set(coverage.event_reasons)
    assert {reason.name for reason in Reason} - met == {reason.name for reason in OUT_OF_REACH}


def test_every_rule_of_due_work_is_worked_off(coverage: Coverage) -> None:
    assert set(DUE_RULES) == set(coverage.due_rules)


def test_every_step_of_every_state_machine_is_taken(coverage: Coverage) -> None:
    assert steps_of_tables() - set(coverage.steps) == set()


def test_every_kind_of_record_is_written_but_the_one_that_no_rule_writes(coverage: Coverage) -> None:
    assert {space.name for space in Space} - set(coverage.spaces) == {"PROPOSAL"}


def test_a_recall_spreads_over_several_blocks(heights: list[Height]) -> None:
    blocks = [
        height.header.height
        for height in heights
        if sum(key[0] == Space.ITEM for key in height.result.writes) > 100
        and any(receipt.kind is ReceiptKind.DUE_WORK for receipt in height.result.receipts)
    ]
    assert len(blocks) >= 3


def test_some_blocks_are_empty_and_some_run_no_due_work(coverage: Coverage) -> None:
    assert 50 <= coverage.empty_heights <= 150
    assert 100 <= coverage.due_work_heights <= 200


def test_no_rule_has_a_fault(heights: list[Height]) -> None:
    assert [fault for height in heights for fault in height.result.faults] == []
