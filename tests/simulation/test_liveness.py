"""Networks that are healthy, slow or half dead, and must go on."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from consensus.effects import PeerMessage
from tallystick.votes import Certificate, Vote, VoteKind
from tests.simulation.cluster import Cluster
from tests.simulation.machine import Machine
from tests.simulation.schedule import Fault, Schedule, Temper
from tests.simulation.world import Faults

YEAR_MS = 366 * 24 * 3_600_000
MINUTE_MS = 60_000
NULLIFIED = "views with a nullify certificate"


def network(count: int = 4, seed: int = 5, *mute: int, **more: Any) -> Cluster:
    """A cluster without faults but for validators that are as good as dead."""
    traitors = dict.fromkeys(mute, "mute")
    schedule = Schedule(seed=seed, count=count, duration_ms=0, traitors=traitors, idle_block_ms=1_000)
    return Cluster(msgspec.structs.replace(schedule, **more))


class LateListener(Machine):
    """Hears of notarisations only after its own time-out: so it nullifies each view, lawfully, and never finalizes."""

    slow = True

    def too_early(self, message: PeerMessage) -> bool:
        if not self.slow or not isinstance(message, Vote | Certificate):
            return False
        view = message.statement.view
        held = self.engine._core.views.rounds.get(view)
        given_up = held is not None and VoteKind.NULLIFY in held.own
        return message.statement.kind is VoteKind.NOTARIZE and view > self.engine.status().final_view and not given_up

    def receive(self, source: int, message: PeerMessage) -> None:
        if self.too_early(message):
            self.later(50, self.receive, source, message)
        else:
            super().receive(source, message)

    def take_certificate(self, certificate: Certificate) -> None:
        if self.up and self.too_early(certificate):
            self.later(50, self.take_certificate, certificate)
        else:
            super().take_certificate(certificate)


class SilentHolder(Machine):
    """Votes, and so is a holder of every block; never gives one."""

    def serve_block(self, asker: int, block_hash: bytes) -> None:
        """Says nothing."""


def test_views_that_are_notarised_twice_nullified_and_twice_finalized_do_not_stop_the_chain() -> None:
    cluster = Cluster(Schedule(seed=5, count=4, duration_ms=0), {0: LateListener, 1: LateListener})
    cluster.start()
    cluster.run(100)
    cluster.run_until(300_000, lambda: cluster.machines[2].engine.status().view > 14)
    assert cluster.lowest_final() == 0, "the scenario must prevent finality"
    assert cluster.world.seen["views with a notarize certificate"] > 9, (
        "and yet blocks are notarised, beyond the bound on the lag"
    )
    for machine in cluster.machines[:2]:
        assert isinstance(machine, LateListener)
        machine.slow = False
    cluster.submit(3)
    cluster.run(50)
    cluster.demand_progress(10_000, heights=5)


def test_clocks_that_jumped_a_year_and_came_back_do_not_stop_the_chain() -> None:
    cluster = network()
    cluster.start()
    cluster.run(1_000)
    before = cluster.world.seen[NULLIFIED]  # who came up late has missed the first proposal
    for machine in cluster.machines:
        machine.skew_ms = YEAR_MS
    cluster.submit(1)
    cluster.run(500)
    for machine in cluster.machines:
        machine.skew_ms = 0
    cluster.submit(5)
    cluster.run(50)
    cluster.demand_progress(1_500, heights=2)
    lost = cluster.world.seen[NULLIFIED] - before
    assert lost <= 1, "the proposal that was on its way when the clocks came back"


def test_no_fault_from_before_the_healing_comes_back_after_it() -> None:
    """Else the demand for progress would ask more than the specification promises."""
    faults = (
        Fault(50, "clock", (0, -2_433, 1_667)),
        Fault(60, "stall", (1, 600, 1_000)),
        Fault(70, "clock_day", (YEAR_MS,)),
    )
    cluster = network(faults=faults, tempers=(Temper(skew_ms=-904), Temper(execution_ms=400)))
    cluster.start()
    cluster.run(200)
    cluster.heal()
    cluster.run(3_000)
    assert [machine.skew_ms for machine in cluster.machines] == [0] * 4
    assert max(machine.execution_ms for machine in cluster.machines) <= 5


def test_one_clock_ahead_within_the_drift_delays_and_is_never_invalid() -> None:
    cluster = network(seed=7)
    cluster.start()
    cluster.run(700)
    before = cluster.world.seen["nullify votes"]
    cluster.machines[1].skew_ms = 150
    cluster.run(3_000, [(100 * i, 1) for i in range(20)])
    assert cluster.world.seen["nullify votes"] == before
    assert all(machine.is_done(leaf) for machine in cluster.machines for leaf in cluster.submitted)


@pytest.mark.parametrize(
    "skews", [(-600, 0, 0), (-900, 0, 0), (-1_900, 0, 0), (0, -1_900, 0), (1_900, 0, 0), (-900, 0, 900)]
)
@pytest.mark.parametrize("dead", range(4))
def test_clocks_within_the_drift_do_not_keep_work_out_although_everybody_alive_is_needed(
    dead: int, skews: tuple[int, ...]
) -> None:
    """Who is behind outwaits no time-out, and the always votable block carries nothing."""
    cluster = network(4, 6, dead)
    for machine, skew_ms in zip(cluster.machines[dead + 1 :] + cluster.machines[:dead], skews, strict=True):
        machine.skew_ms = skew_ms
    cluster.start()
    cluster.run(500)
    cluster.submit(3)
    cluster.run(50)
    cluster.demand_progress(5_000)


def test_a_dead_leader_costs_nothing_after_it_missed_twice() -> None:
    cluster = network(4, 8, 2)
    cluster.start()
    cluster.run(3_000, [(50 * i, 1) for i in range(60)])
    nullified, view = cluster.world.seen[NULLIFIED], cluster.honest[0].engine.status().view
    before = cluster.judges.highest
    cluster.run(3_000, [(50 * i, 1) for i in range(60)])
    views = cluster.honest[0].engine.status().view - view
    assert cluster.world.seen[NULLIFIED] - nullified <= views // 4 + 1
    assert cluster.judges.highest - before >= 40, "no view of three seconds waits for the dead"
    assert all(machine.is_done(leaf) for machine in cluster.honest for leaf in cluster.submitted[:-3])


def test_after_a_power_cut_all_go_on_from_disk_alone() -> None:
    for seed in range(10):
        cluster = network(seed=seed)
        cluster.start()
        cluster.run(700 + 7 * seed, [(20 * i, 1) for i in range(30)])
        for machine in cluster.machines:
            machine.crash()
        for machine in cluster.machines:
            machine.start()
        cluster.submit(1)
        cluster.demand_progress(2_000, heights=1)


def test_q_validators_that_crash_right_after_their_nullify_get_over_it() -> None:
    cluster = network(4, 9, 1)
    cluster.start()
    cluster.run(400)
    cluster.submit(1)
    cluster.world.faults.sever({(a, b) for a in range(4) for b in range(4)})
    cluster.world.settle()
    cluster.run(3_000)
    for machine in cluster.machines:
        machine.crash()
    cluster.world.faults = Faults()
    for machine in cluster.machines:
        machine.start()
    cluster.demand_progress(6_000)


@pytest.mark.parametrize("minutes", [1, 10])
def test_after_minutes_without_a_quorum_the_next_height_comes_within_five_seconds(minutes: int) -> None:
    worst = 0
    for seed in range(6):
        cluster = network(seed=seed)
        cluster.start()
        cluster.run(400)
        cluster.world.faults.sever({(a, b) for a in range(4) for b in range(4) if a % 2 != b % 2})
        cluster.world.settle()
        cluster.submit(1)
        cluster.run(minutes * MINUTE_MS + 137 * seed)
        cluster.heal()
        cluster.demand_progress(5_000)
        worst = max(worst, cluster.first_ms)
    assert worst < 5_000


def test_a_machine_that_was_away_catches_up_through_one_certificate() -> None:
    cluster = network(seed=10)
    cluster.start()
    cluster.run(200)
    cluster.machines[3].crash()
    cluster.run(4_000, [(40 * i, 1) for i in range(90)])
    gap = cluster.machines[0].final_height - cluster.machines[3].final_height
    cluster.machines[3].start()
    cluster.run(2_500)
    assert gap > 10
    assert cluster.machines[3].final_height >= cluster.machines[0].final_height - 1


@pytest.mark.parametrize("ways", [(True, True), (True, False)])
def test_who_is_behind_catches_up_although_those_asked_first_do_not_answer_and_finality_never_pauses(
    ways: tuple[bool, bool],
) -> None:
    """One with a seat, or an observer; blocks come several times faster than a question is repeated."""
    classes = {index: SilentHolder for index, silent in enumerate(ways) if silent}
    for behind, observers in ((4, 0), (7, 1)):
        schedule = Schedule(seed=10, count=7, duration_ms=0, observers=observers, idle_block_ms=1_000)
        cluster = Cluster(schedule, classes)
        cluster.start()
        cluster.run(200)
        cluster.machines[behind].crash()
        cluster.run(4_000, [(20 * i, 1) for i in range(200)])
        gap = cluster.machines[2].final_height - cluster.machines[behind].final_height
        assert gap > 20
        cluster.machines[behind].start()
        cluster.run(2_500, [(20 * i, 1) for i in range(125)])
        assert cluster.machines[behind].final_height >= cluster.machines[2].final_height - 5


def test_slow_execution_keeps_blocks_empty_instead_of_letting_the_lag_grow() -> None:
    cluster = network(seed=11)
    for machine in cluster.machines:
        machine.execution_ms = 150
    cluster.start()
    cluster.run(12_000, [(10 * i, 1) for i in range(300)])
    lags = [header.height - header.executed.height for header in cluster.judges.headers.values()]
    assert max(lags) <= 12, max(lags)
    assert cluster.world.seen[NULLIFIED] <= 2
    cluster.run(8_000)
    assert all(not machine.pool for machine in cluster.machines)


def test_an_observer_follows_without_saying_anything() -> None:
    cluster = network(seed=12, observers=1)
    cluster.start()
    cluster.run(3_000, [(100 * i, 1) for i in range(20)])
    assert cluster.machines[4].final_height >= cluster.lowest_final() - 1 > 10


def test_work_that_only_one_validator_has_heard_of_is_done_although_another_is_dead() -> None:
    """Its nullifies wake leaders too late, and its own turns come after two lost views: gossip must help."""
    cluster = network(5, 13, 3)
    cluster.start()
    cluster.run(3_000)
    leaf = cluster.new_transaction()
    cluster.machines[4].submit(leaf)
    assert cluster.run_until(8_000, lambda: all(machine.is_done(leaf) for machine in cluster.honest))


def test_validators_change_from_one_to_seven_and_back() -> None:
    masks = [0b1, 0b11, 0b111, 0b1111, 0b11111, 0b111111, 0b1111111]
    steps = [*masks[1:], *masks[-2::-1]]
    cluster = network(1, 14, observers=6)
    cluster.start()
    for mask in steps:
        cluster.order_members(mask)
        before = len(cluster.judges.seats)
        assert cluster.run_until(20_000, partial(_handed_over, cluster, before)), f"no change to {mask:b}"
    assert [len(seats) for seats in cluster.judges.seats] == [1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1]


def test_an_epoch_whose_boundary_block_is_never_finalised_itself_ends_through_a_closing_header() -> None:
    faults = (Fault(0, "hold_finality", (900,)), Fault(100, "change_members", (0b11011,)))
    cluster = network(4, 30, observers=1, faults=faults)
    cluster.start()
    cluster.run(4_000, [(100 * i, 1) for i in range(20)])
    assert cluster.world.seen["boundary blocks held back from finality"] == 1
    assert cluster.world.seen["epochs proven by a closing header"] > 0
    assert cluster.judges.seats[-1] == (0, 1, 3, 4)
    cluster.heal()
    cluster.submit(2)
    cluster.demand_progress(6_000)


def test_one_validator_leaves_and_another_joins_while_the_leader_of_the_moment_is_down() -> None:
    for down in range(4):
        faults = (Fault(500, "change_members", (0b11011,)),)
        cluster = network(4, 20 + down, observers=1, faults=faults)
        cluster.start()
        cluster.run(700)
        cluster.machines[down].crash()
        cluster.submit(4)
        cluster.run(6_000)
        cluster.heal()
        cluster.submit(2)
        cluster.demand_progress(6_000)
        assert cluster.judges.seats[-1] == (0, 1, 3, 4)


def _handed_over(cluster: Cluster, epochs_before: int) -> bool:
    epochs = len(cluster.judges.seats)
    return epochs > epochs_before and all(machine.config.epoch == epochs - 1 for machine in cluster.machines)
