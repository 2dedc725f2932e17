"""The long part: many more seeds than a change waits for, every planted bug, every case of twins, every crash point."""

from __future__ import annotations

import pytest

from tests.simulation.command import report, run_batch
from tests.simulation.mutants import run_mutants
from tests.simulation.test_seeds import crash_points
from tests.simulation.twins import run_twins

pytestmark = pytest.mark.long

FIRST = 100_000


def test_no_rule_is_broken_in_any_of_many_seeds() -> None:
    outcome = run_batch("consensus", FIRST, 4_000, jobs=2)
    assert report("consensus", outcome, outcome.seconds / 2, 2) == 0
    assert outcome.seen["heights"] > 10 * 4_000


def test_no_rule_is_broken_by_many_full_nodes() -> None:
    outcome = run_batch("full", FIRST, 500, jobs=2)
    assert report("full", outcome, outcome.seconds / 2, 2) == 0


def test_every_planted_bug_is_caught() -> None:
    assert run_mutants(2_000, 2, "") == 0


def test_twins_agree_in_every_case_of_three_rounds() -> None:
    assert run_twins(None, 2) == 0


@pytest.mark.parametrize("index", range(4))
def test_a_crash_at_every_effect_breaks_nothing(index: int) -> None:
    assert crash_points(0, index, range(1, 400)) == 399
