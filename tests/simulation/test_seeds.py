"""Whole clusters from seeds: no rule is broken, and nothing that should have happened did not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.batch import run_batch, run_chunk
from tests.simulation.coverage import never_reached
from tests.simulation.gate import FORGERIES, try_gate
from tests.simulation.plan import PROGRESS_BOUND_MS, draw, draw_full, run
from tests.simulation.probe import report_rules, rules
from tests.simulation.schedule import Fault, read_schedule
from tests.simulation.shrink import complaint, shrink, signature, trace_hash

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ROOT / "docs" / "spec" / "consensus.md"
SEEDS, PROBED_SEEDS, FULL_SEEDS, ED25519_SEEDS = 400, 200, 40, 10
FOUND = Path(__file__).parent / "found"


def test_no_seed_breaks_a_rule_and_every_fault_was_really_there() -> None:
    outcome = run_batch("consensus", 0, SEEDS, jobs=2)
    assert outcome.complaints == {}
    assert never_reached(outcome.seen) == []
    assert outcome.seen["heights"] > 10 * SEEDS
    assert sorted(outcome.first_ms)[len(outcome.first_ms) * 99 // 100] <= 5_000, "first height after healing, p99"
    assert max(outcome.recovery_ms) <= PROGRESS_BOUND_MS


@pytest.mark.long
def test_every_line_of_the_engine_is_reached_by_some_seed(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_batch("consensus", 0, PROBED_SEEDS, jobs=2, probed=True)
    assert outcome.complaints == {} and outcome.unreached is not None
    with capsys.disabled():
        unreached = report_rules(outcome.unreached, outcome.runs)
    assert unreached == []


def test_every_rule_of_the_specification_is_named_in_the_engine() -> None:
    named = rules().keys()
    assert named >= {"L", "N", "A", "F", "X", "Z", "C", "S"}
    specified = set(re.findall(r"^(?:- |\| )([LNVEI][1-9]) ", SPECIFICATION.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"L4", "N7", "V9", "E5", "I4"} <= specified
    assert specified - named == set()


def test_full_nodes_on_disks_that_fail_agree_with_a_ledger_that_never_failed() -> None:
    outcome = run_batch("full", 0, FULL_SEEDS, jobs=2)
    assert outcome.complaints == {}
    names = ("storage failures", "batches written", "crash, records torn", "restarts", "heights with transactions")
    assert [name for name in names if outcome.seen[name] == 0] == []
    assert outcome.seen["heights with transactions"] > FULL_SEEDS


def test_the_gate_lets_no_transaction_in_that_not_all_have_signed() -> None:
    for seed in range(50 * len(FORGERIES)):
        try_gate(seed)


def test_real_signatures_change_nothing() -> None:
    outcome = run_batch("ed25519", 0, ED25519_SEEDS, jobs=2)
    assert outcome.complaints == {}
    same = run_chunk("consensus", range(ED25519_SEEDS))
    assert outcome.seen == same.seen, "the same runs, whatever signs"


@pytest.mark.parametrize("schedule", [draw(5), draw(11), draw(14), draw(23), draw_full(6)])
def test_a_seed_replays_byte_for_byte_whatever_the_hash_seed_is(schedule: object) -> None:
    here = trace_hash(schedule)  # type: ignore[arg-type]
    assert here == trace_hash(schedule)  # type: ignore[arg-type]
    program = (
        "import sys; from tests.simulation.schedule import read_schedule; "
        "from tests.simulation.shrink import trace_hash; print(trace_hash(read_schedule(sys.argv[1])))"
    )
    for hash_seed in ("0", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", program, schedule.to_json()],  # type: ignore[attr-defined]
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


def test_a_failing_schedule_shrinks_to_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that halts when all clocks jump: of everything that happens in the run only that is left."""
    from tests.simulation import faults

    def broken(cluster: object, ahead_ms: int) -> None:
        raise AssertionError(f"planted, {ahead_ms}")

    monkeypatch.setitem(faults.KINDS, "clock_day", broken)
    seed = next(seed for seed in range(500) if any(f.kind == "clock_day" for f in draw(seed).faults))
    schedule = draw(seed)
    assert "planted" in complaint(schedule)
    small = shrink(schedule)
    assert [fault.kind for fault in small.faults] == ["clock_day"]
    assert small.traitors == {} and small.network == type(small.network)()
    assert signature(complaint(small)) == signature(complaint(schedule))
    assert read_schedule(small.to_json()) == small


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.json")), ids=lambda path: path.stem)
def test_a_schedule_that_once_found_a_bug_runs_clean(path: Path) -> None:
    assert complaint(read_schedule(path.read_text())) == ""


def crash_points(schedule_seed: int, index: int, effects: range) -> int:
    """One quiet cluster of four whose machine ``index`` stops before its n-th effect, for each n; how many runs."""
    base = draw(schedule_seed)
    for effect in effects:
        work = tuple(Fault(at_ms, "transactions", (1,)) for at_ms in range(0, 400, 40))
        faults = (Fault(0, "crash_at_effect", (index, effect)), *work)
        schedule = type(base)(seed=effect, count=4, duration_ms=700, faults=faults, idle_block_ms=1_000)
        run(schedule)
    return len(effects)


def test_a_crash_at_any_effect_breaks_nothing() -> None:
    assert crash_points(0, 1, range(1, 240, 3)) == 80
