"""What ``./scripts/bench --proofs`` prints, over a small state and without a browser."""

from __future__ import annotations

import json

import pytest

from scripts.benchmark import proofs


def test_sizes_and_times_of_an_item_with_twelve_events(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proofs, "PROGRAM", None)
    monkeypatch.setattr(proofs, "RUNS", 3)
    assert proofs.proofs_bench(600) in (0, 1)  # how fast this machine is just now decides
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["keys"], figures["events"]) == (600, 12)
    assert figures["python_ms_p50"] > 0 and figures["python_with_signatures_ms_p95"] > 0
    assert figures["record_json_bytes_p50"] <= figures["record_json_bytes_p100"] <= 3 * 1_024
    assert figures["plain_item_events"] == 12 and figures["plain_item_json_bytes"] <= 12 * 1_024
    assert figures["item_tree_bytes"] < figures["item_json_bytes"]
    assert "chromium_ms_p95" not in figures
