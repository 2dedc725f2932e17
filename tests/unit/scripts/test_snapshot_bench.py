"""The benchmark of snapshots restores the state that it filled."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.snapshots import measure


def test_a_small_state_is_snapshot_restored_and_started(tmp_path: Path) -> None:
    figures = measure(tmp_path, 1_500)
    assert figures["snapshot_keys"] >= 1_500 and figures["snapshot_chunks"] >= 1
    assert figures["snapshot_restored_s"] > 0 and figures["tick_late_ms_p50"] < 1_000
