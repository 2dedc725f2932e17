"""What a soak says about the nodes' waits: the greatest of one step, at any node, as the bound of a histogram."""

from __future__ import annotations

from math import inf

from node.metrics import Metrics
from scripts.benchmark.soak import WAITS, Buckets, greatest

METRIC = "tallystick_loop_pause_seconds"


def buckets(**counts: tuple[int, int, int]) -> Buckets:
    """Observations of each node: up to 0.1 s, up to 0.5 s, all."""
    bounds = (0.1, 0.5, inf)
    return {(node, METRIC, bound): count for node in counts for bound, count in zip(bounds, counts[node], strict=True)}


def test_the_smallest_bound_that_nothing_new_exceeded_is_the_greatest_wait() -> None:
    before = buckets(first=(4, 5, 5), second=(7, 7, 7))
    assert greatest(before, buckets(first=(9, 10, 10), second=(8, 8, 8)), METRIC) == 0.1
    assert greatest(before, buckets(first=(4, 5, 5), second=(8, 9, 9)), METRIC) == 0.5


def test_what_exceeds_the_last_bound_is_told_as_the_last_bound() -> None:
    assert greatest({}, buckets(first=(1, 1, 2)), METRIC) == 0.5


def test_where_nothing_was_observed_there_was_no_wait() -> None:
    same = buckets(first=(4, 5, 6))
    assert greatest(same, same, METRIC) == 0.0
    assert greatest({}, {}, METRIC) == 0.0


def test_every_metric_that_a_soak_reads_is_one_that_a_node_has() -> None:
    text = Metrics().render().decode()
    for metric in WAITS.values():
        assert f'{metric}_bucket{{le="+Inf"}}' in text
