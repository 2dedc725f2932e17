"""What a snapshot costs: making it, how long that holds others up, restoring it, starting from it."""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
import threading
import time
from pathlib import Path

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

SNAPSHOT_KEYS = 1_000_000  # records of the state
BLOCKS_MORE = 3
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


def snapshot_bench(count: int) -> int:
    """Fill, snapshot, restore, start; a table, then one JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-snapshot-"))
    try:
        figures = measure(folder, count)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:>12,}")
    print(json.dumps(figures))
    return 0


def measure(folder: Path, count: int) -> dict[str, float]:
    """The figures by name; peak memory is that of filling and restoring in one process."""
    node = FilledNode(folder / "network")
    node.grow(count)
    for _ in range(BLOCKS_MORE):  # no snapshot is made where an epoch ends
        node.grow(node.key_count + 2)
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
    node.grow(node.key_count + 2)
    proof = prove(ledger, manifest, node.disk.executor.tip.executed.height)
    assert proof is not None
    ends = [(number, end) for number in range(manifest.epoch) if (end := node.disk.ledger.epoch_proof(number))]
    validators = node.validators
    node.close()
    size = sum(path.stat().st_size for path in made.iterdir())

    started = time.perf_counter()
    snapshot = verify_manifest(manifest, proof, validators, manifest.epoch, node.chain_id)
    store = LevelStore(folder / "restored")
    trie = rebuild(snapshot, JoiningFolder(made).chunks(manifest), store, ends)
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
    return {
        "snapshot_keys": keys,
        "snapshot_chunks": len(manifest.chunks),
        "snapshot_mb": round(size / 1e6, 1),
        "snapshot_loop_held_ms": round(held * 1e3, 1),
        "snapshot_made_s": round(making, 2),
        "snapshot_made_cpu_s": round(making_cpu, 2),
        "tick_late_ms_p50": round(ticker.at(0.5), 1),
        "tick_late_ms_p99": round(ticker.at(0.99), 1),
        "tick_late_ms_max": round(ticker.at(1), 1),
        "snapshot_restored_s": round(restored, 2),
        "snapshot_start_s": round(start, 2),
        "resident_mb_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
