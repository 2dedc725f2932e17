"""The long part: more seeds than a change waits for, and every crash point.

Every planted bug and every case of twins are runs of their own: ``./scripts/simulate --mutants`` and ``--twins``.
"""

from __future__ import annotations

import pytest

from tests.simulation.batch import run_batch
from tests.simulation.command import report
from tests.simulation.test_seeds import crash_points

pytestmark = pytest.mark.long

FIRST = 50_000


def test_no_rule_is_broken_in_any_of_many_seeds() -> None:
    outcome = run_batch("consensus", FIRST, 700, jobs=2)
    assert report("consensus", outcome, outcome.seconds / 2, 2) == 0
    assert outcome.seen["heights"] > 10 * 700


def test_no_rule_is_broken_by_many_full_nodes() -> None:
    outcome = run_batch("full", 0, 40, jobs=2)
    assert report("full", outcome, outcome.seconds / 2, 2) == 0


@pytest.mark.parametrize("index", range(4))
def test_a_crash_at_every_effect_breaks_nothing(index: int) -> None:
    assert crash_points(0, index, range(1, 400)) == 399
