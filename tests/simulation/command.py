"""The command behind ``scripts/simulate``."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import Pool
from pathlib import Path

from tests.simulation.mutants import run_mutants
from tests.simulation.plan import KINDS, run
from tests.simulation.probe import Probe, report_rules
from tests.simulation.schedule import Schedule, read_schedule
from tests.simulation.shrink import shrink, signature, trace_of
from tests.simulation.twins import run_twins

CHUNK = 20  # seeds of one task; between two tasks the garbage is collected
PROBED = 8  # every so many seeds of a batch is run again with a probe in the engine's lines


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
            if probed:
                with PROBE:
                    cluster = run(schedule)
            else:
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


def run_batch(kind: str, first: int, count: int, jobs: int, probed: bool = False) -> Outcome:
    """Run many seeds in several processes."""
    total = Outcome()
    tasks = [
        (kind, range(start, min(start + CHUNK, first + count)), probed) for start in range(first, first + count, CHUNK)
    ]
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


def report(kind: str, outcome: Outcome, seconds: float, jobs: int) -> int:
    """Print what was reached and every finding; the number of findings."""
    runs, heights = outcome.runs, outcome.seen["heights"]
    print(f"{kind}: {runs} seeds, {len(outcome.complaints)} violations, {jobs} processes, {seconds:.1f} s")
    print(
        f"  {60 * runs / seconds:.0f} scenarios per minute of {heights / max(1, runs):.1f} heights, "
        f"which is {3 * heights / seconds:.0f} of 20 heights per minute "
        f"({3 * heights / max(0.001, outcome.seconds):.0f} per minute of processor time)"
    )
    print(
        f"  {heights} heights, {outcome.events} events, {outcome.virtual_ms / 3_600_000:.2f} virtual hours, "
        f"{outcome.seen['sizes checked']} sizes of engines checked"
    )
    print(f"  healed to the next height anywhere: {_percentiles(outcome.first_ms)}")
    print(f"  healed to three heights everywhere and all work done: {_percentiles(outcome.recovery_ms)}")
    for name, count in sorted(outcome.seen.items()):
        print(f"    {count:9} {name}")
    for seed in sorted(outcome.complaints):
        explain(kind, seed, outcome.complaints[seed])
    return len(outcome.complaints)


def explain(kind: str, seed: int, text: str) -> None:
    """One finding: its seed, a shrunk schedule, and how to see it again."""
    schedule = KINDS[kind](seed)
    print(f"SEED {seed} ({kind}) n={schedule.count} traitors={schedule.traitors}: {text}")
    small = shrink(schedule)
    lines, ending = trace_of(small)
    digest = sha256("\n".join([*lines, ending]).encode()).hexdigest()[:16]
    print(f"  shrunk to {len(small.faults)} faults, {len(lines)} lines, trace {digest}: {signature(ending)}")
    print(f"  ./scripts/simulate --trace --schedule '{small.to_json()}'")


def _percentiles(values: Iterable[int]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "never"
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"p50 {p50} ms, p99 {p99} ms, max {ordered[-1]} ms"


def run_one(schedule: Schedule, *, trace: bool) -> int:
    """One run with its trace's hash."""
    lines, ending = trace_of(schedule)
    if trace:
        print("\n".join(lines))
    digest = sha256("\n".join([*lines, ending]).encode()).hexdigest()
    print(schedule.to_json())
    print(f"seed {schedule.seed}: {ending or 'no violation'}; {len(lines)} lines, trace {digest}")
    return 1 if ending else 0


def main(arguments: Sequence[str]) -> int:
    """Exit 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=None, help="how many runs (500; of mutants: at most so many each)")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kind", choices=sorted(KINDS), default="consensus", help="what the machines are made of")
    parser.add_argument("--seed", type=int, help="one run only")
    parser.add_argument("--schedule", help="one run of a schedule in JSON, or of a file that holds one")
    parser.add_argument("--trace", action="store_true", help="with --seed or --schedule: print every input and effect")
    parser.add_argument("--mutants", action="store_true", help="plant each bug and count the seeds until it is caught")
    parser.add_argument("--only", help="with --mutants: those whose name contains this")
    parser.add_argument("--twins", action="store_true", help="two machines with one key, n = 4: every case of 3 rounds")
    parser.add_argument("--sample", type=int, help="with --twins: only so many cases")
    options = parser.parse_args(arguments)
    if options.schedule is not None:
        text = options.schedule if options.schedule.startswith("{") else Path(options.schedule).read_text()
        return run_one(read_schedule(text), trace=options.trace)
    if options.seed is not None:
        return run_one(KINDS[options.kind](options.seed), trace=options.trace)
    if options.mutants:
        return 1 if run_mutants(options.seeds or 2_000, options.jobs, options.only or "") else 0
    if options.twins:
        return 1 if run_twins(options.sample, options.jobs) else 0
    count = options.seeds or 500
    start = time.perf_counter()
    outcome = run_batch(options.kind, options.first, count, options.jobs)
    findings = report(options.kind, outcome, time.perf_counter() - start, options.jobs)
    if options.kind == "consensus":
        probed = run_batch("consensus", options.first, max(CHUNK, count // PROBED), options.jobs, probed=True)
        assert probed.unreached is not None
        report_rules(probed.unreached, probed.runs)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
