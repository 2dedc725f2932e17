"""Twins (Bano et al., arXiv 2004.10617): two machines with one key, every leader and every partition of each round.

n = 4, one validator has a twin: five processes. In each of three rounds, which here are views, one of the four
validators leads and the processes are in two camps (16 ways); only those in one camp hear each other's messages of
that view. Then all hear everything, and must agree and go on. 4 leaders and 16 partitions in 3 rounds are 262,144
cases; the three validators without a twin are alike, and so are the two halves, so that one of each class of
up to twelve alike cases is run.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, permutations, product
from multiprocessing import Pool
from random import Random
from typing import Any

from consensus.config import EngineConfig
from tallystick.validators import ValidatorSet
from tests.simulation.cluster import Cluster
from tests.simulation.reference import Membership
from tests.simulation.schedule import Network, Schedule
from tests.simulation.traitors.traitor import Traitor

ROUNDS = 3
COUNT = 4
TWIN = 0  # the validator with a twin; process 4 has its key
CAMPS = 16  # bit masks over processes 1 to 4: who is not in process 0's camp
BOUND_MS = 12_000
CHUNK = 256
Case = tuple[tuple[int, int], ...]  # leader and camp of each round


class Half(Traitor):
    """One of the two: honest code that does not know of the other."""


class LedBy(ValidatorSet, frozen=True):
    """A set whose first views are led as a case says."""

    leaders: tuple[int, ...] = ()

    def leader_of(self, view: int) -> int:
        """Round-robin after the rounds of the case."""
        return self.leaders[view - 1] if view <= len(self.leaders) else view % len(self.members)

    def digest(self) -> bytes:
        """The same set, as far as headers are concerned."""
        return ValidatorSet(self.members).digest()


class TwinsCluster(Cluster):
    """A cluster of one case."""

    def __init__(self, case: Case) -> None:
        schedule = Schedule(
            seed=1, count=COUNT, duration_ms=0, traitors={TWIN: "twins"}, network=Network(delay_max_ms=0)
        )
        self.leaders = tuple(leader for leader, _ in case)
        self.camps = tuple(_sides(camp) for _, camp in case)
        self.parted = True
        self._led: LedBy | None = None
        super().__init__(schedule, {TWIN: Half})
        self.judges.leaders = self.leaders
        self.world.filter = self.passes

    def config_of(self, membership: Membership, holder: int | None) -> EngineConfig:
        """With the leaders of the case, and time-outs that do not make it last."""
        config = super().config_of(membership, holder)
        if self._led is None:
            self._led = LedBy(config.validators.members, self.leaders)
        return replace(config, validators=self._led, spacing_ms=1, view_timeout_ms=60, resend_ms=120)

    def passes(self, source: int, target: int, message: Any) -> bool:
        """Whether the camps of the message's view let it through."""
        if not self.parted:
            return True
        about = getattr(message, "statement", None) or getattr(message, "header", None)
        view = about.view if about is not None else 1
        if view > ROUNDS:
            return True
        sides = self.camps[view - 1]
        return sides[source] == sides[target]

    def all_are_past(self) -> bool:
        """All honest machines left the parted rounds."""
        return all(machine.engine.status().view > ROUNDS for machine in self.honest if machine.up)


def _sides(camp: int) -> tuple[int, ...]:
    return (0, *(camp >> index & 1 for index in range(COUNT)))


def run_case(case: Case) -> Cluster:
    """Rounds in camps, then everybody hears everybody and the chain must go on."""
    cluster = TwinsCluster(case)
    cluster.start(spread_ms=0)
    cluster.submit(1)
    cluster.run_until(600, cluster.all_are_past)
    cluster.parted = False
    cluster.heal()
    cluster.demand_progress(BOUND_MS, heights=2)
    return cluster


def cases() -> Iterator[Case]:
    """One of each class of alike cases, in a fixed order."""
    choices = [(leader, camp) for leader in range(COUNT) for camp in range(CAMPS)]
    others = [index for index in range(COUNT) if index != TWIN]
    renamings = [dict(zip(others, renamed, strict=True)) | {TWIN: TWIN} for renamed in permutations(others)]
    alike = [{choice: _renamed(choice, names, swap) for choice in choices} for names in renamings for swap in (0, 1)]
    for case in product(choices, repeat=ROUNDS):
        if all(tuple(map(names.__getitem__, case)) >= case for names in alike):
            yield case


def _renamed(choice: tuple[int, int], names: dict[int, int], swap: int) -> tuple[int, int]:
    """The case with the validators without a twin renamed, and perhaps the two halves changed for each other."""
    leader, camp = choice
    apart = camp >> (COUNT - 1) & 1  # whether the halves are in different camps
    renamed = apart << (COUNT - 1)
    for index in range(1, COUNT):
        side = camp >> (index - 1) & 1
        renamed |= (side ^ (swap & apart)) << (names[index] - 1)
    return names[leader], renamed


def run_chunk(chunk: list[Case]) -> tuple[int, Counter[str], list[str]]:
    """How many ran, what was seen, and the complaints."""
    gc.collect()
    gc.disable()
    seen: Counter[str] = Counter()
    complaints = []
    for case in chunk:
        try:
            seen += run_case(case).world.seen
        except Exception as error:
            complaints.append(f"twins {case}: {type(error).__name__}: {error}")
    gc.enable()
    return len(chunk), seen, complaints


def run_twins(sample: int | None, jobs: int, seed: int = 1) -> int:
    """All cases, or a sample of them; the number of complaints."""
    start = time.perf_counter()
    if sample is None:
        todo: Iterator[Case] = cases()
    else:
        everything = list(cases())
        todo = iter(Random(seed).sample(everything, min(sample, len(everything))))
    count, seen, complaints = 0, Counter[str](), list[str]()
    with Pool(jobs) as pool:
        for number, found, bad in pool.imap_unordered(run_chunk, iter(lambda: list(islice(todo, CHUNK)), [])):
            count, seen, complaints = count + number, seen + found, complaints + bad
    seconds = time.perf_counter() - start
    print(f"twins: {count} cases, {len(complaints)} violations, {seconds:.0f} s, {60 * count / seconds:.0f} per minute")
    for name, number in sorted(seen.items()):
        print(f"    {number:9} {name}")
    for complaint in complaints[:20]:
        print("  " + complaint[:400])
    return len(complaints)
