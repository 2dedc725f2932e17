"""Planted bugs that the seeds must catch, and twins: a sample of both; the whole is in ``test_long.py``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, hunt, plant
from tests.simulation.twins import run_twins

SEEDS = 150
QUICK = (
    "a quorum is one short",
    "a vote is sent before it is durable",
    "votes are written without a sync",
    "finalize after nullify",
    "finalize without a notarisation",
    "a gap without nullification",
    "roots are not compared",
    "one answer in sync is trusted",
    "a wiped disk signs again",
    "the set of executed transactions is lost at the restart",
    "a stripped co-signature is accepted",
    "the first of several signatures is checked alone",
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_still_fits_the_code(mutant: Mutant, tmp_path: Path) -> None:
    plant(mutant, tmp_path)


def test_planted_bugs_are_many_and_named_once() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) >= 24 and len(set(names)) == len(names)
    assert set(QUICK) <= set(names)


def test_a_sample_of_planted_bugs_is_caught() -> None:
    chosen = [mutant for mutant in MUTANTS if mutant.name in QUICK]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda mutant: hunt(mutant, SEEDS), chosen))
    survivors = [mutant.name for mutant, (needed, _) in zip(chosen, answers, strict=True) if needed is None]
    assert survivors == []


def test_twins_agree_in_a_sample_of_all_cases() -> None:
    assert run_twins(600, jobs=2) == 0
