"""Twins (Bano et al., arXiv 2004.10617): two machines with one key, every leader and every partition of each round.

n = 4, one validator has a twin: five processes. In each of three rounds, which here are views, one of the four
validators leads and the processes are in two camps (16 ways); only those in one camp hear each other's messages of
that view. Then all hear everything, and must agree and go on. 4 leaders and 16 partitions in 3 rounds are 262,144
cases; the three validators without a twin are alike, and so are the two halves, so that one of each class of
up to twelve alike cases is run.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product
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
CHUNK = 128
PROGRESS_S = 10.0  # between two lines of progress
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


def run_twins(sample: int | None, jobs: int, seed: int = 1, *, as_json: bool = False) -> int:
    """All cases, or a sample of them; 0 when all agreed, 1 when some did not, 130 when stopped before the end."""
    start = shown = time.perf_counter()
    todo = list(cases())
    if sample is not None:
        todo = Random(seed).sample(todo, min(sample, len(todo)))
    total, stopped = len(todo), False
    count, seen, complaints = 0, Counter[str](), list[str]()
    with Pool(jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            for number, found, bad in pool.imap_unordered(
                run_chunk, [todo[at : at + CHUNK] for at in range(0, total, CHUNK)]
            ):
                count, seen, complaints = count + number, seen + found, complaints + bad
                if time.perf_counter() - shown > PROGRESS_S:
                    shown = time.perf_counter()
                    left = (total - count) * (shown - start) / count / 60
                    words = f"{count} of {total} cases, {len(complaints)} violations, {left:.1f} min left"
                    print(words, file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            stopped = True
    seconds = time.perf_counter() - start
    print(
        f"twins: {count} of {total} cases{', stopped' if stopped else ''}, {len(complaints)} violations, "
        f"{seconds:.0f} s, {60 * count / seconds:.0f} per minute"
    )
    for name, number in sorted(seen.items()):
        print(f"    {number:9} {name}")
    for complaint in complaints[:20]:
        print("  " + complaint[:400])
    if as_json:
        summary = {
            "cases": count,
            "of": total,
            "stopped": stopped,
            "violations": len(complaints),
            "seconds": round(seconds, 1),
        }
        print(json.dumps({**summary, "seen": dict(sorted(seen.items()))}))
    return 1 if complaints else 130 if stopped else 0
