"""A network without work is silent but for heartbeats, and wakes at once."""

from __future__ import annotations

from consensus.effects import FetchCertificates
from consensus.inputs import PeerHead, TimePassed
from tallystick.limits import IDLE_BLOCK_MS, VIEW_MAX
from tallystick.votes import Vote, VoteKind
from tests.unit.consensus.driver import Driver, vote
from tests.unit.consensus.net import Net

NULLIFY = VoteKind.NULLIFY


def nullifies(net: Net) -> int:
    """How often a view was given up."""
    return sum(1 for _, _, m in net.sent if isinstance(m, Vote) and m.statement.kind is VoteKind.NULLIFY)


def test_a_new_network_proves_its_genesis_and_is_silent_but_for_a_pair_of_blocks_per_heartbeat() -> None:
    net = Net(4)
    net.run(1_000)
    assert net.lowest() == 2, "a first block, and one that certifies it"
    said = len(net.sent)
    net.run(IDLE_BLOCK_MS - 2_000)
    assert len(net.sent) == said, "not one message"
    net.run(10 * IDLE_BLOCK_MS)
    assert net.lowest() == 2 + 2 * 10 and nullifies(net) == 0
    chain = net.nodes[0].chain
    gaps = [later.time_ms - earlier.time_ms for earlier, later in zip(chain[1::2], chain[2::2], strict=False)]
    assert all(IDLE_BLOCK_MS <= gap <= IDLE_BLOCK_MS + 100 for gap in gaps)
    for heartbeat, certifying in zip(chain[2::2], chain[3::2], strict=True):
        assert certifying.executed.height == heartbeat.height, "a proof is never older than one heartbeat"
        assert certifying.time_ms - heartbeat.time_ms < 300


def test_work_is_done_and_certified_at_once_in_a_network_at_rest_and_then_it_rests_again() -> None:
    net = Net(4)
    net.run(20_000)
    before = net.lowest()
    net.submit()
    net.run(100)
    assert net.lowest() == before + 2, "the block, and the one that certifies it"
    assert net.nodes[0].chain[-1].executed.height == before + 1
    net.run(30_000)
    assert net.lowest() == before + 2 and nullifies(net) == 0


def test_work_that_one_validator_alone_knows_of_wakes_the_others_by_its_nullify() -> None:
    net = Net(4)
    net.run(20_000)
    before = net.lowest()
    lonely = net.nodes[3]
    lonely.pool[b"\x77" * 32] = None
    lonely.tell_work()
    assert net.run(8_000, lambda: not lonely.pool), "its own turn comes"
    assert net.lowest() >= before + 1


def test_due_work_wakes_a_network_at_rest_on_time() -> None:
    net = Net(4)
    net.run(20_000)
    before = net.lowest()
    for node in net.nodes:
        node.due_ms = node.now().wall_ms + 5_000
        node.tell_work()
    net.run(4_990)
    assert net.lowest() == before
    net.run(200)
    block = net.nodes[0].chain[before]
    assert block.due_work and block.time_ms - 5_000 < net.nodes[0].now().wall_ms
    assert nullifies(net) == 0


def test_a_dead_leader_at_the_time_of_the_heartbeat_is_passed_over() -> None:
    net = Net(4)
    net.run(5_000)
    net.cut = {net.nodes[0].engine.status().leader}
    net.run(IDLE_BLOCK_MS)
    assert net.lowest() == 4 and nullifies(net) == 3


def test_a_validator_that_missed_the_last_words_before_the_silence_asks_for_them() -> None:
    net = Net(4)
    net.run(5_000)
    net.drop = lambda source, target, message: target == 3
    net.submit()
    net.run(300)
    net.drop = lambda source, target, message: False
    assert net.nodes[3].final_height == 2 and net.nodes[0].final_height == 4
    for _ in range(4):
        net.tell_heads()
        net.run(1_000)
    assert net.nodes[3].final_height == 4


def test_a_liar_about_its_view_is_asked_now_and_then_and_moves_nobody() -> None:
    driver = Driver()
    asked = 0
    for _ in range(60):
        driver.give(PeerHead(2, VIEW_MAX))
        driver.wait(1_000)
        driver.give(TimePassed())
        asked += len(driver.effects_of(FetchCertificates))
    assert 1 <= asked <= 60 and driver.engine.status().view == 1
    driver.give(PeerHead(2, 1))
    driver.wait(10_000)
    driver.give(TimePassed())
    assert not driver.effects_of(FetchCertificates)


def test_a_standstill_says_little_and_rest_says_nothing() -> None:
    net = Net(4)
    net.run(5_000)
    net.cut = {0, 1}
    net.submit()
    net.run(10_000)
    net.sent.clear()
    net.run(60_000)
    assert len(net.sent) <= 2 * 60 * 10, "a handful of messages a second and validator"
    net.cut = set()
    assert net.run(5_000, lambda: all(not node.pool for node in net.nodes))
    net.run(5_000)
    net.sent.clear()
    net.run(20_000)
    assert net.sent == []


def test_one_validator_that_gives_up_every_view_does_not_keep_the_others_busy() -> None:
    net = Net(4, cut={0})
    net.run(5_000)
    before = net.lowest()
    for _ in range(40):
        for node in net.nodes[1:]:
            node.receive(vote(NULLIFY, node.engine.status().view, by=0))
        net.run(50)
    assert before + 1 <= net.lowest() <= before + 3, "about a block a second"


def test_a_validator_that_restarts_in_the_silence_costs_a_few_blocks_and_then_all_rest_again() -> None:
    for index in range(4):
        net = Net(4)
        net.run(5_000)
        before = net.lowest()
        net.nodes[index].restart()
        net.run(5_000)
        assert before + 1 <= net.lowest() <= before + 4
        said = len(net.sent)
        net.run(20_000)
        assert len(net.sent) == said
