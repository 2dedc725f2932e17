"""Random changes of valid bundles: refused with a code, or no more said than was true; who judges them is awake."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from scripts.proof_mutation.__main__ import main
from scripts.proof_mutation.corpus import Good, good_bundles
from scripts.proof_mutation.run import Tally, run_chunk, verify
from tallystick.errors import ProofError
from tallystick.proofs import Verified, verify_bundle

COUNT = 4_000
SEED = 20_261_122


def run(count: int, seed: int = SEED) -> Tally:
    tally = Tally()
    for chunk in range(count // 1_000):
        tally.add(run_chunk(seed, chunk))
    return tally


def test_mutants_are_refused_with_a_code_quickly_or_say_no_more_than_was_true() -> None:
    tally = run(COUNT)
    assert tally.faults == []
    assert tally.count == COUNT
    assert len(tally.codes) >= 18  # they reach all parts of the verifier
    assert sum(count for code, count in tally.codes.items() if code != "unreadable") > COUNT // 4


@pytest.mark.long
def test_many_mutants_of_other_seeds() -> None:
    assert main(["--count", "200000", "--seed", "7", "--jobs", "2"]) == 0


def test_the_same_seed_gives_the_same_mutants_whatever_the_number_of_processes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = []
    for jobs in ("1", "2"):
        assert main(["--count", "2500", "--seed", "3", "--jobs", jobs]) == 0
        told = capsys.readouterr().out.splitlines()
        counts.append(Counter(line.strip() for line in told if line.startswith("    ") and "slowest" not in line))
    assert counts[0] == counts[1] and sum(counts[0].values()) >= 15


# --- planted faults of a verifier -----------------------------------------------------------------------------


def _crashes(good: Good, mutant: bytes) -> Verified:
    try:
        return verify(good, mutant)
    except ProofError as error:
        if error.code == "not-in-tree":
            raise KeyError("not caught") from error
        raise


def _believes_everybody(good: Good, mutant: bytes) -> Verified:
    """Takes whatever it is shown for what was asked for."""
    return verify_bundle(mutant, good.trust)


def _dawdles(good: Good, mutant: bytes) -> Verified:
    end_s = time.thread_time() + 0.025
    while time.thread_time() < end_s:
        pass
    return verify(good, mutant)


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        (_crashes, "KeyError"),
        (_believes_everybody, "proves what the good one did not"),
        (_dawdles, "took"),
    ],
)
def test_planted_faults_are_found(planted, words: str) -> None:
    tally = Tally()
    for chunk, count in enumerate((20,) if planted is _dawdles else (1_000,) * 3):
        tally.add(run_chunk(SEED, chunk, count, planted))
    assert any(words in fault for fault in tally.faults), tally.codes


def test_every_good_vector_is_changed() -> None:
    assert len(good_bundles()) >= 25
