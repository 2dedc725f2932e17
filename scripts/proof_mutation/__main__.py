"""Change valid proof bundles at random and verify each: nothing but a refusal with a code, or what was true before.

Each mutant has one to three edits of fields, lengths or order, inside messages too. The same seed gives the same
mutants, whatever the number of processes. Exit status 1 when any mutant raised anything but DecodeError or ProofError,
proved more than the good bundle, or took more than 20 ms of processor time.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice

from scripts.proof_mutation.run import CHUNK, SLOW_MS, Tally, run_chunk

PROGRESS_S = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run them, show progress, then the summary."""
    options = _options(arguments)
    started = time.monotonic()
    tally, told = Tally(), started
    for part in _results(options.seed, options.count, options.jobs):
        tally.add(part)
        for fault in part.faults:
            print(f"FAULT {fault}", flush=True)
        if time.monotonic() - told >= PROGRESS_S:
            told = time.monotonic()
            print(f"{tally.count:>9,} of {options.count:,}  {_pace(tally, started)}", flush=True)
    print(summary(tally, time.monotonic() - started))
    return 1 if tally.faults else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./scripts/mutate_proofs", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="mutants (default: 100,000)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one per processor)")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.jobs < 1:
        parser.error("--count and --jobs are at least 1")
    return options


def _results(seed: int, count: int, jobs: int) -> Iterator[Tally]:
    """Tallies of all chunks, as they are done."""
    sizes = iter([CHUNK] * (count // CHUNK) + ([count % CHUNK] if count % CHUNK else []))
    numbered = enumerate(sizes)
    if jobs == 1:
        yield from (run_chunk(seed, chunk, size) for chunk, size in numbered)
        return
    with ProcessPoolExecutor(jobs, initializer=gc.freeze) as pool:
        waiting = {pool.submit(run_chunk, seed, chunk, size) for chunk, size in islice(numbered, 2 * jobs)}
        while waiting:
            done = next(as_completed(waiting))
            waiting.remove(done)
            waiting |= {pool.submit(run_chunk, seed, chunk, size) for chunk, size in islice(numbered, 1)}
            yield done.result()


def _pace(tally: Tally, started: float) -> str:
    return f"{tally.count / (time.monotonic() - started):,.0f}/s, slowest {tally.slowest_ms:.1f} ms"


def summary(tally: Tally, seconds: float) -> str:
    """The counts by code, the slowest, the faults."""
    lines = [f"{tally.count:,} mutants in {seconds:.0f} s ({tally.count / seconds:,.0f}/s)"]
    lines += [f"  {count:>9,}  {code}" for code, count in tally.codes.most_common()]
    lines.append(f"  slowest {tally.slowest_ms:.1f} ms of processor time (at most {SLOW_MS:.0f}): {tally.slowest}")
    lines.append(f"  largest {tally.size_max:,} bytes")
    lines.append(f"  faults: {len(tally.faults)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
