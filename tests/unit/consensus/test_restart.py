"""A leader that stops after its proposal was written down, and comes back in the same view (rule L1)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from consensus.effects import Broadcast, Build, DurableRecord, HeaderRecord, Persist
from consensus.inputs import Built, TimePassed
from tallystick.merkle import EMPTY_ROOT, root_of
from tallystick.proposals import Proposal
from tallystick.votes import Vote, VoteKind
from tests.unit.consensus.driver import Driver, certificate

LEAVES = (b"\x09" * 32, b"\x0a" * 32)
LEADER = 1  # of view 1


def answer(driver: Driver, leaves: tuple[bytes, ...]) -> list[Proposal]:
    """Answer the question for a block's contents; the proposals of that turn."""
    (question,) = driver.effects_of(Build)
    root = root_of(leaves)
    driver.give(Built(question.view, question.parent_hash, leaves, len(leaves), root, due_work=False))
    return [effect.message for effect in driver.effects_of(Broadcast) if isinstance(effect.message, Proposal)]


def first_life(leaves: tuple[bytes, ...]) -> tuple[Proposal, Sequence[DurableRecord]]:
    """What a leader proposed, and its log."""
    driver = Driver(me=LEADER)
    (proposal,) = answer(driver, leaves)
    assert driver.said() == [(VoteKind.NOTARIZE, 1)]
    return proposal, driver.records


@pytest.mark.parametrize("leaves", [(), LEAVES])
def test_a_leader_that_restarts_in_its_view_proposes_the_same_block_again(leaves: tuple[bytes, ...]) -> None:
    proposal, records = first_life(leaves)
    again = Driver(me=LEADER, records=records)
    (question,) = again.effects_of(Build)
    assert question.again == proposal.header
    assert answer(again, leaves) == [proposal], "header, contents and signature: nothing that would contradict it"
    assert not [effect for effect in again.effects_of(Persist) if isinstance(effect.record, HeaderRecord)]
    again.give(TimePassed())
    assert again.effects_of(Build) == [], "once"


def test_it_votes_for_it_where_the_crash_came_between_the_two_records() -> None:
    proposal, records = first_life(LEAVES)
    again = Driver(me=LEADER, records=[record for record in records if not isinstance(record, Vote)])
    assert again.said() == []
    assert answer(again, LEAVES) == [proposal]
    assert again.said() == [(VoteKind.NOTARIZE, 1)]


def test_other_contents_than_those_written_down_are_never_proposed() -> None:
    _, records = first_life(LEAVES)
    again = Driver(me=LEADER, records=records)
    assert answer(again, LEAVES[:1]) == []
    again.wait(3_000)
    again.give(TimePassed())
    assert again.said() == [(VoteKind.NULLIFY, 1)]


def test_it_does_not_propose_again_what_it_has_given_up() -> None:
    _, records = first_life(())
    driver = Driver(me=LEADER, records=records)
    driver.wait(3_000)
    driver.give(TimePassed())
    assert driver.said() == [(VoteKind.NULLIFY, 1)]
    again = Driver(me=LEADER, records=driver.records)
    assert again.effects_of(Build) == []


def test_it_does_not_propose_again_in_a_view_that_is_over() -> None:
    proposal, records = first_life(())
    done = [*records, certificate(VoteKind.NOTARIZE, 1, proposal.header.block_hash())]
    again = Driver(me=LEADER, records=done)
    assert again.effects_of(Build) == [] and again.engine.status().view == 2
    assert proposal.header.transaction_root == EMPTY_ROOT
