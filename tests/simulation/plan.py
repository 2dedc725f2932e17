"""Runs drawn from seeds: who is a traitor, which faults happen when; and how a run goes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from tests.simulation.cluster import Cluster
from tests.simulation.faults import DROPPED
from tests.simulation.schedule import Fault, Network, Schedule, Temper
from tests.simulation.traitors import INSIDERS
from tests.simulation.traitors import KINDS as TRAITORS

PROGRESS_BOUND_MS = 15_000
HEIGHTS = 20  # of a run, about


def is_calm(seed: int) -> bool:
    """A quarter of the runs has slow wires, steady work and no other fault than traitors: their best ground."""
    return seed % 4 == 3


def draw(seed: int) -> Schedule:
    """The schedule of a seed. Each run draws its own rates, so that quiet and wild networks both happen."""
    random = Random(seed * 2 + 1)
    count = random.choice((1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 7, 7, 10))
    budget = (count - 1) // 3 if random.random() < 0.75 else 0  # of traitors and lost disks
    calm = is_calm(seed)
    lost = [index for index in random.sample(range(count), budget) if not calm and random.random() < 0.15]
    chosen = random.sample([index for index in range(count) if index not in lost], budget - len(lost))
    kinds = INSIDERS if calm else tuple(TRAITORS)
    traitors = {index: random.choice(kinds) for index in sorted(chosen)}
    duration_ms = random.randint(900, 1_400) if calm else random.randint(1_000, 3_500)
    total = count + random.choice((0, 0, 0, 0, 1, 3))
    base = Schedule(
        seed=seed,
        count=count,
        duration_ms=duration_ms,
        traitors=traitors,
        observers=total - count,
        idle_block_ms=random.choice((100, 1_000, 60_000)),
        spacing_ms=random.choice((0, 20) if count == 1 else (5, 20, 20, 20)),
    )
    if calm:
        return _calm(base, random)
    if seed % 32 == 21:
        return _late(base, random)
    if seed % 32 == 13:
        return _often_changing(base, random)
    if random.random() < 0.06:
        return _dark(base, random, chosen, lost)
    if random.random() < 0.08:
        return _changing(base, random, total)
    if random.random() < 0.06 and count > 1:
        return _behind(base, random)
    if random.random() < 0.02:
        return _leaderless(base, random)
    return _wild(base, random, total, lost)


def _calm(base: Schedule, random: Random) -> Schedule:
    work = tuple(Fault(at_ms, "transactions", (1,)) for at_ms in range(0, base.duration_ms, 50))
    tempers = (Temper(execution_ms=random.choice((1, 1, 60, 150))),) * (base.count + base.observers)
    return _with(base, network=Network(delay_max_ms=random.choice((20, 60))), tempers=tempers, faults=work)


def _dark(base: Schedule, random: Random, chosen: list[int], lost: list[int]) -> Schedule:
    """As many as may be are as good as dead, and the rest lose wires and power: from disk alone they must go on."""
    faults = (Fault(random.randint(0, 400), "transactions", (3,)), Fault(random.randint(100, 700), "blackout", ()))
    traitors = dict.fromkeys(sorted([*chosen, *lost]), "mute")
    return _with(base, traitors=traitors, faults=faults, duration_ms=4_000)


def _changing(base: Schedule, random: Random, total: int) -> Schedule:
    """Validators change while finalize votes are lost: epochs end through closing headers, or late."""
    faults = [
        Fault(0, "transactions", (2,)),
        *_at(random, 900, "transactions", 3),
        *_at(random, 2_000, "transactions", 3),
    ]
    for at_ms in (50, 900):
        faults.append(Fault(at_ms, "change_members", (_members(random, total, list(base.traitors)),)))
        faults.append(Fault(at_ms, "hold_finality", (random.randint(100, 900),)))
    tempers = (Temper(execution_ms=20, fill_ms=60),) * total if random.random() < 0.5 else ()
    faults.sort(key=lambda fault: fault.at_ms)
    traitors = dict.fromkeys(base.traitors, "liar") if random.random() < 0.4 else base.traitors
    return _with(base, duration_ms=2_500, faults=tuple(faults), tempers=tempers, traitors=traitors)


def _often_changing(base: Schedule, random: Random) -> Schedule:
    """Epoch after epoch, while heights are executed during the building of blocks.

    A block is begun before the height that asks for the switch is executed here, and complete, or voted on, after it.
    """
    observers = max(1, base.observers)
    total = base.count + observers
    faults = [Fault(0, "transactions", (2,))]
    for at_ms in range(50, 1_800, 250):
        faults.append(Fault(at_ms, "change_members", (_members(random, total, list(base.traitors)),)))
    tempers = (Temper(execution_ms=random.choice((40, 60)), fill_ms=60),) * total
    return _with(base, observers=observers, duration_ms=2_000, faults=tuple(faults), tempers=tempers)


def _behind(base: Schedule, random: Random) -> Schedule:
    """One machine hears nothing for a while and must fetch everything afterwards, also from those who lie in sync."""
    work = tuple(Fault(at_ms, "transactions", (1,)) for at_ms in range(0, 1_500, 60))
    alone = 1 << random.choice([index for index in range(base.count) if index not in base.traitors])
    faults = tuple(
        sorted([*work, Fault(random.randint(50, 300), "split", (alone, 900))], key=lambda fault: fault.at_ms)
    )
    traitors = dict.fromkeys(base.traitors, "sync liar")
    return _with(base, traitors=traitors, faults=faults, duration_ms=1_900, network=Network(delay_max_ms=5))


def _late(base: Schedule, random: Random) -> Schedule:
    """For a while more than f machines hear of notarisations too late: blocks become final through descendants."""
    count = max(4, base.count)
    late = sum(1 << index for index in random.sample(range(count), (count - 1) // 3 + 1))
    work = tuple(Fault(at_ms, "transactions", (1,)) for at_ms in range(0, 1_500, 100))
    fault = Fault(random.randint(50, 400), "late_notarisations", (late, random.randint(700, 2_000)))
    faults = tuple(sorted([*work, fault], key=lambda fault: fault.at_ms))
    return _with(base, count=count, observers=0, traitors={}, faults=faults, duration_ms=2_500)


def _leaderless(base: Schedule, random: Random) -> Schedule:
    """No proposal arrives for long: dozens of views in a row are nullified by a quorum."""
    faults = (Fault(200, "transactions", (2,)), Fault(random.randint(250, 600), "drop_kind", (0, 40_000)))
    return _with(base, duration_ms=41_000, faults=faults)


def _wild(base: Schedule, random: Random, total: int, lost: list[int]) -> Schedule:
    duration_ms = base.duration_ms
    network = Network(
        delay_max_ms=random.choice((1, 3, 20, 60)),
        loss=random.choice((0, 0, 20, 100, 300)),
        duplication=random.choice((0, 0, 100, 400)),
        straggle=random.choice((0, 0, 50, 200)),
        straggle_max_ms=random.choice((100, 700, 2_000)),
    )
    tempers = tuple(
        Temper(
            skew_ms=random.choice((0, 0, 0, random.randint(-3_000, 3_000))),
            execution_ms=random.choice((1, 1, 5, 60, 400)),
            crash=random.choice((0, 0, 0, 0, 200, 1_000)),
            late_ms=random.choice((0, 0, 0, 20)),
        )
        for _ in range(total)
    )
    faults = [Fault(0, "lose_disk", (index,)) for index in lost]
    faults = [Fault(random.randint(100, duration_ms), fault.kind, fault.numbers) for fault in faults]
    faulty = [*lost, *base.traitors]
    if random.random() < 0.25:
        for _ in range(random.randint(1, 3)):
            faults.append(Fault(random.randint(0, duration_ms), "change_members", (_members(random, total, faulty),)))
    for name, chance, most in _RATES:
        if random.random() < chance:
            for _ in range(random.randint(1, most)):
                faults += _DRAWN[name](random, total, duration_ms)
    end_ms = max([fault.at_ms + fault.numbers[1] for fault in faults if fault.kind == "split"], default=0)
    if end_ms > duration_ms + 10_000:  # a long outage lasts until the end, and all else is quiet
        network, duration_ms = Network(delay_max_ms=network.delay_max_ms), end_ms - 100
    faults.sort(key=lambda fault: fault.at_ms)
    return _with(base, network=network, tempers=tempers, faults=tuple(faults), duration_ms=duration_ms)


def _with(base: Schedule, **changes: object) -> Schedule:
    return msgspec.structs.replace(base, **changes)


_RATES = (  # kind, chance that a run has it at all, how often then
    ("transactions", 0.9, 10),
    ("resubmit", 0.4, 3),
    ("split", 0.3, 2),
    ("one_way", 0.2, 2),
    ("flapping", 0.08, 1),
    ("pause", 0.25, 3),
    ("crash", 0.4, 2),
    ("crash_at_effect", 0.2, 2),
    ("blackout", 0.12, 1),
    ("restore_backup", 0.15, 1),
    ("clock", 0.2, 2),
    ("clock_day", 0.08, 1),
    ("stall", 0.2, 2),
    ("outage", 0.03, 1),
    ("drop_kind", 0.12, 2),
)


def _at(random: Random, duration_ms: int, kind: str, *numbers: int) -> list[Fault]:
    return [Fault(random.randint(0, duration_ms), kind, numbers)]


def _side(random: Random, total: int) -> int:
    if random.random() < 0.3:  # one alone
        return 1 << random.randrange(total)
    return random.randrange(1, 1 << total)


def _members(random: Random, total: int, faulty: list[int]) -> int:
    """A set with no more traitors and lost disks than it bears."""
    while True:
        members = [index for index in range(total) if random.random() < 0.7]
        if members and sum(index in faulty for index in members) <= (len(members) - 1) // 3:
            return sum(1 << index for index in members)


def _outage(random: Random, total: int, duration_ms: int) -> list[Fault]:
    """Long without a quorum: two halves that do not hear each other."""
    half = sum(1 << index for index in random.sample(range(total), (total + 1) // 2))
    return [Fault(random.randint(0, duration_ms), "split", (half, random.randint(15_000, 40_000)))]


def _restore(random: Random, total: int, duration_ms: int) -> list[Fault]:
    index, at_ms = random.randrange(total), random.randint(0, duration_ms // 2)
    later_ms = at_ms + random.randint(100, duration_ms // 2)
    return [Fault(at_ms, "take_backup", (index,)), Fault(later_ms, "restore_backup", (index,))]


_DRAWN: dict[str, Callable[[Random, int, int], list[Fault]]] = {
    "transactions": lambda r, n, d: _at(r, d, "transactions", r.randint(1, 6)),
    "resubmit": lambda r, n, d: _at(r, d, "resubmit", r.randint(1, 6)),
    "split": lambda r, n, d: _at(r, d, "split", _side(r, n), r.randint(100, 2_000)),
    "one_way": lambda r, n, d: _at(r, d, "one_way", _side(r, n), r.randint(100, 2_000)),
    "flapping": lambda r, n, d: _at(r, d, "flapping", _side(r, n), r.randint(20, 200), r.randint(3, 6)),
    "pause": lambda r, n, d: _at(r, d, "pause", r.randrange(n), r.randint(20, 2_500)),
    "crash": lambda r, n, d: _at(r, d, "crash", r.choice((_side(r, n), (1 << n) - 1))),
    "crash_at_effect": lambda r, n, d: _at(r, d, "crash_at_effect", r.randrange(n), r.randint(1, 60)),
    "blackout": lambda r, n, d: [Fault(r.randint(0, d // 2), "blackout", ())],
    "restore_backup": _restore,
    "clock": lambda r, n, d: _at(r, d, "clock", r.randrange(n), r.randint(-10_000, 10_000), r.randint(100, 2_000)),
    "clock_day": lambda r, n, d: _at(r, d, "clock_day", r.randint(10_000, 10**10)),
    "outage": _outage,
    "drop_kind": lambda r, n, d: _at(r, d, "drop_kind", r.randrange(len(DROPPED)), r.randint(100, 2_000)),
    "stall": lambda r, n, d: _at(r, d, "stall", r.randrange(n), r.choice((150, 600)), r.randint(300, 2_000)),
}


def run(schedule: Schedule, trace: Callable[[str], None] | None = None) -> Cluster:
    """One whole run; raises ``Violation`` (or what the engine raised) when a rule is broken.

    First phase: faults for everybody, until its time is over or ``HEIGHTS`` heights are final and no fault is to come.
    Second phase: everything heals, and within a bound all must go on and all work must be done.
    """
    cluster = Cluster(schedule)
    try:
        _run(cluster, trace)
    finally:
        cluster.close()
    return cluster


def _run(cluster: Cluster, trace: Callable[[str], None] | None) -> None:
    schedule, world = cluster.schedule, cluster.world
    world.trace = trace
    last_ms = world.now_ms + max((fault.at_ms for fault in schedule.faults if fault.kind != "transactions"), default=0)
    judges = cluster.judges
    cluster.start()
    world.run_until(
        world.now_ms + schedule.duration_ms, lambda: judges.highest >= HEIGHTS - 4 and world.now_ms > last_ms
    )
    cluster.heal()
    cluster.submit(2)
    cluster.run(50)
    cluster.demand_progress(PROGRESS_BOUND_MS)


def run_seed(seed: int, trace: Callable[[str], None] | None = None) -> Cluster:
    """``run`` of ``draw``."""
    return run(draw(seed), trace)


def draw_ed25519(seed: int) -> Schedule:
    """The same with real signatures."""
    return _with(draw(seed), ed25519=True)


def draw_full(seed: int) -> Schedule:
    """Machines with the product's storage, signer's log and execution, and disks that fail."""
    base, random = draw(seed), Random(seed * 2 + 2)
    tempers = base.tempers or (Temper(),) * (base.count + base.observers)
    tempers = tuple(msgspec.structs.replace(temper, storage=random.choice((0, 0, 200, 1_000))) for temper in tempers)
    faults = tuple(fault for fault in base.faults if fault.kind not in ("change_members", "clock_day"))
    return _with(base, tempers=tempers, faults=faults, full=True)


KINDS: dict[str, Callable[[int], Schedule]] = {"consensus": draw, "full": draw_full, "ed25519": draw_ed25519}
