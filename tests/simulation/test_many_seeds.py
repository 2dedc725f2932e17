"""The long run: many more seeds than a change waits for, on all cores."""

from __future__ import annotations

from multiprocessing import Pool

import pytest

from tests.simulation.command import outcome_of

FIRST, SEEDS = 100_000, 2_400


@pytest.mark.long
def test_no_rule_is_broken_in_any_of_many_seeds() -> None:
    with Pool() as pool:
        outcomes = pool.map(outcome_of, range(FIRST, FIRST + SEEDS), chunksize=20)
    assert [(seed, complaint) for seed, complaint, _, _ in outcomes if complaint] == []
    assert sum(seen["heights"] for _, _, seen, _ in outcomes) > 10 * SEEDS
