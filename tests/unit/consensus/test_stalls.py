"""Thousands of views without finality: each costs what the first ones cost, and all of it is passed in the end."""

from __future__ import annotations

import gc
import time

import pytest

from consensus.effects import FetchCertificates, PeerMessage
from consensus.inputs import TimePassed
from consensus.views import Runs
from tallystick.proposals import Proposal
from tallystick.votes import Certificate, Vote, VoteKind
from tests.unit.consensus.driver import Driver, child
from tests.unit.consensus.net import Net

FAST = {"view_timeout_ms": 50, "view_timeout_cap_ms": 50, "resend_ms": 50}
NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE


def no_proposals(source: int, target: int, message: PeerMessage) -> bool:
    return isinstance(message, Proposal)


def no_finality(source: int, target: int, message: PeerMessage) -> bool:
    return isinstance(message, Vote | Certificate) and message.statement.kind is FINALIZE


def until_view(net: Net, view: int) -> float:
    """Let it run so far; processor seconds that it took, without those that other tests' objects cost the collector."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        assert net.run(10_000_000, lambda: net.nodes[0].engine.status().view >= view)
        return time.process_time() - start
    finally:
        gc.enable()


@pytest.mark.parametrize("drop", [no_proposals, no_finality])
def test_hundreds_of_views_cost_as_much_each_as_a_hundred_and_end_at_once_when_the_wires_are_whole(
    drop: object,
) -> None:
    net = Net(4, settings=FAST, drop=drop)  # type: ignore[arg-type]
    net.submit()
    until_view(net, 50)
    early = until_view(net, 150)
    until_view(net, 500)
    late = until_view(net, 600)
    assert net.lowest() == 0
    assert late < 4 * early + 0.1, (early, late)
    net.drop = lambda source, target, message: False
    assert net.run(1_000, lambda: all(not node.pool for node in net.nodes))


def test_of_views_left_long_ago_only_certificates_are_kept() -> None:
    net = Net(4, settings=FAST, drop=no_proposals)
    net.submit()
    until_view(net, 200)
    views = net.nodes[0].engine._core.views
    old = [views.rounds[view] for view in range(1, 200 - 20)]
    assert all(held.votes[kind] == {} for held in old for kind in held.certificates)
    assert all(held.own for held in old), "our own promises stay"


@pytest.mark.parametrize("drop", [no_proposals, no_finality])
def test_who_was_away_for_hundreds_of_views_passes_them_within_seconds(drop: object) -> None:
    net = Net(4, settings=FAST, drop=drop, cut={3})  # type: ignore[arg-type]
    net.submit()
    until_view(net, 500)
    net.cut = set()
    behind = net.nodes[3].engine
    assert net.run(2_000, lambda: behind.status().view >= net.nodes[0].engine.status().view - 1)
    net.drop = lambda source, target, message: False
    assert net.run(3_000, lambda: net.lowest() > 0 and all(not node.pool for node in net.nodes)), behind.status()


def test_a_gap_is_asked_for_from_its_first_missing_view_so_that_a_bounded_answer_always_helps() -> None:
    driver = Driver(me=1)
    for view in range(1, 101):
        driver.hear_quorum(NULLIFY, view)
    driver.hear_quorum(NULLIFY, 300)
    assert driver.engine.status().view == 301 and driver.engine.status().leader == 1
    driver.wait(100)
    driver.give(TimePassed())
    asked = driver.engine._core.needs
    assert [need.key for need in asked] == [(101, 299)]
    assert driver.effects_of(FetchCertificates) == [] or driver.effects_of(FetchCertificates)[0].first_view == 101


def test_an_answer_holds_at_most_64_certificates_from_the_first_view_asked_for() -> None:
    driver = Driver()
    header = child(None, 1)
    driver.finalise(header)
    for view in range(2, 200):
        driver.hear_quorum(NULLIFY, view)
    answer = driver.engine.certificates(1, 10**9)
    assert len(answer) == 64 and answer[0].statement.kind is FINALIZE
    assert [found.statement.view for found in driver.engine.certificates(150, 10**15)] == list(range(150, 200))
    assert driver.engine.certificates(10**15, 10**15) == () == driver.engine.certificates(5, 4)


def test_runs_join_and_answer_like_a_plain_set() -> None:
    runs, plain = Runs(), set()
    for number in range(1, 400):
        view = number * 7919 % 211 + 1
        runs.add(view)
        plain.add(view)
        if number % 37 == 0:
            low = min(plain) + 5
            if low - 1 not in plain or low not in plain:
                runs.forget(low - 1)
                plain = {known for known in plain if known >= low}
        for probe in (view, view + 1, view - 1, 1, 100, 212):
            after = next(v for v in range(probe, 500) if v not in plain)
            before = next(v for v in range(probe, -500, -1) if v not in plain)
            assert (runs.after(probe), runs.before(probe)) == (after, before)
