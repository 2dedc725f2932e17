"""The command behind ``scripts/simulate``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing import Pool

from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import run_seed, setup_of

Outcome = tuple[int, str, Counter[str], int]


def outcome_of(seed: int) -> Outcome:
    """One run: seed, complaint (empty when all was well), what was reached, milliseconds to recover."""
    try:
        cluster = run_seed(seed)
    except Exception as error:  # a judge, or an invariant of the engine: every kind is a finding
        return seed, f"{type(error).__name__}: {error}", Counter(), 0
    return seed, "", cluster.judges.seen, cluster.recovery_ms


def report(outcomes: Sequence[Outcome], seconds: float) -> int:
    """Print what was reached and every finding; the number of findings."""
    seen: Counter[str] = Counter()
    bad = [outcome for outcome in outcomes if outcome[1]]
    for outcome in outcomes:
        seen += outcome[2]
    recoveries = sorted(outcome[3] for outcome in outcomes if not outcome[1])
    print(f"{len(outcomes)} seeds in {seconds:.1f} s ({60 * len(outcomes) / seconds:.0f} per minute)")
    print("reached: " + ", ".join(f"{count} {what}" for what, count in sorted(seen.items())))
    if recoveries:
        p50, p99 = recoveries[len(recoveries) // 2], recoveries[len(recoveries) * 99 // 100]
        print(f"healed to three heights further everywhere: p50 {p50} ms, p99 {p99} ms, max {recoveries[-1]} ms")
    for seed, complaint, _, _ in bad:
        traitors = [traitor.__name__ for traitor in setup_of(seed).traitors.values()]
        print(f"SEED {seed} n={setup_of(seed).count} traitors={traitors}: {complaint}")
    print(f"{len(bad)} violations")
    return len(bad)


def run_mutants(first: int, count: int) -> int:
    """After how many seeds each planted bug is caught; the number that survived."""
    survivors = 0
    for name in sorted(MUTANTS):
        with MUTANTS[name]():
            caught = next((seed for seed in range(first, first + count) if outcome_of(seed)[1]), None)
        survivors += caught is None
        verdict = f"caught after {caught - first + 1} seeds" if caught is not None else "SURVIVED"
        print(f"{name}: {verdict}", flush=True)
    return survivors


def main(arguments: Sequence[str]) -> int:
    """Exit 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="one run only")
    parser.add_argument("--trace", action="store_true", help="with --seed: print every input and effect")
    parser.add_argument("--mutants", action="store_true", help="plant each bug and count the seeds until it is caught")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    if options.seed is not None:
        run_seed(options.seed, trace=options.trace)
        print(f"seed {options.seed}: no violation")
        return 0
    if options.mutants:
        return 1 if run_mutants(options.first, options.seeds) else 0
    with Pool(options.jobs) as pool:
        outcomes = pool.map(outcome_of, range(options.first, options.first + options.seeds), chunksize=8)
    return 1 if report(outcomes, time.perf_counter() - start) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
