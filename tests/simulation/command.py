"""The command behind ``scripts/simulate``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from tests.simulation.batch import CHUNK, Outcome, run_batch
from tests.simulation.campaign import Campaign, JournalError
from tests.simulation.compiled import CannotCompileError, compiled_engine
from tests.simulation.coverage import never_reached
from tests.simulation.mutants import run_mutants
from tests.simulation.plan import KINDS
from tests.simulation.probe import report_rules
from tests.simulation.schedule import Schedule, read_schedule
from tests.simulation.shrink import complaint, shrink, signature, trace_of
from tests.simulation.twins import run_twins

COMPILED_FROM = 2_000  # seeds; for fewer it does not pay to compile the engine
PROBED, PROBED_MAX = 8, 400  # every so many seeds of a batch is run again with a probe in the engine's lines; at most
EXAMPLES = """examples:
  ./scripts/simulate --seeds 2000                    runs, what they reached, every broken rule with its seed, shrunk
  ./scripts/simulate --seeds 100000 --journal FILE   the same, resumable: the same line goes on where it was stopped
  ./scripts/simulate --kind full                     with the product's storage and execution; ed25519: real signatures
  ./scripts/simulate --seed 17 --trace               one run: every input and effect, and the hash of all of it
  ./scripts/simulate --schedule '{…}' --trace        a schedule that a finding printed
  ./scripts/simulate --mutants                       plants each bug in a copy, counts the seeds until it is caught
  ./scripts/simulate --twins                         two machines with one key: every case of three rounds

Ctrl-C lets the running chunks finish and reports what was done. Long runs have their engine compiled (mypyc and a C
compiler; --interpreted: not), after its traces were compared with the interpreted engine's.
Exit code 0: nothing was found; 1: something was; 2: wrong usage; 130: stopped before the end, nothing found so far.
"""


def report(kind: str, outcome: Outcome, seconds: float, jobs: int, fresh: int | None = None) -> int:
    """Print what was reached and every finding; the number of findings. ``fresh``: how many ran in these seconds."""
    runs, heights = outcome.runs, outcome.seen["heights"]
    fresh = runs if fresh is None else fresh
    share = fresh / max(1, runs) / max(0.001, seconds)
    print(f"{kind}: {runs} seeds, {len(outcome.complaints)} violations, {jobs} processes, {seconds:.1f} s")
    print(
        f"  {60 * runs * share:.0f} scenarios per minute of {heights / max(1, runs):.1f} heights, "
        f"which is {3 * heights * share:.0f} of 20 heights per minute "
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
    if not complaint(schedule):
        print("  it did not come again in this process, whose engine is interpreted")
        return
    small = shrink(schedule)
    lines, ending = trace_of(small)
    digest = sha256("\n".join([*lines, ending]).encode()).hexdigest()[:16]
    print(f"  shrunk to {len(small.faults)} faults, {len(lines)} lines, trace {digest}: {signature(ending)}")
    print(f"  ./scripts/simulate --trace --schedule '{small.to_json()}'")


def _percentiles(values: Iterable[int]) -> str:
    return ", ".join(f"{name} {value} ms" for name, value in _spread(values).items()) or "never"


def _spread(values: Iterable[int]) -> dict[str, int]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100], "max": ordered[-1]}


def run_one(schedule: Schedule, *, trace: bool) -> int:
    """One run with its trace's hash."""
    lines, ending = trace_of(schedule)
    if trace:
        print("\n".join(lines))
    digest = sha256("\n".join([*lines, ending]).encode()).hexdigest()
    print(schedule.to_json())
    print(f"seed {schedule.seed}: {ending or 'no violation'}; {len(lines)} lines, trace {digest}")
    return 1 if ending else 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/simulate",
        description="Whole consensus clusters under faults, each drawn from one seed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=None, help="how many runs (500; of mutants: at most so many each)")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--kind", choices=sorted(KINDS), default="consensus", help="what the machines are made of")
    parser.add_argument("--journal", type=Path, help="a file that a later run goes on from")
    parser.add_argument("--interpreted", action="store_true", help="do not compile the engine for many seeds")
    parser.add_argument("--json", action="store_true", help="the last line on standard output is one JSON object")
    parser.add_argument("--seed", type=int, help="one run only")
    parser.add_argument("--schedule", help="one run of a schedule in JSON, or of a file that holds one")
    parser.add_argument("--trace", action="store_true", help="with --seed or --schedule: print every input and effect")
    parser.add_argument("--mutants", action="store_true", help="plant each bug and count the seeds until it is caught")
    parser.add_argument("--only", help="with --mutants: those whose name contains this")
    parser.add_argument("--twins", action="store_true", help="two machines with one key, n = 4: every case of 3 rounds")
    parser.add_argument("--sample", type=int, help="with --twins: only so many cases")
    return parser


def main(arguments: Sequence[str]) -> int:
    """See ``EXAMPLES`` for the exit codes."""
    options = build_parser().parse_args(arguments)
    if options.schedule is not None:
        text = options.schedule if options.schedule.startswith("{") else Path(options.schedule).read_text()
        return run_one(read_schedule(text), trace=options.trace)
    if options.seed is not None:
        return run_one(KINDS[options.kind](options.seed), trace=options.trace)
    if options.mutants:
        return run_mutants(options.seeds or 2_000, options.jobs, options.only or "", as_json=options.json)
    if options.twins:
        return run_twins(options.sample, options.jobs, as_json=options.json)
    return run_seeds(options)


def run_seeds(options: argparse.Namespace) -> int:
    """A batch of any length, and what it reached."""
    count = options.seeds or 500
    campaign = Campaign(options.kind, options.first, count, options.jobs, journal=options.journal)
    if count >= COMPILED_FROM and options.kind == "consensus" and not options.interpreted:
        campaign.engine = _compiled()
    try:
        outcome = campaign.run()
    except JournalError as error:
        print(error, file=sys.stderr)
        return 2
    fresh = Outcome(runs=outcome.runs - campaign.resumed)
    findings = report(options.kind, outcome, campaign.elapsed_s, options.jobs, fresh.runs)
    unreached = never_reached(outcome.seen) if options.kind == "consensus" else []
    if options.kind == "consensus" and not campaign.stopped:
        if unreached:
            print("  never happened: " + ", ".join(unreached))
        probes = min(PROBED_MAX, max(CHUNK, count // PROBED))
        probed = run_batch("consensus", options.first, probes, options.jobs, probed=True)
        assert probed.unreached is not None
        report_rules(probed.unreached, probed.runs)
    if campaign.stopped:
        print(f"stopped after {outcome.runs} of {count} seeds")
    if options.json:
        print(json.dumps(summary(options.kind, outcome, campaign, unreached)))
    return 1 if findings else 130 if campaign.stopped else 0


def _compiled() -> Path | None:
    try:
        return compiled_engine()
    except CannotCompileError as error:
        print(f"the engine is interpreted, which takes longer: it could not be compiled ({error})", file=sys.stderr)
        return None


def summary(kind: str, outcome: Outcome, campaign: Campaign, unreached: list[str]) -> dict[str, object]:
    """The figures of a batch."""
    heights, seconds = outcome.seen["heights"], max(0.001, campaign.elapsed_s)
    fresh = outcome.runs - campaign.resumed
    share = fresh / max(1, outcome.runs)
    return {
        "kind": kind,
        "seeds": outcome.runs,
        "of": campaign.count,
        "violations": len(outcome.complaints),
        "violating_seeds": sorted(outcome.complaints),
        "stopped": campaign.stopped,
        "compiled": campaign.engine is not None,
        "seconds": round(campaign.elapsed_s, 1),
        "seeds_of_this_run": fresh,
        "scenarios_per_minute": round(60 * fresh / seconds),
        "scenarios_of_20_heights_per_minute": round(3 * heights * share / seconds),
        "heights": heights,
        "events": outcome.events,
        "virtual_hours": round(outcome.virtual_ms / 3_600_000, 2),
        "first_height_ms": _spread(outcome.first_ms),
        "recovery_ms": _spread(outcome.recovery_ms),
        "never_happened": unreached,
        "seen": dict(sorted(outcome.seen.items())),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
