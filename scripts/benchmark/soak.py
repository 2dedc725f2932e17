"""``./scripts/bench --soak MINUTES``: one rate of load for long, and what memory, disk and latency do meanwhile."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.benchmark.four_nodes import Bench

STEP_S = 15.0  # seconds of load behind each row
WATCHED = ("final_ms_p50", "final_ms_p99", "executed_ms_p99")


@dataclass(frozen=True, slots=True)
class Row:
    """One step of a soak.

    Attributes:
        minutes: since its beginning.
        transactions: executed since then.
        latency_ms: of this step's transactions, by the names in ``WATCHED``.
        cpu_us: processor time per transaction and node in this step.
        resident_mb: of the largest node.
        disk_mb: of the largest node's data folder.
    """

    minutes: float
    transactions: int
    latency_ms: dict[str, float]
    cpu_us: float
    resident_mb: float
    disk_mb: float

    def text(self) -> str:
        """As one line of the table."""
        latency = " ".join(f"{self.latency_ms[name]:>15,.1f}" for name in WATCHED)
        return (
            f"{self.minutes:>8.1f} {self.transactions:>13,} {latency} {self.cpu_us:>8,.0f} "
            f"{self.resident_mb:>12,.0f} {self.disk_mb:>9,.0f}"
        )


def soak(bench: Bench, minutes: float, rate: int) -> list[Row]:
    """Load at ``rate`` transactions a second until the time is over; prints a row for every step, then one JSON line.

    Raises:
        LoadError: a node refused, failed to answer, or executed something else than the others.
    """
    bench.seconds = STEP_S
    bench.open()
    started = time.monotonic()
    columns = " ".join(f"{name:>15}" for name in WATCHED)
    print(f"{'minutes':>8} {'transactions':>13} {columns} {'cpu_us':>8} {'resident_mb':>12} {'disk_mb':>9}")
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
    bench.latency(rate)
    used = sum(bench.network.cpu_seconds().values()) - cpu
    count = bench.executed() - begun
    done = count - (before[-1].transactions if before else 0)
    return Row(
        minutes=round((time.monotonic() - started) / 60, 2),
        transactions=count,
        latency_ms={name: bench.figures[f"{name}_at_{rate}"] for name in WATCHED},
        cpu_us=round(used / len(bench.network.nodes) / max(1, done) * 1e6, 1),
        resident_mb=round(max(bench.network.resident_mb().values()), 1),
        disk_mb=round(max(_size(node.folder) for node in bench.network.nodes.values()) / 1e6, 1),
    )


def _size(folder: Path) -> int:
    """Bytes of all files; those that vanish meanwhile (LevelDB tidies up) do not count."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total
