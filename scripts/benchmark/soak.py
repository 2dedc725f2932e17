"""``./scripts/bench --soak MINUTES``: one rate of load for long, and what memory, disk and latency do meanwhile."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from scripts.benchmark.four_nodes import Bench
from scripts.story.network import http_bytes
from tallystick.api import METRICS

SOAK_RATE = 300  # transactions a second
STEP_S = 15.0  # seconds of load behind each row
WATCHED = ("final_ms_p50", "final_ms_p99", "executed_ms_p99")
WAITS = {  # what a node waits for, by its metrics: the first two are its disk's
    "sync_ms": "tallystick_signer_sync_seconds",
    "store_ms": "tallystick_block_storage_seconds",
    "pause_ms": "tallystick_loop_pause_seconds",
}

Buckets: TypeAlias = dict[tuple[str, str, float], float]  # node, metric, upper bound in seconds: observations below it


@dataclass(frozen=True, slots=True)
class Row:
    """One step of a soak.

    Attributes:
        minutes: since its beginning.
        transactions: executed since then.
        latency_ms: of this step's transactions, by the names in ``WATCHED``.
        cpu_us: processor time per transaction and node in this step.
        waits_ms: the greatest sync of a signer's record, write of a batch and pause of an event loop that any node saw
            in this step, by the names in ``WAITS``; each is the bound of a histogram, which it did not exceed.
        resident_mb: of the largest node.
        disk_mb: of the largest node's data folder.
    """

    minutes: float
    transactions: int
    latency_ms: dict[str, float]
    cpu_us: float
    waits_ms: dict[str, float]
    resident_mb: float
    disk_mb: float

    def text(self) -> str:
        """As one line of the table."""
        latency = " ".join(f"{self.latency_ms[name]:>15,.1f}" for name in WATCHED)
        waits = " ".join(f"{self.waits_ms[name]:>8,.0f}" for name in WAITS)
        return (
            f"{self.minutes:>8.1f} {self.transactions:>13,} {latency} {self.cpu_us:>8,.0f} {waits} "
            f"{self.resident_mb:>12,.0f} {self.disk_mb:>9,.0f}"
        )


def soak(bench: Bench, minutes: float, rate: int) -> list[Row]:
    """Load at ``rate`` transactions a second until the time is over; prints a row for every step, then one JSON line.

    Raises:
        LoadError: a node refused, failed to answer, or executed something else than the others.
    """
    bench.open()
    started = time.monotonic()
    columns = " ".join([f"{name:>15}" for name in WATCHED] + [f"{'cpu_us':>8}"] + [f"{name:>8}" for name in WAITS])
    print(f"{'minutes':>8} {'transactions':>13} {columns} {'resident_mb':>12} {'disk_mb':>9}")
    rows: list[Row] = []
    begun = bench.executed()
    while time.monotonic() - started < minutes * 60:
        rows.append(_step(bench, rate, begun, started, rows))
        print(rows[-1].text(), flush=True)
    bench.agree()
    print(json.dumps({"rate": rate, "rows": [asdict(row) for row in rows]}))
    return rows


def _step(bench: Bench, rate: int, begun: int, started: float, before: list[Row]) -> Row:
    cpu = sum(bench.network.cpu_seconds().values())
    waited = _waits(bench)
    bench.latency(rate, STEP_S)
    now = _waits(bench)
    used = sum(bench.network.cpu_seconds().values()) - cpu
    count = bench.executed() - begun
    done = count - (before[-1].transactions if before else 0)
    return Row(
        minutes=round((time.monotonic() - started) / 60, 2),
        transactions=count,
        latency_ms={name: bench.figures[f"{name}_at_{rate}"] for name in WATCHED},
        cpu_us=round(used / len(bench.network.nodes) / max(1, done) * 1e6, 1),
        waits_ms={name: round(greatest(waited, now, metric) * 1_000) for name, metric in WAITS.items()},
        resident_mb=round(max(bench.network.resident_mb().values()), 1),
        disk_mb=round(max(_size(node.folder) for node in bench.network.nodes.values()) / 1e6, 1),
    )


def _waits(bench: Bench) -> Buckets:
    """The histograms of what the nodes waited for, since they started."""
    found: Buckets = {}
    for node in bench.network.nodes.values():
        for family in text_string_to_metric_families(http_bytes(node.url, METRICS)[1].decode()):
            if family.name in WAITS.values():
                for sample in family.samples:
                    if sample.name.endswith("_bucket"):
                        found[node.url, family.name, float(sample.labels["le"])] = sample.value
    return found


def greatest(before: Buckets, after: Buckets, metric: str) -> float:
    """Seconds that nothing observed since ``before`` exceeded, at any node; the last bound stands for more, too."""
    greatest = 0.0
    for node in {node for node, _, _ in after}:
        new = {
            bound: count - before.get((node, name, bound), 0)
            for (of, name, bound), count in after.items()
            if (of, name) == (node, metric)
        }
        fits = [bound for bound, count in new.items() if math.isfinite(bound) and count == new[math.inf]]
        last = max(bound for bound in new if math.isfinite(bound))
        greatest = max(greatest, min(fits, default=last) if new[math.inf] else 0.0)
    return greatest


def _size(folder: Path) -> int:
    """Bytes of all files; those that vanish meanwhile (LevelDB tidies up) do not count."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total
