"""``./scripts/bench --state``: what the size of the state costs, from 10,000 to 1,000,000 keys.

At every size, on one real node's folder: the tree's update in batches of 1,000 keys with its share of SHA-256 and of
storing, making proofs, executing and storing blocks of real captures, starting the node's process, and what that
process keeps resident. At the largest: how large bundles are, beside the events' own bytes, and that they verify.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from zlib import compress

from node.app import GC_THRESHOLDS
from node.proofs import CertifiedHeight
from node.state import State
from node.tree_file import TreeFile
from scripts.benchmark.filled_node import FilledNode
from scripts.benchmark.load import Batch, make_batch, make_captures
from scripts.benchmark.state_items import TWELVE, twelve_events
from scripts.benchmark.tree import SEED, cpu, sha256_seconds, storing_us, tree_cost
from scripts.story.goods import PACK_GTIN
from scripts.story.network import ROOT, cpu_seconds, node_environment
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.epochs import EpochStep
from tallystick.limits import TREE_KEYS_IN_MEMORY
from tallystick.proofs import Trust, build_item, build_record, verify_bundle, write_bundle
from tallystick.proofs.bundle import ItemBundle
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key

SIZES = (10_000, 100_000, 1_000_000)
BLOCKS = 22
CAPTURES_PER_BLOCK = 200
PROOFS = 300
START_PATIENCE_S = 120.0


def measure_state(
    folder: Path, sizes: tuple[int, ...] = SIZES, keys_in_memory: int = TREE_KEYS_IN_MEMORY
) -> dict[str, dict[int, float] | float]:
    """Every figure; those by size are by the number of keys asked for."""
    figures: dict[str, dict[int, float] | float] = {}
    node = FilledNode(folder, f"tree_keys_in_memory = {keys_in_memory}")
    for size in sizes:
        gc.unfreeze()
        node.grow(size)
        node.disk.ledger.compact(b"", b"\xff")  # growing so fast leaves LevelDB work for minutes
        node.close()
        row = _started(node.home)
        node.open()
        gc.collect()  # as a node does once it has started
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for measure in (_tree, _proofs, _blocks):
            row |= measure(node)
        for name, value in row.items():
            column = figures.setdefault(name, {})
            assert isinstance(column, dict)
            column[size] = value
        print(f"{size:>9,} keys: " + ", ".join(f"{name} {value:,}" for name, value in row.items()), flush=True)
    figures |= _bundles(node)
    node.close()
    return figures


def print_state(figures: dict[str, dict[int, float] | float]) -> None:
    """A table with one column per size, the figures that have no size, and everything as one JSON line."""
    by_size = {name: values for name, values in figures.items() if isinstance(values, dict)}
    sizes = list(next(iter(by_size.values())))
    print("\n| | " + " | ".join(f"{size:,} keys" for size in sizes) + " |")
    print("|---|" + "---|" * len(sizes))
    for name, values in by_size.items():
        print(f"| `{name}` | " + " | ".join(f"{values[size]:,}" for size in sizes) + " |")
    print()
    for name, value in figures.items():
        if not isinstance(value, dict):
            print(f"{name:<40} {value:>12,}")
    print(json.dumps(figures))


# --- at one size ------------------------------------------------------------------------------------------------


def _tree(node: FilledNode) -> dict[str, float]:
    """What changing a key costs, with its part of the tree's file; and in hashes of 65 bytes, which cancels noise."""
    trie = node.disk.executor.state.trie
    cost = tree_cost(trie)
    file = TreeFile(node.home, node.chain_id)
    stored = storing_us(file, trie)
    file.close()
    whole = cost.update_us + stored
    return {
        "tree_us_per_key": round(whole, 1),
        "of_which_sha256_us": round(cost.hashing_us, 1),
        "of_which_storing_us": round(stored, 2),
        "sha256_share": round(cost.hashing_us / whole, 2),
        "hashes_per_key": round(cost.hashes, 2),
        "sha256_of_65_bytes_us": round(cost.sha256_us, 2),
        "tree_per_key_in_sha256": round(whole / cost.sha256_us, 1),
    }


def _proofs(node: FilledNode) -> dict[str, float]:
    """Median time of one key's part of the tree, and of a whole bundle of one record."""
    certified = certified_height(node)
    chance = random.Random(SEED)
    count = node.key_count // 2 - 10
    keys = [item_key(f"01/{PACK_GTIN}/21/F{chance.randrange(count):09}") for _ in range(PROOFS)]
    shown = [cpu(lambda key=key: certified.prove([key_hash(key)]))[0] for key in keys]  # type: ignore[misc]
    whole = [cpu(lambda key=key: write_bundle(build_record(key, certified)))[0] for key in keys]  # type: ignore[misc]
    return {"prove_ms": round(median(shown) * 1e3, 3), "record_bundle_ms": round(median(whole) * 1e3, 3)}


def _blocks(node: FilledNode) -> dict[str, float]:
    """Time of a block of captures through the contracts to the synced batch: of the clock and of the processor.

    ``block_cpu_all_ms`` is that of all threads, LevelDB's own among them, which merges tables when it sees fit.
    """
    wall, used, of_all, calibration = [], [], [], []
    for block in _captured(node, BLOCKS * CAPTURES_PER_BLOCK):
        started, everybody = time.perf_counter(), time.process_time()
        took, _ = cpu(lambda block=block: node.commit([node.execute(block)]))  # type: ignore[misc]
        wall.append((time.perf_counter() - started) * 1e3)
        of_all.append((time.process_time() - everybody) * 1e3)
        used.append(took * 1e3)
        calibration.append(sha256_seconds() * 1e3)
    return {
        "block_ms": round(median(wall[2:]), 1),
        "block_ms_max": round(max(wall[2:]), 1),
        "block_cpu_ms": round(median(used[2:]), 1),
        "block_cpu_all_ms": round(sum(of_all[2:]) / len(of_all[2:]), 1),
        "block_cpu_in_sha256": round(median(used[2:]) / median(calibration)),
    }


def _captured(node: FilledNode, count: int) -> list[list[VerifiedTransaction]]:
    """Blocks of captures that each commission a new serial; made and verified before the clock runs."""
    time_ms = node.disk.executor.tip.executed.time_ms
    batch = Batch(node.chain_id, node.capture_seed, bytes(32), time_ms, node.key_count, 0, 1)
    raws = make_captures(batch, count) if count > 500 else make_batch(replace(batch, count=count))
    verified = [verify_transaction(raw, node.chain_id) for raw in raws]
    return [verified[at : at + CAPTURES_PER_BLOCK] for at in range(0, count, CAPTURES_PER_BLOCK)]


def _started(home: Path) -> dict[str, float]:
    """A process on the folder: seconds until it takes part and until its doors are open; what it keeps resident."""
    started = time.monotonic()
    command = [sys.executable, "-m", "node", "run", "--config", str(home / "node.toml")]
    took_part = 0.0
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=node_environment()) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "node started" in line:
                    took_part = time.monotonic() - started
                if "serving" in line:
                    break
            serving = time.monotonic() - started
            cpu_s = cpu_seconds(process.pid)
            memory = memory_mb(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
    assert took_part, "the node did not start; run it on the folder to see why"
    return {"start_s": round(took_part, 2), "serving_s": round(serving, 2), "start_cpu_s": round(cpu_s, 2), **memory}


def memory_mb(process: int) -> dict[str, float]:
    """All resident pages, those without pages of files (LevelDB maps its tables), and the most there ever were."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Vm", "Rss"))}
    names = {"resident_mb": "VmRSS", "resident_anonymous_mb": "RssAnon", "resident_peak_mb": "VmHWM"}
    return {name: round(int(values[field]) / 1_024, 1) for name, field in names.items()}


# --- bundles ------------------------------------------------------------------------------------------------------


def certified_height(node: FilledNode) -> CertifiedHeight:
    """The height before the newest, under the newest header, with the change of validators before it."""
    ledger, state, tip = node.disk.ledger, node.disk.executor.state, node.disk.executor.tip
    row = ledger.block(tip.executed.height)
    proof = ledger.epoch_proof(0)
    assert row is not None and row.header is not None and row.finalisation is not None and proof is not None
    height = row.header.executed.height
    trie = state.trie_at(height)
    assert trie is not None and isinstance(state, State)
    step = EpochStep(node.founders, proof)
    return CertifiedHeight(ledger, state, row.header, row.finalisation, node.validators, trie, height, (step,))


def _bundles(node: FilledNode) -> dict[str, float]:
    """Sizes of bundles at the largest state; each is verified from the founders' set on."""
    for block in twelve_events(node):
        node.commit([node.execute(block)])
    node.commit([node.execute(_captured(node, 1)[0])])
    certified = certified_height(node)
    trust = Trust(node.chain_id, {0: node.founders.digest()})
    making, item = cpu(lambda: build_item(TWELVE, certified))
    record = build_record(item_key(TWELVE), certified)
    absent = build_record(item_key(TWELVE + "-"), certified)
    figures: dict[str, float] = {}
    for name, bundle in (("item_of_12_events", item), ("record", record), ("absent_record", absent)):
        data = write_bundle(bundle)
        checking, _ = cpu(lambda data=data: verify_bundle(data, trust))  # type: ignore[misc]
        own = sum(len(event.public) for event in bundle.events) if isinstance(bundle, ItemBundle) else 0
        figures[f"{name}_bundle_bytes"] = len(data)
        figures[f"{name}_bundle_bytes_beside_events"] = len(data) - own
        figures[f"{name}_bundle_bytes_deflated"] = len(compress(data, 9))
        figures[f"{name}_bundle_check_ms"] = round(checking * 1e3, 2)
    figures["item_of_12_events_bundle_ms"] = round(making * 1e3, 2)
    figures["cpus"] = float(os.cpu_count() or 1)
    return figures
