"""Each rule of docs/spec/consensus.md at one engine."""

from __future__ import annotations

import pytest

from consensus.effects import (
    Accuse,
    Broadcast,
    Build,
    CheckContents,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    Persist,
    RootMismatch,
    Send,
)
from consensus.inputs import (
    BlockReceived,
    Built,
    CertificateReceived,
    ContentsChecked,
    HeightExecuted,
    TimePassed,
    WorkPending,
)
from consensus.status import Waiting
from tallystick.limits import VIEW_MAX
from tallystick.merkle import EMPTY_ROOT, root_of
from tallystick.proposals import Proposal
from tallystick.votes import VoteKind
from tests.unit.consensus.driver import GENESIS, WALL_MS, Driver, certificate, child, roots, vote

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
ONE = child(None, 1)
TWO = child(ONE, 2)
LEAF = b"\x09" * 32


def test_a_valid_proposal_is_voted_for_once_and_the_record_comes_before_the_vote() -> None:
    driver = Driver()
    effects = driver.propose(ONE)
    assert driver.said() == [(NOTARIZE, 1)]
    kinds = [isinstance(effect, Persist) for effect in effects]
    assert kinds == sorted(kinds, reverse=True), "records first"
    assert [effect.lazy for effect in driver.effects_of(Persist)] == [False, False]
    assert driver.give(TimePassed()) == [] or driver.said() == []


def test_transactions_are_asked_for_once_and_the_vote_waits_for_them() -> None:
    driver = Driver()
    header = child(None, 1, transaction_count=1, transaction_root=root_of([LEAF]))
    driver.propose(header, leaves=(LEAF,))
    assert len(driver.effects_of(CheckContents)) == 1 and driver.said() == []
    driver.give(TimePassed())
    assert not driver.effects_of(CheckContents)
    driver.give(ContentsChecked(header.block_hash(), valid=True))
    assert driver.said() == [(NOTARIZE, 1)]


@pytest.mark.parametrize(
    "header",
    [
        child(None, 1, height=2),
        child(None, 1, time_ms=GENESIS.time_ms),
        child(None, 1, epoch=1),
        child(None, 1, parent_view=1),
        child(None, 1, parent_hash=b"\x07" * 32),
        child(None, 1, validators_hash=b"\x07" * 32),
        child(None, 1, next_validators_hash=b"\x07" * 32),
        child(None, 1, protocol_version=99),
        child(None, 1, transaction_count=1),
        child(None, 1, executed=roots(1)),
    ],
)
def test_an_unlawful_proposal_ends_the_view_at_once_or_is_not_taken(header: object) -> None:
    driver = Driver()
    assert isinstance(header, type(ONE))
    driver.propose(header)
    assert driver.said() in ([(NULLIFY, 1)], []) and (NOTARIZE, 1) not in driver.said()
    assert header.epoch == 1 or driver.said() == [(NULLIFY, 1)]


def test_invalid_contents_end_the_view() -> None:
    driver = Driver()
    header = child(None, 1, transaction_count=1, transaction_root=root_of([LEAF]))
    driver.propose(header, leaves=(LEAF,))
    driver.give(ContentsChecked(header.block_hash(), valid=False))
    assert driver.said() == [(NULLIFY, 1)]


def test_finalize_needs_the_notarisation_and_the_bytes_and_no_execution() -> None:
    driver = Driver()
    header = child(None, 1, transaction_count=1, transaction_root=root_of([LEAF]))
    driver.hear_quorum(NOTARIZE, 1, header.block_hash())
    assert driver.said() == [] and driver.effects_of(FetchBlock)[0].holders == (0, 1, 2)
    driver.give(BlockReceived(header, header.block_hash()))
    assert driver.said() == [(FINALIZE, 1)]


def test_never_finalize_after_nullify_even_after_a_restart() -> None:
    driver = Driver()
    driver.wait(3_000)
    driver.give(TimePassed())
    assert (NULLIFY, 1) in driver.said()
    again = Driver(records=driver.records)
    for one in (driver, again):
        one.propose(ONE)
        one.hear_quorum(NOTARIZE, 1, ONE.block_hash())
        assert (FINALIZE, 1) not in one.said() and one.engine.status().view == 2


def test_never_a_second_notarize_after_a_restart() -> None:
    driver = Driver()
    driver.propose(ONE)
    again = Driver(records=driver.records)
    assert again.said() == [(NOTARIZE, 1)], "what was said is said again"
    again.propose(child(None, 1, time_ms=ONE.time_ms + 1))
    assert again.said() == []


def test_two_proposals_two_notarizes_and_nullify_with_finalize_are_evidence_once() -> None:
    driver = Driver()
    driver.propose(ONE)
    other = child(None, 1, time_ms=ONE.time_ms + 1)
    driver.propose(other)
    assert len(driver.effects_of(Accuse)) == 1
    driver.propose(child(None, 1, time_ms=ONE.time_ms + 2))
    assert not driver.effects_of(Accuse)
    driver.hear(NOTARIZE, 1, ONE.block_hash(), by=0)
    driver.hear(NOTARIZE, 1, other.block_hash(), by=0)
    assert len(driver.effects_of(Accuse)) == 1
    assert not driver.engine.wants_vote(vote(NOTARIZE, 1, b"\x08" * 32, by=0))
    driver.hear(NULLIFY, 1, by=2)
    driver.hear(FINALIZE, 1, ONE.block_hash(), by=2)
    assert len(driver.effects_of(Accuse)) == 1
    driver.hear(NULLIFY, 1, by=0)
    assert not driver.effects_of(Accuse), "notarize and nullify together are lawful"


def test_a_gap_is_asked_for_before_the_proposal_is_judged() -> None:
    driver = Driver()
    driver.propose(child(None, 3, proposer=3))
    driver.hear_quorum(NULLIFY, 4)
    assert driver.engine.status().view == 5
    header = child(None, 5)
    driver.propose(header)
    ask = driver.effects_of(FetchCertificates)[0]
    assert (ask.first_view, ask.last_view, ask.holders[0]) == (1, 3, 1) and driver.said() == []
    for view in (1, 2, 3):
        driver.hear_quorum(NULLIFY, view)
    assert driver.said() == [(NOTARIZE, 5)]


def test_a_newer_tuple_needs_a_finalisation_and_our_own_execution() -> None:
    bare = Driver()
    bare.finalise(ONE)
    bare.propose(child(ONE, 2, executed=roots(1)))
    assert (NULLIFY, 2) in bare.said(), "malformed: no finalisation with it"
    driver = Driver()
    driver.finalise(ONE)
    assert len(driver.effects_of(Finalised)) == 1
    driver.propose(child(ONE, 2, executed=roots(1)), certificate(FINALIZE, 1, ONE.block_hash()))
    assert driver.said() == [] and driver.engine.status().waiting is Waiting.EXECUTION
    driver.give(HeightExecuted(roots(1)))
    assert driver.said() == [(NOTARIZE, 2)]


def test_other_roots_than_ours_get_no_vote_and_a_certified_header_with_them_stops_us() -> None:
    driver = Driver()
    driver.finalise(ONE)
    driver.give(HeightExecuted(roots(1, time_ms=7)))
    header = child(ONE, 2, executed=roots(1))
    driver.propose(header, certificate(FINALIZE, 1, ONE.block_hash()))
    assert driver.effects_of(RootMismatch) and (NOTARIZE, 2) not in driver.said()
    driver.hear_quorum(NOTARIZE, 2, header.block_hash())
    assert driver.effects == driver.effects_of(Halt)
    halt = driver.effects_of(Halt)[0]
    assert (halt.height, halt.theirs, halt.ours) == (1, roots(1), roots(1, time_ms=7))
    assert driver.give(TimePassed()) == []


def test_a_certified_header_is_remembered_until_we_have_executed_so_far() -> None:
    driver = Driver()
    driver.finalise(ONE)
    header = child(ONE, 2, executed=roots(1))
    driver.propose(header, certificate(FINALIZE, 1, ONE.block_hash()))
    driver.hear_quorum(NOTARIZE, 2, header.block_hash())
    assert not driver.effects_of(Halt)
    driver.give(HeightExecuted(roots(1, time_ms=7)))
    assert driver.effects_of(Halt)


def test_a_header_ahead_of_our_clock_is_waited_for_and_beyond_the_drift_not_voted_for() -> None:
    driver = Driver()
    driver.propose(child(None, 1, time_ms=WALL_MS + 200))
    assert driver.said() == [] and driver.engine.status().waiting is Waiting.CLOCK
    driver.wait(200)
    driver.give(TimePassed())
    assert driver.said() == [(NOTARIZE, 1)]
    far = Driver()
    far.propose(child(None, 1, time_ms=WALL_MS + 2_001))
    far.wait(400)
    far.give(TimePassed())
    assert far.said() == []


def test_parent_plus_one_millisecond_is_never_judged_by_a_clock() -> None:
    driver = Driver()
    driver.wall_ms = WALL_MS - 10**9
    driver.propose(child(None, 1, time_ms=GENESIS.time_ms + 1))
    assert driver.said() == [(NOTARIZE, 1)]


def test_beyond_the_bound_on_the_lag_only_empty_blocks_are_voted_for() -> None:
    for due_work in (False, True):
        driver = Driver()
        header = None
        for view in range(1, 9):
            header = child(header, view)
            driver.finalise(header)
        driver.propose(child(header, 9, due_work=due_work))
        assert driver.said() == ([(NULLIFY, 9)] if due_work else [(NOTARIZE, 9)])


def test_after_f_plus_one_nullified_views_the_leader_proposes_the_always_votable_block() -> None:
    driver = Driver()
    driver.give(WorkPending(transactions=True, due_ms=None))
    driver.hear_quorum(NULLIFY, 1)
    driver.hear_quorum(NULLIFY, 2)
    proposals = [e.message for e in driver.effects_of(Broadcast) if isinstance(e.message, Proposal)]
    header = proposals[0].header
    assert (header.height, header.time_ms, header.transaction_count) == (1, GENESIS.time_ms + 1, 0)
    assert header.executed == GENESIS and not header.due_work


@pytest.mark.parametrize(("proposed", "behind_ms"), [(True, 2_000), (False, 0)])
def test_after_a_proposal_that_failed_the_leader_takes_a_time_that_every_clock_within_the_drift_has_passed(
    proposed: bool, behind_ms: int
) -> None:
    driver = Driver(me=2)
    driver.wall_ms += 5_000
    driver.give(WorkPending(transactions=True, due_ms=None))
    if proposed:
        driver.propose(child(None, 1, time_ms=driver.wall_ms))
    driver.wait(20)
    driver.hear_quorum(NULLIFY, 1)
    assert [question.time_ms for question in driver.effects_of(Build)] == [driver.wall_ms - behind_ms]


def test_a_time_behind_our_clock_is_still_after_the_parents() -> None:
    driver = Driver(me=2)
    driver.give(WorkPending(transactions=True, due_ms=None))
    driver.propose(child(None, 1))
    driver.wait(20)
    driver.hear_quorum(NULLIFY, 1)
    assert [question.time_ms for question in driver.effects_of(Build)] == [GENESIS.time_ms + 1]


def test_views_far_ahead_move_nobody_without_a_quorum() -> None:
    driver = Driver()
    assert not driver.engine.wants_vote(vote(NULLIFY, VIEW_MAX, by=0))
    assert not driver.engine.wants_vote(vote(NULLIFY, 18, by=0)) and driver.engine.wants_vote(vote(NULLIFY, 17, by=0))
    assert not driver.engine.wants_proposal(child(None, 18), child(None, 18).block_hash())
    driver.hear_quorum(NULLIFY, 1_000)
    assert driver.engine.status().view == 1_001


def test_votes_that_cannot_matter_are_not_wanted() -> None:
    driver = Driver()
    assert not driver.engine.wants_vote(vote(NOTARIZE, 1, ONE.block_hash(), by=3)), "our own"
    driver.hear(NOTARIZE, 1, ONE.block_hash(), by=0)
    assert not driver.engine.wants_vote(vote(NOTARIZE, 1, ONE.block_hash(), by=0)), "known"
    driver.hear_quorum(NOTARIZE, 1, ONE.block_hash())
    assert not driver.engine.wants_vote(vote(NOTARIZE, 1, ONE.block_hash(), by=1)), "the quorum is there"
    driver.finalise(ONE)
    assert not driver.engine.wants_vote(vote(FINALIZE, 1, ONE.block_hash(), by=1)), "final"
    assert not driver.engine.wants_certificate(certificate(NULLIFY, 1))


def test_who_nullifies_an_old_view_is_told_of_the_newest_finality_once_a_second() -> None:
    driver = Driver()
    driver.finalise(ONE)
    driver.wait(5_000)
    driver.hear(NULLIFY, 1, by=2)
    assert [send.validator for send in driver.effects_of(Send)] == [2]
    assert not driver.engine.wants_vote(vote(NULLIFY, 1, by=2))
    driver.wait(1_000)
    driver.give(TimePassed())
    assert driver.engine.wants_vote(vote(NULLIFY, 1, by=2))


def test_both_kinds_of_certificates_are_kept_and_served() -> None:
    driver = Driver()
    driver.propose(ONE)
    driver.hear_quorum(NOTARIZE, 1, ONE.block_hash())
    driver.hear_quorum(NULLIFY, 1)
    kinds = [found.statement.kind for found in driver.engine.certificates(1, 1)]
    assert kinds == [NOTARIZE, NULLIFY]
    driver.finalise(TWO)
    assert [found.statement.view for found in driver.engine.certificates(1, 1)] == [2]


def test_a_block_becomes_final_through_a_descendant_and_ancestors_are_fetched() -> None:
    driver = Driver()
    driver.give(CertificateReceived(certificate(FINALIZE, 2, TWO.block_hash())))
    assert driver.effects_of(FetchBlock)[0].block_hash == TWO.block_hash()
    driver.give(BlockReceived(TWO, TWO.block_hash()))
    assert driver.effects_of(FetchBlock)[0].block_hash == ONE.block_hash()
    driver.give(BlockReceived(ONE, ONE.block_hash()))
    assert driver.effects_of(Finalised)[0].headers == (ONE, TWO)


def test_a_leader_proposes_no_other_block_after_a_restart() -> None:
    driver = Driver(me=1)
    question = driver.effects_of(Build)[0]
    driver.give(Built(question.view, question.parent_hash, (), 0, EMPTY_ROOT, due_work=False))
    sent = [e.message for e in driver.effects_of(Broadcast) if isinstance(e.message, Proposal)]
    assert len(sent) == 1 and driver.said() == [(NOTARIZE, 1)]
    header_only = driver.records[:1]
    for records in (driver.records, header_only):
        again = Driver(me=1, records=records)
        built = again.effects_of(Build) + [
            effect for effect in again.give(WorkPending(transactions=True, due_ms=None)) if isinstance(effect, Build)
        ]
        again.wait(100)
        again.give(TimePassed())
        assert [question.again for question in built] == [sent[0].header] and not again.effects_of(Build)


def test_two_contradicting_quorums_stop_the_node() -> None:
    driver = Driver()
    driver.hear_quorum(NOTARIZE, 1, ONE.block_hash())
    driver.hear_quorum(NOTARIZE, 1, b"\x08" * 32)
    assert driver.effects_of(Halt)
    assert driver.engine.status().waiting is Waiting.HALTED
