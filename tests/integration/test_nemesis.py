"""A minute of everything that goes wrong in earnest, to real processes; nothing that was answered may be lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.nemesis_run.plan import KINDS
from scripts.nemesis_run.run import Nemesis, Options

SECONDS = 60.0
STEPS = 6  # at least, on a machine so slow that fewer are done in the time
SEED = "orchard"
pytestmark = pytest.mark.process


def test_a_minute_of_kills_pauses_partitions_bad_disks_and_clocks_breaks_no_promise(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    nemesis = Nemesis(tmp_path / "network", Options(SEED, KINDS, SECONDS, steps=STEPS), say=print)
    try:
        figures = nemesis.run()
    finally:
        nemesis.close()
    record_property("nemesis", figures)
    print(figures)
    assert figures["broken"] == []
    assert figures["answered_final"] > 50, "too little happened for the faults to meet anything"
    assert figures["own_statements_checked"] > 500
    assert sum(figures["steps"].values()) >= STEPS
