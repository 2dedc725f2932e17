"""The state benchmark on a small state: every figure is there, the bundles verify, the picture is a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from scripts.benchmark.plot import draw
from scripts.benchmark.state import measure_state, print_state


@pytest.mark.long
def test_every_figure_is_measured_and_drawn(tmp_path: Path, capsys: object) -> None:
    figures = measure_state(tmp_path / "net", (1_500, 3_000))
    for name in (
        "tree_us_per_key",
        "of_which_sha256_us",
        "tree_per_key_in_sha256",
        "prove_ms",
        "block_ms",
        "start_s",
        "resident_mb",
    ):
        values = figures[name]
        assert isinstance(values, dict) and set(values) == {1_500, 3_000} and min(values.values()) > 0
    whole, beside = (figures[f"item_of_12_events_bundle_bytes{end}"] for end in ("", "_beside_events"))
    assert isinstance(whole, int) and isinstance(beside, int) and 0 < beside < whole
    print_state(figures)
    picture = ElementTree.fromstring(draw(figures))
    assert sum(node.tag.endswith("circle") for node in picture.iter()) == 4
