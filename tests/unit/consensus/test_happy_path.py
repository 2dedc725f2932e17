"""Clusters without faults: blocks are final, certified, and idle chains are quiet."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.simulation.cluster import Cluster, Setup


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 31])
def test_all_submitted_work_is_final_and_certified_without_a_time_out(count: int) -> None:
    cluster = Cluster(count, Setup(count))
    cluster.start(spread_ms=0)
    cluster.run(1_000, [(100, 3), (300, 1)])
    assert cluster.judges.seen["nullify"] == 0
    assert all(len(machine.used) == 4 and not machine.pool for machine in cluster.machines)
    newest = max(height for height, header in cluster.judges.headers.items() if header.transaction_count)
    certified = max(header.executed.height for header in cluster.judges.headers.values())
    assert certified >= newest


def test_an_idle_chain_makes_a_heartbeat_and_a_block_that_certifies_it_per_idle_time() -> None:
    cluster = Cluster(1, Setup(4, idle_block_ms=1_000))
    cluster.start(spread_ms=0)
    cluster.run(10_100)
    assert 18 <= cluster.lowest_final() <= 20
    assert cluster.judges.seen["nullify"] == 0


def test_work_wakes_an_idle_chain_at_once() -> None:
    cluster = Cluster(1, Setup(4, idle_block_ms=60_000))
    cluster.start(spread_ms=0)
    cluster.run(5_000)
    before = cluster.lowest_final()
    cluster.run(100, [(0, 1)])
    assert cluster.lowest_final() >= before + 2, "the block and the one that certifies it"


def test_blocks_under_load_keep_their_distance() -> None:
    cluster = Cluster(1, Setup(4))
    cluster.start(spread_ms=0)
    cluster.run(2_000, [(10 * i, 1) for i in range(200)])
    headers = [cluster.judges.headers[height] for height in sorted(cluster.judges.headers)]
    assert len(headers) > 50
    # the next leader measures from its own acceptance of the parent, so messages' jitter may shorten the distance
    assert all(later.time_ms - earlier.time_ms >= 18 for earlier, later in pairwise(headers))
