"""Many seeds, one after the other or in several processes, and what they came to together."""

from __future__ import annotations

import gc
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import Pool

from tests.simulation.patience import RUN_MAX_S, patience
from tests.simulation.plan import KINDS, run
from tests.simulation.probe import Probe

CHUNK = 20  # seeds of one task; between two tasks the garbage is collected
PROBE = Probe()  # of this process: what it saw once it need not look for again


@dataclass(slots=True)
class Outcome:
    """What a chunk of seeds came to.

    Attributes:
        complaints: by seed.
        first_ms: from healing to the next height anywhere.
        recovery_ms: to three heights everywhere, with all work done.
    """

    runs: int = 0
    events: int = 0
    virtual_ms: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    complaints: dict[int, str] = field(default_factory=dict)
    first_ms: list[int] = field(default_factory=list)
    recovery_ms: list[int] = field(default_factory=list)
    unreached: set[tuple[str, int]] | None = None

    def add(self, other: Outcome) -> None:
        """Take another chunk's outcome in."""
        self.runs += other.runs
        self.events += other.events
        self.virtual_ms += other.virtual_ms
        self.seconds += other.seconds
        self.seen += other.seen
        self.complaints |= other.complaints
        self.first_ms += other.first_ms
        self.recovery_ms += other.recovery_ms
        if other.unreached is not None:
            self.unreached = other.unreached if self.unreached is None else self.unreached & other.unreached


def run_chunk(kind: str, seeds: range, probed: bool = False) -> Outcome:
    """Run these seeds one after the other."""
    outcome = Outcome()
    gc.collect()
    gc.disable()
    start = time.process_time()
    for seed in seeds:
        outcome.runs += 1
        schedule = KINDS[kind](seed)
        try:
            with patience(RUN_MAX_S * (10 if probed else 1)), PROBE if probed else nullcontext():
                cluster = run(schedule)
        except Exception as error:  # a judge, or an invariant of the engine: every kind is a finding
            outcome.complaints[seed] = f"{type(error).__name__}: {error}"
            continue
        for name in schedule.traitors.values():
            outcome.seen[f"traitor: {name}"] += 1
        outcome.seen[f"n = {schedule.count}"] += 1
        outcome.seen += cluster.world.seen
        outcome.events += cluster.world.events
        outcome.virtual_ms += cluster.world.now_ms
        outcome.first_ms.append(cluster.first_ms)
        outcome.recovery_ms.append(cluster.recovery_ms)
    outcome.seconds = time.process_time() - start
    gc.enable()
    outcome.unreached = PROBE.unreached() if probed else None
    return outcome


def chunks(first: int, count: int, size: int = CHUNK) -> list[range]:
    """The seeds cut into tasks."""
    return [range(start, min(start + size, first + count)) for start in range(first, first + count, size)]


def run_batch(kind: str, first: int, count: int, jobs: int, probed: bool = False) -> Outcome:
    """Run many seeds in several processes."""
    total = Outcome()
    tasks = [(kind, seeds, probed) for seeds in chunks(first, count)]
    if jobs == 1:
        for task in tasks:
            total.add(run_chunk(*task))
        return total
    with Pool(jobs) as pool:
        for outcome in pool.imap_unordered(_chunk, tasks):
            total.add(outcome)
    return total


def _chunk(task: tuple[str, range, bool]) -> Outcome:
    return run_chunk(*task)
