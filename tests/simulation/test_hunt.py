"""The runs that planted bugs are held against are whole, and good code passes them."""

from __future__ import annotations

import pytest

from tests.simulation.hunt import FOUND, runs
from tests.simulation.mutants import MUTANTS


@pytest.mark.parametrize(("kind", "least"), [("found", len(list(FOUND.glob("*.json")))), ("scenarios", 40)])
def test_every_run_that_is_kept_and_every_scenario_is_tried(kind: str, least: int) -> None:
    assert len(list(runs(kind, 0, 1))) >= least > 10


def test_every_kind_of_run_has_a_planted_bug() -> None:
    assert {mutant.kind for mutant in MUTANTS} == {"consensus", "full", "gate", "found", "scenarios"}
