"""A leader that is not there is waited for twice, then no more, until anything is heard of it."""

from __future__ import annotations

from tallystick.votes import Certificate, VoteKind
from tests.unit.consensus.driver import Driver
from tests.unit.consensus.net import Net, Node

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE


def spent_in_views_of(net: Net, leader: int) -> list[int]:
    """How long each view of this leader took until its nullification was first sent, milliseconds."""
    first: dict[int, int] = {}
    for at_ms, _, message in net.sent:
        if isinstance(message, Certificate) and message.statement.kind is not FINALIZE:
            first.setdefault(message.statement.view, at_ms)
    return [first[view] - first[view - 1] for view in sorted(first) if view % net.count == leader and view - 1 in first]


def test_a_dead_leader_costs_two_time_outs_and_then_nothing() -> None:
    for count, dead in ((4, {2}), (7, {2, 3}), (10, {0, 4, 8})):
        net = Net(count)
        net.cut = dead
        net.busy(8_000)
        for leader in dead:
            spent = spent_in_views_of(net, leader)
            assert len(spent) > 5
            assert all(ms >= 500 for ms in spent[:2]) and max(spent[2:]) <= 5, spent


def test_any_word_restores_a_leader() -> None:
    net = Net(4)
    net.cut = {2}
    net.busy(4_000)
    net.cut = set()
    before = len(net.nodes[0].chain)
    net.busy(2_000)
    proposers = [header.proposer for header in net.nodes[0].chain[before:]]
    assert proposers.count(2) >= len(proposers) // 5
    assert net.lowest() >= len(net.nodes[0].chain) - 2


def test_a_view_is_given_up_at_once_only_if_nothing_was_heard_of_its_leader_since() -> None:
    driver = Driver(me=0)
    for view in (1, 2, 3, 4, 5):
        driver.hear_quorum(NULLIFY, view)
    assert (NULLIFY, 6) not in driver.said(), "missed once"
    for view in (6, 7, 8, 9):
        driver.hear_quorum(NULLIFY, view)
    assert driver.engine._core.missed.keys() >= {1, 2, 3}
    assert (NULLIFY, 10) not in driver.said(), "three of four are missing: it may be us who hear nothing"
    for by in (1, 3):
        driver.hear(NULLIFY, 10, by=by)
    driver.hear_quorum(NULLIFY, 10)
    for view in (11, 12, 13):
        driver.hear_quorum(NULLIFY, view)
    assert driver.engine.status().view == 14
    assert driver.said() == [(NULLIFY, 14)], "a quorum is active"
    driver = Driver(me=0)
    for view in range(1, 14):
        for by in (1, 3):
            driver.hear(NULLIFY, view, by=by)
        if view == 11:
            driver.hear(NOTARIZE, 11, b"\x07" * 32, by=2)
        driver.hear_quorum(NULLIFY, view)
    assert driver.engine.status().view == 14 and driver.said() == [], "a word of it came"


def test_a_vote_that_is_no_longer_needed_is_still_wanted_of_a_leader_that_missed_its_turn() -> None:
    net = Net(4)
    net.cut = {2}
    net.busy(1_000)
    node: Node = net.nodes[0]
    assert 2 in node.engine._core.missed
    net.cut = set()
    net.run(2_500)
    net.busy(1_000)
    assert 2 not in node.engine._core.missed


def test_when_more_than_f_are_silent_nobody_is_skipped_and_the_network_goes_on_when_one_is_back() -> None:
    net = Net(4)
    net.cut = {1, 2}
    net.submit()
    net.run(20_000)
    assert net.lowest() == 0 and net.nodes[0].engine.status().view <= 2
    net.cut = {2}
    assert net.run(5_000, lambda: net.lowest() > 0)


def test_a_lone_validator_skips_nobody() -> None:
    net = Net(1)
    net.busy(500)
    assert net.nodes[0].engine._core.missed == {} and net.lowest() > 5
