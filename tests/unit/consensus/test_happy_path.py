"""Networks without faults: what becomes of work, and how many words it takes."""

from __future__ import annotations

from itertools import pairwise

from tallystick.proposals import Proposal
from tallystick.votes import Certificate, Vote, VoteKind
from tests.unit.consensus.net import Net


def test_all_work_is_final_on_all_machines_and_certified_soon_after() -> None:
    net = Net(4)
    net.busy(2_000)
    net.run(200)
    assert all(len(node.used) == 100 and not node.pool for node in net.nodes)
    assert len({node.chain[-1].block_hash() for node in net.nodes}) == 1
    newest = max(header.height for header in net.nodes[0].chain if header.transaction_count)
    assert net.nodes[0].chain[-1].executed.height >= newest
    assert not [m for _, _, m in net.sent if isinstance(m, Vote) and m.statement.kind is VoteKind.NULLIFY]


def test_a_block_is_notarised_two_delays_after_its_proposal_and_final_one_later() -> None:
    net = Net(4, delay_ms=10)
    net.busy(1_000)
    proposed = {m.header.view: at for at, _, m in net.sent if isinstance(m, Proposal)}
    for kind, delays in ((VoteKind.NOTARIZE, 2), (VoteKind.FINALIZE, 3)):
        first: dict[int, int] = {}
        for at, _, m in net.sent:
            if isinstance(m, Certificate) and m.statement.kind is kind:
                first.setdefault(m.statement.view, at)
        taken = [first[view] - at for view, at in proposed.items() if view in first]
        assert len(taken) > 20 and max(taken) <= delays * 10 + 2, taken  # a turn to check contents


def test_an_idle_time_of_a_second_makes_one_empty_block_a_second() -> None:
    net = Net(4, settings={"idle_block_ms": 1_000})
    net.run(10_100)
    assert 9 <= net.lowest() <= 12


def test_blocks_under_load_keep_their_distance() -> None:
    net = Net(4)
    net.busy(2_000)
    headers = net.nodes[0].chain
    assert len(headers) > 50
    # the next leader measures from its own acceptance of the parent, so messages' jitter may shorten the distance
    assert all(later.time_ms - earlier.time_ms >= 18 for earlier, later in pairwise(headers))
