#!/usr/bin/env python3
"""Measure a snapshot: making it, how long that holds others up, restoring it, starting from it. Prints a table.

Usage: python scripts/measure_snapshot.py [KEYS]
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from contracts.execution import execute_block
from node.executor import Executor
from node.ledger import Ledger
from node.snapshots.joining_folder import JoiningFolder
from node.snapshots.maker import make_snapshot, plan_snapshot
from node.snapshots.manifest import verify_manifest
from node.snapshots.rebuild import rebuild
from node.snapshots.service import prove
from node.storage import LevelStore
from node.tree_file import TreeFile
from scripts.benchmark.filled_node import FilledNode

TICK_S = 0.001


class Ticker:
    """A thread that wants to run every millisecond, and notes how late it was: what the loop of a node would feel."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.perf_counter()
            time.sleep(TICK_S)
            self.late_ms.append((time.perf_counter() - started - TICK_S) * 1_000)

    def at(self, share: float) -> float:
        """The lateness that this share of all ticks stays below."""
        return sorted(self.late_ms)[int(share * (len(self.late_ms) - 1))]


def main() -> None:
    """Fill, snapshot, restore, start."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp(prefix="tallystick-snapshot-"))
    try:
        measure(folder, count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, count: int) -> None:
    """Print the table."""
    node = FilledNode(folder / "network")
    node.grow(count)
    ledger, made = node.disk.ledger, folder / "made"
    started = time.perf_counter()
    plan = plan_snapshot(ledger, node.chain_id)
    assert plan is not None
    view = ledger.view()
    held = time.perf_counter() - started
    root, keys = node.disk.executor.tip.executed.state_root, node.key_count
    ticker = Ticker()
    started, cpu = time.perf_counter(), time.process_time()
    manifest = make_snapshot(view, plan, made, threading.Event())
    making, making_cpu = time.perf_counter() - started, time.process_time() - cpu
    ticker.stop()
    node.grow(count + 2)
    proof = prove(ledger, manifest, node.disk.executor.tip.executed.height)
    assert proof is not None
    node.close()
    size = sum(path.stat().st_size for path in made.iterdir())

    started = time.perf_counter()
    snapshot = verify_manifest(manifest, proof, node.validators, 0, node.chain_id)
    store = LevelStore(folder / "restored")
    trie = rebuild(snapshot, JoiningFolder(made).chunks(manifest), store, ())
    store.close()
    tree = TreeFile(folder, node.chain_id)
    tree.write(manifest.height, trie)
    restored = time.perf_counter() - started
    started = time.perf_counter()
    store = LevelStore(folder / "restored")
    assert Executor(Ledger(store), execute_block, tree=tree).state.trie.root == root
    store.close()
    tree.close()
    start = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        "| keys | chunks | MB | loop held, ms | made, s (CPU) | a tick late by, ms p50/p99/max | restored, s "
        "| start, s | peak MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {keys:,} | {len(manifest.chunks)} | {size / 1e6:,.0f} | {held * 1e3:.1f} | {making:.1f} ({making_cpu:.1f}) "
        f"| {ticker.at(0.5):.1f}/{ticker.at(0.99):.1f}/{ticker.at(1):.1f} | {restored:.1f} | {start:.1f} | {peak} |"
    )


if __name__ == "__main__":
    main()
