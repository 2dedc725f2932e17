"""Corners: clocks, due work, waiting, sizes of networks, evidence, and bounds under hostile words."""

from __future__ import annotations

import itertools

import pytest

from consensus.effects import Accuse, Broadcast, Build
from consensus.inputs import HeightExecuted, TimePassed, WorkPending
from consensus.status import Waiting
from tallystick.encoding import ZERO32
from tallystick.limits import VIEW_MAX, VIEW_WINDOW
from tallystick.proposals import Proposal
from tallystick.validators import faults_max, quorum_count
from tallystick.votes import VoteKind
from tests.unit.consensus.driver import WALL_MS, Driver, certificate, child, roots, vote
from tests.unit.consensus.net import Net

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
ONE = child(None, 1)
OTHER = child(None, 1, time_ms=ONE.time_ms + 1)
YEAR_MS = 366 * 24 * 3_600_000


# --- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(1, 32))
def test_every_size_agrees_with_f_silent_and_is_silent_with_one_more(count: int) -> None:
    faults = faults_max(count)
    assert quorum_count(count) == count - faults
    net = Net(count, cut=set(range(count - faults, count)))
    net.submit(2)
    assert net.run(20_000, lambda: net.lowest() >= 2 and all(not node.pool for node in net.live()))
    assert len({header.block_hash() for node in net.live() for header in node.chain[:2]}) == 2
    if count > 1:
        net.cut = set(range(count - faults - 1, count))
        net.run(10)  # what is on its way arrives
        before = [node.final_height for node in net.nodes]
        net.submit()
        net.run(5_000)
        assert [node.final_height for node in net.nodes] == before


# --- clocks and due work ----------------------------------------------------------------------------------


def test_clocks_that_jumped_a_year_and_came_back_cost_nothing_but_the_time_of_blocks() -> None:
    net = Net(4)
    net.run(2_000)
    for node in net.nodes:
        node.wall_skew_ms = YEAR_MS
    net.submit()
    assert net.run(200, lambda: all(not node.pool for node in net.nodes))
    net.run(2_000)
    for node in net.nodes:
        node.wall_skew_ms = 0
    before = net.lowest()
    for _ in range(10):
        net.submit()
        assert net.run(200, lambda: all(not node.pool for node in net.nodes))
    times = [header.time_ms for header in net.nodes[0].chain[before:]]
    assert times[0] > WALL_MS + YEAR_MS and all(b - a == 1 for a, b in itertools.pairwise(times))
    assert not [m for _, _, m in net.sent if getattr(m, "statement", None) and m.statement.kind is NULLIFY]


def test_after_such_a_day_due_work_of_the_days_between_is_done() -> None:
    net = Net(4)
    net.run(2_000)
    for node in net.nodes:
        node.wall_skew_ms = YEAR_MS
    net.submit()
    net.run(500)
    for node in net.nodes:
        node.wall_skew_ms = 0
        node.due_ms = WALL_MS + YEAR_MS // 2
        node.tell_work()
    assert net.run(200, lambda: all(node.due_ms is None for node in net.nodes))


@pytest.mark.parametrize(("ahead_ms", "transactions", "taken_ms"), [(200, False, 200), (300, False, 0), (200, True, 0)])
def test_a_leader_called_for_due_work_by_a_faster_clock_takes_the_due_time_if_all_can_still_vote(
    ahead_ms: int, transactions: bool, taken_ms: int
) -> None:
    driver = Driver(me=3)
    two = child(ONE, 2, executed=roots(1, ONE.time_ms))
    driver.finalise(ONE)
    driver.give(HeightExecuted(two.executed))
    driver.propose(two, certificate(FINALIZE, 1, ONE.block_hash()))
    driver.hear_quorum(NOTARIZE, 2, two.block_hash())
    driver.hear_quorum(FINALIZE, 2, two.block_hash())
    driver.give(HeightExecuted(roots(2, two.time_ms)))
    driver.wait(100)
    driver.give(TimePassed())
    assert driver.said() == [] and driver.engine.status().waiting is Waiting.REST
    driver.give(WorkPending(transactions=transactions, due_ms=driver.wall_ms + ahead_ms))
    if not transactions:
        assert driver.effects_of(Build) == []
        driver.hear(NULLIFY, 3, by=0)
    assert [question.time_ms for question in driver.effects_of(Build)] == [driver.wall_ms + taken_ms]


# --- waiting ----------------------------------------------------------------------------------------------


def test_a_validator_whose_execution_lags_waits_and_calls_nothing_invalid() -> None:
    driver = Driver()
    driver.finalise(ONE)
    driver.propose(child(ONE, 2, executed=roots(1)), certificate(FINALIZE, 1, ONE.block_hash()))
    for _ in range(20):
        driver.wait(20)
        driver.give(TimePassed())
        assert driver.said() == [] and driver.engine.status().waiting is Waiting.EXECUTION
    driver.give(HeightExecuted(roots(1)))
    assert driver.said() == [(NOTARIZE, 2)]


# --- evidence ---------------------------------------------------------------------------------------------


def kinds_of(accusations: list[Accuse]) -> list[tuple[str, str]]:
    """What was set against what."""
    return [
        tuple("propose" if isinstance(m, Proposal) else m.statement.kind.name.lower() for m in (a.first, a.second))  # type: ignore[misc,union-attr]
        for a in accusations
    ]


def test_each_of_the_four_contradictions_is_given_once_per_validator_and_view() -> None:
    driver = Driver(me=3)
    found: list[Accuse] = []
    driver.propose(ONE)
    for _ in range(3):
        for header in (OTHER, child(None, 1, time_ms=ONE.time_ms + 2)):
            driver.propose(header)
            found += driver.effects_of(Accuse)
        for kind in (NOTARIZE, FINALIZE):
            for block_hash in (ONE.block_hash(), OTHER.block_hash(), b"\x09" * 32):
                driver.hear(kind, 1, block_hash, by=1)
                found += driver.effects_of(Accuse)
        driver.hear(NULLIFY, 1, by=1)
        found += driver.effects_of(Accuse)
    assert kinds_of(found) == [
        ("propose", "propose"),
        ("notarize", "notarize"),
        ("finalize", "finalize"),
        ("finalize", "nullify"),
    ]
    driver.hear(NULLIFY, 2, by=1)
    driver.hear(FINALIZE, 2, ONE.block_hash(), by=1)
    driver.hear(FINALIZE, 2, ONE.block_hash(), by=2)
    driver.hear(NULLIFY, 2, by=2)
    found = driver.effects_of(Accuse)
    assert kinds_of(found) == [("finalize", "nullify")], "another validator and view, another key"


def test_one_contradiction_does_not_hide_another_in_whatever_order_the_words_come() -> None:
    driver = Driver()
    found: list[Accuse] = []
    for kind, block_hash in ((NULLIFY, ZERO32), (FINALIZE, ONE.block_hash()), (FINALIZE, OTHER.block_hash())):
        driver.hear(kind, 1, block_hash, by=1)
        found += driver.effects_of(Accuse)
    assert kinds_of(found) == [("nullify", "finalize"), ("finalize", "finalize")]


def test_notarize_and_nullify_of_one_view_are_no_evidence() -> None:
    driver = Driver()
    driver.hear(NOTARIZE, 1, ONE.block_hash(), by=1)
    driver.hear(NULLIFY, 1, by=1)
    assert driver.effects_of(Accuse) == []


def test_what_a_certificate_brings_convicts_too_in_either_order() -> None:
    for certificate_first in (True, False):
        driver = Driver()
        found: list[Accuse] = []
        for step in (0, 1):
            if (step == 0) == certificate_first:
                driver.hear_quorum(NOTARIZE, 1, ONE.block_hash())
            elif driver.engine.wants_vote(vote(NOTARIZE, 1, OTHER.block_hash(), by=2)):
                driver.hear(NOTARIZE, 1, OTHER.block_hash(), by=2)
            found += driver.effects_of(Accuse)
        assert kinds_of(found) == [("notarize", "notarize")]
        assert {m.validator for a in found for m in (a.first, a.second)} == {2}  # type: ignore[union-attr]


def test_our_own_restart_gives_nobody_evidence_against_us() -> None:
    driver = Driver()
    driver.propose(ONE)
    driver.hear_quorum(NOTARIZE, 1, ONE.block_hash())
    again = Driver(records=driver.records)
    said = [e.message for d in (driver, again) for e in d.effects_of(Broadcast)]
    words = {(m.statement.kind, m.statement.view, m.statement.block_hash) for m in said if hasattr(m, "validator")}
    assert len({(kind, view) for kind, view, _ in words}) == len(words)


# --- bounds -----------------------------------------------------------------------------------------------


def size_of(driver: Driver) -> int:
    """How much an engine holds, counted in entries of its maps."""
    core = driver.engine._core
    rounds = core.views.rounds.values()
    held = sum(len(held.votes[kind]) for held in rounds for kind in VoteKind)
    return (
        len(core.views.rounds)
        + held
        + len(core.chain._blocks)
        + len(core.chain.own)
        + len(core.chain._certified)
        + len(core.helped_ms)
        + len(core.heads)
        + len(core.missed)
        + len(core.fetches._asked)
    )


def test_floods_of_genuine_votes_and_proposals_of_one_traitor_leave_nothing_beyond_the_window() -> None:
    driver = Driver()
    for number in range(3_000):
        view = (number * 7919) % 100_000 + 1
        for kind in VoteKind:
            message = vote(kind, view, b"\0" * 32 if kind is NULLIFY else number.to_bytes(32, "big"), by=1)
            if driver.engine.wants_vote(message):
                driver.hear(kind, view, message.statement.block_hash, by=1)
        header = child(None, view, time_ms=ONE.time_ms + number)
        if header.proposer == 1 and driver.engine.wants_proposal(header, header.block_hash()):
            driver.propose(header)
    for view in range(1, 40):
        header = child(None, view)
        for number in range(40):
            driver.propose(child(None, view, time_ms=ONE.time_ms + number))
    assert driver.engine.status().view == 1
    window = VIEW_WINDOW + 1
    assert size_of(driver) <= window * 4 + 10, size_of(driver)
    assert not driver.engine.wants_vote(vote(NULLIFY, VIEW_MAX, by=1))


def test_a_long_healthy_life_does_not_grow() -> None:
    net = Net(4)
    sizes = []
    for _ in range(6):
        net.busy(1_000)
        net.run(200)
        core = net.nodes[0].engine._core
        sizes.append(len(core.views.rounds) + len(core.chain._blocks) + len(core.chain.own) + len(core.views.open))
        assert len(core.views._notarised) + len(core.views._nullified._starts) <= 8
    assert max(sizes) <= 12, sizes
