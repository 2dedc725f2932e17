"""A run drawn from one seed: who is a traitor, which faults happen when, and the demand for progress at the end."""

from __future__ import annotations

from functools import partial
from random import Random

from consensus.engine import Engine
from tests.simulation.cluster import Cluster, Setup
from tests.simulation.machine import Machine
from tests.simulation.traitors.amnesiac import Amnesiac
from tests.simulation.traitors.equivocator import Equivocator
from tests.simulation.traitors.liar import Forger, Forker, Liar
from tests.simulation.traitors.replayer import Replayer
from tests.simulation.traitors.withholder import Mute, Nuller, Withholder
from tests.simulation.world import Faults

TRAITORS: tuple[type[Machine], ...] = (Equivocator, Withholder, Nuller, Replayer, Amnesiac, Liar, Forger, Forker, Mute)
INSIDERS: tuple[type[Machine], ...] = (Equivocator, Liar, Forger, Forker)
PROGRESS_BOUND_MS = 20_000


def is_calm(seed: int) -> bool:
    """A quarter of the runs has slow wires, steady work and no other fault than traitors: their best ground."""
    return seed % 4 == 3


def setup_of(seed: int, engine_class: type[Engine] = Engine) -> Setup:
    """Size and traitors; two of three runs have as many traitors as n allows."""
    random = Random(seed * 2 + 1)
    count = random.choice((1, 4, 4, 4, 4, 5, 7))
    faults = (count - 1) // 3 if random.random() < 0.67 else 0
    indices = random.sample(range(count), faults)
    kinds = INSIDERS if is_calm(seed) else TRAITORS
    traitors = {index: random.choice(kinds) for index in sorted(indices)}
    return Setup(count, traitors, engine_class, idle_block_ms=random.choice((100, 1_000)))


def run_seed(seed: int, engine_class: type[Engine] = Engine, trace: bool = False) -> Cluster:
    """One whole run; raises ``Violation`` (or what the engine raised) when a rule is broken."""
    cluster = Cluster(seed, setup_of(seed, engine_class))
    if trace:
        cluster.world.trace = print
    duration_ms = cluster.world.random.randint(1_500, 5_000)
    if is_calm(seed):
        cluster.world.faults.delay_max_ms = cluster.world.random.choice((20, 60))
        for at_ms in range(0, duration_ms, 50):
            cluster.world.later(at_ms, partial(cluster.submit, 1))
    else:
        plan_faults(cluster, duration_ms)
    cluster.start()
    cluster.run(duration_ms)
    cluster.heal()
    cluster.submit(2)
    cluster.run(50)
    cluster.demand_progress(PROGRESS_BOUND_MS)
    return cluster


def plan_faults(cluster: Cluster, duration_ms: int) -> None:
    """Each run draws its own rates, so that quiet and wild networks both happen."""
    world, random = cluster.world, cluster.world.random
    world.faults = Faults(
        delay_max_ms=random.choice((1, 3, 20, 60)),
        loss=random.choice((0, 0, 0.02, 0.1, 0.3)),
        duplication=random.choice((0, 0, 0.1)),
        straggle=random.choice((0, 0, 0.05, 0.2)),
        straggle_max_ms=random.choice((100, 700, 2_000)),
    )
    for machine in cluster.machines:
        machine.skew_ms = random.choice((0, 0, 0, random.randint(-3_000, 3_000)))
        machine.execution_ms = random.choice((1, 1, 5, 60, 400))
        machine.crash_rate = random.choice((0, 0, 0, 0.002, 0.01))
    for _ in range(random.randint(0, 12)):
        world.later(random.randint(0, duration_ms), partial(cluster.submit, random.randint(1, 8)))
    for _ in range(random.choice((0, 0, 1, 3))):
        world.later(random.randint(0, duration_ms), partial(split, cluster))
    if random.random() < 0.1:
        world.later(random.randint(0, duration_ms), partial(clock_day, cluster, random.randint(10_000, 10**10)))
    if random.random() < 0.15:
        world.later(random.randint(0, duration_ms // 2), partial(blackout, cluster))
    for _ in range(random.choice((0, 1, 2))):
        world.later(random.randint(0, duration_ms), partial(power_cut, cluster))


def split(cluster: Cluster) -> None:
    """Some machines do not hear, or are not heard by, the others for a while."""
    world, random = cluster.world, cluster.world.random
    indices = range(len(cluster.machines))
    some = [index for index in indices if random.random() < 0.5]
    pairs = {(a, b) for a in some for b in indices if b not in some}
    if random.random() < 0.7:
        pairs |= {(b, a) for a, b in pairs}
    faults = world.faults
    faults.cut |= pairs
    cluster.judges.seen["partitions"] += 1
    world.later(random.randint(100, 2_000), partial(faults.cut.difference_update, pairs))


def power_cut(cluster: Cluster) -> None:
    """One machine, some, or all stop at once."""
    random = cluster.world.random
    rate = random.choice((0.3, 0.6, 1.0))
    for machine in cluster.machines:
        if random.random() < rate:
            stop(cluster, machine)


def blackout(cluster: Cluster) -> None:
    """No wire works, so everybody gives the view up alone; then all power fails at once, and both come back."""
    indices = range(len(cluster.machines))
    pairs = {(a, b) for a in indices for b in indices}
    cluster.world.faults.cut |= pairs
    cluster.judges.seen["blackouts"] += 1
    for machine in cluster.machines:
        cluster.world.later(cluster.world.random.randint(1_700, 1_800), partial(stop, cluster, machine))
    cluster.world.later(1_800, partial(cluster.world.faults.cut.difference_update, pairs))


def stop(cluster: Cluster, machine: Machine) -> None:
    """One crash."""
    if machine.up:
        machine.crash()
        cluster.restart_later(machine)


def clock_day(cluster: Cluster, ahead_ms: int) -> None:
    """All clocks jump ahead, and come back after a while: chain time stays where it went."""
    cluster.judges.seen["clock days"] += 1
    for machine in cluster.machines:
        machine.skew_ms += ahead_ms
        cluster.world.later(400, partial(set_right, machine))


def set_right(machine: Machine) -> None:
    """The clock is right again."""
    machine.skew_ms = 0
