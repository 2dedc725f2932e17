"""How many message delays a transaction takes, when a delay is long beside the work."""

from __future__ import annotations

from typing import Any

from scripts.nemesis_run.cluster import Cluster
from scripts.story.cast import Cast


def measure_delays(cluster: Cluster, cast: Cast, delay_ms: float) -> dict[str, Any]:
    """Figures."""
    return {}
