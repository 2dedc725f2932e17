"""The benchmark of four nodes on a filled state, on a small one: they go on from it together, every figure is there."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.benchmark.plot import OF_NETWORK, draw
from scripts.benchmark.state import print_state
from scripts.benchmark.state_network import Load, measure_state_network

SIZES = (300, 500)
BY_SIZE = (
    "block_interval_ms_p50",
    "block_interval_ms_p99",
    "final_ms_p50",
    "final_ms_p99",
    "executed_ms_p50",
    "executed_ms_p99",
    "cpu_us_per_tx_and_node",
    "cpu_per_tx_in_own_checks",
    "block_cpu_ms",
    "resident_mb",
    "serving_s",
)


@pytest.mark.long
@pytest.mark.process
def test_four_nodes_go_on_from_states_of_two_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = measure_state_network(tmp_path / "net", SIZES, Load(100, 1.5, 0.5, tree_keys_in_memory=400))
    for name in BY_SIZE:
        values = figures[name]
        assert isinstance(values, dict) and set(values) == set(SIZES) and min(values.values()) > 0, name
    before = figures["keys_before"]
    assert isinstance(before, dict)  # what the load of the first size left behind is not in the second
    assert all(0 <= count - size <= 1 for size, count in before.items())
    capsys.readouterr()
    print_state(figures)
    table, _, json_line = capsys.readouterr().out.strip().rpartition("\n")
    assert sum(node.tag.endswith("circle") for node in ElementTree.fromstring(draw(figures, OF_NETWORK)).iter()) == 4
    assert "| `block_interval_ms_p50` |" in table and json_line.startswith("{")
