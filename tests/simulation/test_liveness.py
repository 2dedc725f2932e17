"""Networks that are healthy, slow or half dead, and must go on."""

from __future__ import annotations

from functools import partial

import pytest

from consensus.effects import PeerMessage
from tallystick.votes import Certificate, Vote, VoteKind
from tests.simulation.cluster import Cluster, Setup
from tests.simulation.machine import Machine
from tests.simulation.mutants import MUTANTS
from tests.simulation.traitors.withholder import Mute
from tests.simulation.world import EVENTS_MAX, Flood

YEAR_MS = 366 * 24 * 3_600_000


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
        if self.up and self.too_early(message):
            self.later(50, partial(self.receive, source, message))
        else:
            super().receive(source, message)

    def take_certificate(self, certificate: Certificate) -> None:
        if self.up and self.too_early(certificate):
            self.later(50, partial(self.take_certificate, certificate))
        else:
            super().take_certificate(certificate)


def split_views(views: int) -> Cluster:
    """n = 4: every view is notarised by all, nullified by two and finalized by two, for so many views."""
    cluster = Cluster(5, Setup(4, {0: LateListener, 1: LateListener}))
    cluster.judges.honest = frozenset(range(4))
    cluster.start()
    cluster.run(100)
    cluster.world.run_until(300_000, lambda: cluster.machines[2].engine.status().view > views)
    return cluster


def test_views_that_are_notarised_twice_nullified_and_twice_finalized_do_not_stop_the_chain() -> None:
    cluster = split_views(14)
    assert cluster.lowest_final() == 0, "the scenario must prevent finality"
    assert cluster.judges.seen["notarize certificate"] > 9, "and yet blocks are notarised, beyond the bound on the lag"
    for machine in cluster.machines[:2]:
        assert isinstance(machine, LateListener)
        machine.slow = False
    cluster.submit(3)
    cluster.run(50)
    cluster.demand_progress(10_000, heights=5)


def test_with_a_bound_on_the_lag_that_has_no_exception_the_same_network_stops() -> None:
    with MUTANTS["lag_bound_without_the_exception"]():
        cluster = split_views(14)
        for machine in cluster.machines[:2]:
            assert isinstance(machine, LateListener)
            machine.slow = False
        before = cluster.lowest_final()
        cluster.world.events = EVENTS_MAX - 5_000
        with pytest.raises(Flood):  # every proposal is refused at once, so views pass as fast as messages travel
            cluster.run(20_000)
        assert cluster.lowest_final() <= 1 < before + 2, "a first block may still become final, and then nothing"


def test_clocks_that_jumped_a_year_and_came_back_do_not_stop_the_chain() -> None:
    cluster = Cluster(6, Setup(4))
    cluster.start()
    cluster.run(1_000)
    before = cluster.judges.seen["nullify certificate"]  # who came up late has missed the first proposal
    for machine in cluster.machines:
        machine.skew_ms = YEAR_MS
    cluster.submit(1)
    cluster.run(500)
    for machine in cluster.machines:
        machine.skew_ms = 0
    cluster.submit(5)
    cluster.run(50)
    cluster.demand_progress(1_500, heights=2)
    late = "the proposal that was on its way when the clocks came back"
    assert cluster.judges.seen["nullify certificate"] <= before + 1, late


def test_one_clock_ahead_within_the_drift_delays_and_is_never_invalid() -> None:
    cluster = Cluster(7, Setup(4))
    cluster.start()
    cluster.run(700)
    before = cluster.judges.seen["nullify"]
    cluster.machines[1].skew_ms = 150
    cluster.run(3_000, [(100 * i, 1) for i in range(20)])
    assert cluster.judges.seen["nullify"] == before
    assert all(len(machine.used) == 20 for machine in cluster.machines)


def test_a_dead_validator_costs_one_time_out_in_each_of_its_views() -> None:
    cluster = Cluster(8, Setup(4, {2: Mute}))
    cluster.start()
    cluster.run(10_000, [(50 * i, 1) for i in range(150)])
    assert all(len(machine.used) == 150 for machine in cluster.honest)
    views = cluster.honest[0].engine.status().view
    assert cluster.judges.seen["nullify certificate"] <= views // 4 + 1
    assert views > 40, "about one second for four views"


def test_after_a_power_cut_all_go_on_from_disk_alone() -> None:
    for seed in range(10):
        cluster = Cluster(seed, Setup(4))
        cluster.start()
        cluster.run(700 + 7 * seed, [(20 * i, 1) for i in range(30)])
        before = cluster.lowest_final()
        for machine in cluster.machines:
            machine.crash()
        for machine in cluster.machines:
            machine.start()
        cluster.demand_progress(2_000, heights=1)
        assert cluster.lowest_final() > before


def test_q_validators_that_crash_right_after_their_nullify_get_over_it() -> None:
    cluster = Cluster(9, Setup(4, {1: Mute}))
    cluster.start()
    cluster.run(400)
    cluster.world.faults.cut = {(a, b) for a in range(4) for b in range(4)}
    cluster.run(3_000)
    for machine in cluster.machines:
        machine.crash()
    cluster.world.faults.cut = set()
    for machine in cluster.machines:
        machine.start()
    cluster.demand_progress(6_000)


def test_a_machine_that_was_away_catches_up_through_one_certificate() -> None:
    cluster = Cluster(10, Setup(4))
    cluster.start()
    cluster.run(200)
    cluster.machines[3].crash()
    cluster.run(4_000, [(40 * i, 1) for i in range(90)])
    gap = cluster.machines[0].final_height - cluster.machines[3].final_height
    cluster.machines[3].start()
    cluster.run(2_500)
    assert gap > 10
    assert cluster.machines[3].final_height >= cluster.machines[0].final_height - 1


def test_slow_execution_keeps_blocks_empty_instead_of_letting_the_lag_grow() -> None:
    cluster = Cluster(11, Setup(4))
    for machine in cluster.machines:
        machine.execution_ms = 150
    cluster.start()
    cluster.run(12_000, [(10 * i, 1) for i in range(300)])
    lags = [header.height - header.executed.height for header in cluster.judges.headers.values()]
    assert max(lags) <= 12, max(lags)
    assert cluster.judges.seen["nullify certificate"] <= 2
    cluster.run(8_000)
    assert all(not machine.pool for machine in cluster.machines)


def test_an_observer_follows_without_saying_anything() -> None:
    cluster = Cluster(12, Setup(4, observers=1))
    cluster.start()
    cluster.run(3_000, [(100 * i, 1) for i in range(20)])
    assert cluster.machines[4].final_height >= cluster.lowest_final() - 1 > 10


def test_work_that_only_one_validator_has_heard_of_is_done_although_another_is_dead() -> None:
    """Its nullifies wake leaders too late, and its own turns come after two lost views: gossip must help."""
    cluster = Cluster(13, Setup(5, {3: Mute}))
    cluster.start()
    cluster.run(3_000)
    cluster.machines[4].submit(b"\x77" * 32)
    cluster.demand_progress(8_000)
