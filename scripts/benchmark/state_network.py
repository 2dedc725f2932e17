"""``./scripts/bench --state-network``: what the size of the state does to four real nodes under one and the same load.

At every size the four start on copies of one filled folder, take single-event transactions at a fixed rate, first for a
warm-up, then for the phase that counts, and stop. Times between blocks are the blocks' own, read from a node's database
afterwards: their proposers' clocks, one machine's, to the millisecond. Processor time is that of whole processes, so
that what LevelDB's threads and the HTTP doors use is in it. ``share_of_others`` is what the rest of the machine took of
its processors meanwhile: where it is not about the same at all sizes, do not compare times of the clock.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from node.ledger import Ledger
from node.storage import LevelStore
from scripts.benchmark.client import LoadError, executed, percentile
from scripts.benchmark.filled_network import FilledNetwork
from scripts.benchmark.four_nodes import Bench
from scripts.benchmark.plot import OF_NETWORK, draw
from scripts.benchmark.state import SIZES, memory_mb, print_state
from tallystick.limits import TREE_KEYS_IN_MEMORY

RATE = 200  # transactions a second
SECONDS = 30.0
WARM_UP_S = 10.0
CPUS = os.cpu_count() or 1
MEANS = {"execute_ms": "block_execution_seconds", "store_ms": "block_storage_seconds"}  # by the nodes' histograms


@dataclass(frozen=True, slots=True)
class Load:
    """What the nodes are given at every size.

    Attributes:
        rate: transactions a second, of one event each.
        seconds: of the phase that counts.
        warm_up_s: seconds of the same load before it.
        tree_keys_in_memory: the nodes' setting of this name.
    """

    rate: int = RATE
    seconds: float = SECONDS
    warm_up_s: float = WARM_UP_S
    tree_keys_in_memory: int = TREE_KEYS_IN_MEMORY


@dataclass(frozen=True, slots=True)
class Moment:
    """What four nodes say of themselves at one moment, since they started.

    Attributes:
        height, executed: the newest height of the first, and the transactions that it has executed.
        cpu_s: processor time of all.
        checks, checks_s: signatures of transactions that all have checked, and the processor time of it.
        built: blocks that each has proposed.
        nullified: views that the first saw end without a block.
        counters: the first one's, by name.
        busy_s: processor time that all of the machine's processes have used, this one and the nodes left out.
        clock_s: a monotonic clock.
        tree_saved_ns: when the first saved its whole tree last; 0: never.
    """

    height: int
    executed: int
    cpu_s: float
    checks: float
    checks_s: float
    built: tuple[int, ...]
    nullified: int
    counters: dict[str, float]
    busy_s: float
    clock_s: float
    tree_saved_ns: int


def state_network_bench(sizes: Sequence[int], load: Load, plot: Path | None = None) -> int:
    """Measure every size; a table, then one JSON line; and the picture, where a file for it is named.

    Raises:
        LoadError, NetworkError: a node refused, failed, or executed something else than the others.
    """
    folder = Path(tempfile.mkdtemp(prefix="tallystick-state-network-"))
    try:
        figures = measure_state_network(folder, sizes or SIZES, load)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_state(figures)
    if plot is not None:
        plot.write_text(draw(figures, OF_NETWORK), encoding="utf-8")
    return 0


def measure_state_network(folder: Path, sizes: Sequence[int], load: Load) -> dict[str, dict[int, float] | float]:
    """Every figure; those by size are by the number of keys asked for."""
    figures: dict[str, dict[int, float] | float] = {}
    filled = FilledNetwork(folder, f"tree_keys_in_memory = {load.tree_keys_in_memory}")
    try:
        for size in sizes:
            gc.unfreeze()
            filled.grow(size)
            gc.collect()
            gc.freeze()  # the load comes from this process, which is not to look through the tree meanwhile
            row = {"keys_before": filled.key_count, **_one_size(filled, load)}
            for name, value in row.items():
                column = figures.setdefault(name, {})
                assert isinstance(column, dict)
                column[size] = value
            print(f"{size:>9,} keys: " + ", ".join(f"{name} {value:,}" for name, value in row.items()), flush=True)
    finally:
        filled.close()
    return {**figures, **asdict(load), "cpus": CPUS}


def _one_size(filled: FilledNetwork, load: Load) -> dict[str, float]:
    """Start the nodes on what is filled, load them, stop them."""
    with filled.running() as (serving_s, start_cpu_s):
        bench = Bench(filled.network, load.seconds)
        bench.enter()
        raws = bench.captures(round(load.rate * (load.warm_up_s + load.seconds)), 1)
        warm = round(load.rate * load.warm_up_s)
        bench.load(load.rate, raws[:warm])
        before = _moment(bench, filled.saved_tree)
        latency_ms = bench.load(load.rate, raws[warm:])
        after = _moment(bench, filled.saved_tree)
        processes = [node.process.pid for node in filled.network.nodes.values() if node.process is not None]
        memory = [memory_mb(process) for process in processes]
        bench.agree()
        bench.took_effect(raws)
        bench.close()
        filled.network.stop()
        times, counts = _blocks(filled.database, before.height, after.height)
    if not all(now > then for then, now in zip(before.built, after.built, strict=True)):
        raise LoadError(f"a node proposed nothing: {before.built} blocks before the load, {after.built} after it")
    count, cpu_us = after.executed - before.executed, (after.cpu_s - before.cpu_s) / len(processes) * 1e6
    check_us = (after.checks_s - before.checks_s) / (after.checks - before.checks) * 1e6
    intervals = [later - earlier for earlier, later in pairwise(times)]
    return {
        "block_interval_ms_p50": percentile(intervals, 0.50),
        "block_interval_ms_p99": percentile(intervals, 0.99),
        "tx_per_block": round(mean(counts), 2),
        "views_nullified": after.nullified - before.nullified,
        **{
            f"{state}_ms_{name}": round(percentile(latency_ms[state], share), 1)
            for state in ("final", "executed")
            for name, share in (("p50", 0.50), ("p99", 0.99))
        },
        "cpu_us_per_tx_and_node": round(cpu_us / count, 1),
        "own_check_us": round(check_us, 1),
        "cpu_per_tx_in_own_checks": round(cpu_us / count / check_us, 2),
        "block_cpu_ms": round(cpu_us / len(times) / 1e3, 2),
        "block_cpu_in_own_checks": round(cpu_us / len(times) / check_us, 1),
        **{name: round(_mean_ms(before, after, metric), 2) for name, metric in MEANS.items()},
        **{name: max(sizes[name] for sizes in memory) for name in memory[0]},
        "tree_saved": int(after.tree_saved_ns != before.tree_saved_ns),
        "share_of_others": round((after.busy_s - before.busy_s) / (after.clock_s - before.clock_s) / CPUS, 2),
        "serving_s": round(serving_s, 2),
        "start_cpu_s": round(start_cpu_s, 2),
    }


def _moment(bench: Bench, saved_tree: Path) -> Moment:
    """Ask the nodes, once all have executed what was sent."""
    bench.agree()
    told = bench.counters()
    checks, checks_s = bench.own_checks()
    cpu_s = sum(bench.network.cpu_seconds().values())
    return Moment(
        height=int(told[0]["tallystick_executed_height"]),
        executed=executed(told[0]),
        cpu_s=cpu_s,
        checks=checks,
        checks_s=checks_s,
        built=tuple(int(counters["tallystick_blocks_built_total"]) for counters in told),
        nullified=int(told[0]["tallystick_views_nullified_total"]),
        counters=told[0],
        busy_s=_busy_seconds() - cpu_s - time.process_time(),
        clock_s=time.monotonic(),
        tree_saved_ns=saved_tree.stat().st_mtime_ns if saved_tree.exists() else 0,
    )


def _busy_seconds() -> float:
    """Processor time that the machine has spent on anything, with what its hypervisor kept from it."""
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    used = user + nice + system + interrupts + soft_interrupts + stolen
    return used / os.sysconf("SC_CLK_TCK")


def _mean_ms(before: Moment, after: Moment, metric: str) -> float:
    """Mean of what one of the first node's histograms was fed between two moments, in milliseconds of the clock."""
    total, count = (
        after.counters[f"tallystick_{metric}_{part}"] - before.counters[f"tallystick_{metric}_{part}"]
        for part in ("sum", "count")
    )
    return total / count * 1e3


def _blocks(database: Path, above: int, to: int) -> tuple[list[int], list[int]]:
    """Time in milliseconds, and number of transactions, of each block that has any, of the heights in between.

    Raises:
        LoadError: there are fewer than two.
    """
    ledger = Ledger(LevelStore(database))
    try:
        rows = [ledger.block(height) for height in range(above + 1, to + 1)]
    finally:
        ledger.close()
    headers = [row.header for row in rows if row is not None and row.header is not None]
    full = [(header.time_ms, header.transaction_count) for header in headers if header.transaction_count]
    if len(full) < 2:
        raise LoadError(f"heights {above + 1} to {to} have {len(full)} blocks with transactions; load for longer")
    return [time_ms for time_ms, _ in full], [count for _, count in full]
