"""How many message delays agreement takes: all wires take exactly as long, and everything else takes no time.

Three are the least that the protocol takes: the proposal, the votes for it, the votes that it is final.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from tallystick.blocks import Header
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate
from tests.simulation.cluster import Cluster
from tests.simulation.judges import Judges
from tests.simulation.schedule import Schedule
from tests.simulation.world import Faults

DELAY_MS = 50
LOCAL_MS = 20  # the contents of a block are looked at within 5 ms here, and executed within 1; filled at once


class Stopwatch(Judges):
    """Judges that write down when things happened; times in milliseconds."""

    def watch(self, now_ms: Callable[[], int]) -> None:
        """Begin."""
        self.now_ms = now_ms
        self.proposed_ms: dict[bytes, int] = {}
        self.final_ms: dict[tuple[int, int], int] = {}  # machine, height

    def proposal_sent(self, machine: int, proposal: Proposal | ClosingProposal) -> None:
        """See ``Judges``."""
        super().proposal_sent(machine, proposal)
        self.proposed_ms.setdefault(proposal.header.block_hash(), self.now_ms())

    def finalised(
        self, machine: int, header: Header, block_hash: bytes, leaves: tuple[bytes, ...], certificate: Certificate
    ) -> None:
        """See ``Judges``."""
        super().finalised(machine, header, block_hash, leaves, certificate)
        self.final_ms.setdefault((machine, header.height), self.now_ms())


def cluster_of(count: int, idle_block_ms: int) -> tuple[Cluster, Stopwatch]:
    """A healthy cluster, started, whose wires all take ``DELAY_MS``."""
    cluster = Cluster(Schedule(seed=count, count=count, duration_ms=0, idle_block_ms=idle_block_ms))
    judges = cluster.judges
    judges.__class__ = Stopwatch
    assert isinstance(judges, Stopwatch)
    judges.watch(lambda: cluster.world.now_ms)
    cluster.world.faults = Faults(delay_min_ms=DELAY_MS, delay_max_ms=DELAY_MS)
    for machine in cluster.machines:
        machine.fill_ms = 1
    cluster.start()
    cluster.run(3_000)
    return cluster, judges


def delays(ms: int) -> float:
    """In message delays."""
    return ms / DELAY_MS


@pytest.mark.parametrize("count", [4, 7, 10])
def test_a_transaction_that_a_leader_has_at_rest_is_final_everywhere_after_three_delays_and_a_half(count: int) -> None:
    cluster, judges = cluster_of(count, idle_block_ms=60_000)
    taken = []
    for number in range(12):
        leaf = cluster.new_transaction()
        leader = cluster.machines[cluster.machines[0].engine.status().leader]
        others = [machine for machine in cluster.machines if machine is not leader]
        began_ms = cluster.world.now_ms
        leader.submit(leaf)
        for other in others:  # the leader's gossip goes with its proposal
            cluster.world.later(DELAY_MS, other.submit, leaf)
        assert cluster.run_until(2_000, partial(_done, cluster, leaf))
        height = judges.done[leaf]
        taken.append(max(judges.final_ms[index, height] for index in range(count)) - began_ms)
        cluster.run(1_500 + 37 * number)
    assert 3.0 <= delays(max(taken)) <= 3.5, taken
    assert cluster.world.seen["nullify votes"] == 0


@pytest.mark.parametrize("count", [4, 7, 10])
def test_under_load_every_block_is_final_everywhere_three_delays_and_a_half_after_its_proposal(count: int) -> None:
    cluster, judges = cluster_of(count, idle_block_ms=60_000)
    first = judges.highest
    cluster.run(6_000, [(13 * number, 1) for number in range(400)])
    heights = range(first + 1, cluster.lowest_final() + 1)
    taken = [
        max(judges.final_ms[index, height] for index in range(count)) - judges.proposed_ms[judges.final[height]]
        for height in heights
    ]
    assert len(taken) > 40 and 3.0 <= delays(max(taken)) <= 3.5, (len(taken), max(taken))
    starts = [judges.proposed_ms[judges.final[height]] for height in heights]
    between = [later - earlier for earlier, later in pairwise(starts)]
    assert delays(sum(between)) / len(between) <= 2.0 + LOCAL_MS / DELAY_MS, "a block every two delays"
    assert cluster.world.seen["nullify votes"] == 0


def _done(cluster: Cluster, leaf: bytes) -> bool:
    return all(machine.is_done(leaf) for machine in cluster.machines)
