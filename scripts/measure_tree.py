#!/usr/bin/env python3
"""Measure what the two decisions about the state tree rest on; prints one Markdown table each.

``buckets``, docs/decisions/0002-state-tree.md: how large a bucket is, against update time and proof size.
``closure``, docs/decisions/0002-state-tree.md: the tree's part of the proof of an item, by the size of a bucket.
``storage``, docs/decisions/0006-state-tree-on-disk.md: ways to keep the tree over a restart. *leaves*: a row key hash
-> leaf hash per changed key in the height's batch. *buckets*: a row per changed bucket there. *file*: nothing there,
and one file with all entries now and then, as ``node.tree_file`` does.
``pages``, docs/decisions/0010-state-tree-in-pages.md: a tree in memory against one whose pages lie in a file, the same
batches in turns.

What a node on such a tree costs is for ``./scripts/bench --state``. All times are processor time.

Usage: python -m scripts.measure_tree buckets|closure|storage|pages [KEYS ...]
"""

from __future__ import annotations

import argparse
import gc
import random
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median

from node.app import GC_THRESHOLDS
from node.page_file import PageFile
from node.storage import LevelStore, Put
from node.tree_file import CHANGES_MIN, CHANGES_SHARE, TreeFile
from scripts.benchmark.tree import BATCH, SEED, cpu, sha256_seconds, storing_us, tree_cost
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.subtrees import ENTRY_SIZE, Subtree
from tallystick.trie import Trie

BUCKETS = (4, 8, 16, 32)
BUCKET_COUNTS = (10_000, 100_000, 1_000_000)
STORAGE_COUNTS = (1_000_000,)
CLOSURE_BUCKETS = (1, 2, 4, 8, 16)
CLOSURES, PRESENT, ABSENT = 60, 13, 2  # proofs drawn, and the keys that each shows
PROOFS = 500
ROUNDS = 100  # batches of changed keys that are stored
CHAIN = bytes(32)
ROWS_PER_WRITE = 50_000
PAGED_BATCH, PAGED_ROUNDS = 400, 50  # keys changed at once, as a full block does, and how often
Changes = dict[bytes, bytes]


def key(number: int) -> bytes:
    """The hash of a key."""
    return sha256(b"%d" % number).digest()


def entries_of(count: int) -> bytes:
    """Entries of so many keys in order."""
    return b"".join(sorted(key(number) + bytes(32) for number in range(count)))


def measure_bucket(entries: bytes, bucket: int) -> str:
    """One row: build, batches of updates, proofs."""
    building, trie = cpu(lambda: Trie.of_sorted(entries, bucket))
    cost = tree_cost(trie)
    keys = [key(number) for number in range(PROOFS)]
    proving, proofs = cpu(lambda: [trie.prove([one]) for one in keys])
    return (
        f"| {len(trie):,} | {bucket} | {cost.update_us:.1f} | {cost.hashing_us / cost.update_us:.0%} "
        f"| {cost.update_us / cost.sha256_us:.1f} | {sum(map(len, proofs)) / PROOFS:,.0f} "
        f"| {proving / PROOFS * 1e6:.0f} | {building:.1f} |"
    )


def measure_closure(entries: bytes, bucket: int) -> str:
    """One row: proofs that show some keys of an item, an update, the tree's memory."""
    trie = Trie.of_sorted(entries, bucket)
    count, chance, sizes = len(trie), random.Random(SEED), []
    for number in range(CLOSURES):
        shown = [key(chance.randrange(count)) for _ in range(PRESENT)]
        shown += [key(count + number * ABSENT + index) for index in range(ABSENT)]
        sizes.append(len(trie.prove(shown)))
    cost = tree_cost(trie)
    return (
        f"| {bucket} | {sum(sizes) / CLOSURES:,.0f} | {max(sizes):,} | {cost.update_us / cost.sha256_us:.1f} "
        f"| {memory_mb(trie):,.0f} |"
    )


def memory_mb(trie: Trie) -> float:
    """Bytes of all objects of a tree, in millions, without the allocator's share."""
    size, waiting = 0, list[Subtree]([trie._node])
    while waiting:
        node = waiting.pop()
        size += sys.getsizeof(node)
        if isinstance(node, tuple):
            size += sys.getsizeof(node[2]) + sys.getsizeof(node[3])
            waiting += node[:2]
    return size / 1e6


def leaf_rows(trie: Trie, changes: Changes) -> list[Put]:
    """One row per changed key."""
    return [(b"\xf0" + key_hash, leaf) for key_hash, leaf in changes.items()]


def bucket_rows(trie: Trie, changes: Changes) -> list[Put]:
    """One row per changed bucket, under its first key; buckets that split or merge are left out of account."""
    return [(b"\xf1" + entries[:32], entries) for entries in {trie.bucket(key_hash) for key_hash in changes}]


def entries_of_leaves(store: LevelStore) -> Iterator[bytes]:
    """All entries in key order."""
    return (key_hash[1:] + leaf for key_hash, leaf in store.range(b"\xf0", b"\xf1"))


def entries_of_buckets(store: LevelStore) -> Iterator[bytes]:
    """All entries in key order."""
    return (entries for _, entries in store.range(b"\xf1", b"\xf2"))


def disk_bytes() -> int:
    """Bytes that this process has written so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def measure_rows(
    folder: Path,
    name: str,
    trie: Trie,
    rows: Callable[[Trie, Changes], list[Put]],
    entries: Callable[[LevelStore], Iterator[bytes]],
) -> str:
    """A table of rows: filled, changed in batches, read back."""
    store = LevelStore(folder)
    count, part = len(trie), Changes()
    for key_hash, leaf in trie.items():
        part[key_hash] = leaf
        if len(part) == ROWS_PER_WRITE:
            store.write(rows(trie, part))
            part = {}
    store.write(rows(trie, part))
    written, storing = disk_bytes(), 0.0
    for number in range(ROUNDS):
        changes = changes_of(number, count)
        trie = trie.update(changes)
        storing += cpu(lambda changes=changes, trie=trie: store.write(rows(trie, changes)))[0]  # type: ignore[misc]
    store.close()
    written = disk_bytes() - written

    def start() -> Trie:
        again = LevelStore(folder)
        read = Trie.of_sorted(b"".join(entries(again)))
        again.close()
        return read

    starting, read = cpu(start)
    assert name == "buckets" or read.root == trie.root
    return row(name, storing / ROUNDS / BATCH * 1e6, written / ROUNDS / BATCH, starting)


def measure_file(folder: Path, trie: Trie) -> str:
    """The file, and at a start as many changes since as there may be, applied again."""
    file, count = TreeFile(folder, CHAIN), len(trie)
    before = disk_bytes()
    storing = storing_us(file, trie)
    every = max(CHANGES_MIN, count // CHANGES_SHARE)
    written = (disk_bytes() - before) / every
    since: Changes = {}
    for number in range(every // BATCH):
        since |= changes_of(number, count)

    def start() -> Trie:
        saved = file.read()
        assert saved is not None
        return saved.trie.update(since)

    starting, read = cpu(start)
    file.close()
    assert read.root == trie.update(since).root
    return row("file", storing, written, starting)


def measure_pages(folder: Path, count: int) -> str:
    """One row: a changed key in both trees, in hashes of 65 bytes taken before and after each batch."""
    entries, chance = entries_of(count), random.Random(SEED)
    shelves = (None, PageFile(folder))
    trees = [deque([Trie.of_sorted(entries, shelf=shelf)], PROVABLE_HEIGHTS) for shelf in shelves]
    keys = [entries[at : at + 32] for at in range(0, len(entries), ENTRY_SIZE)]
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    costs: tuple[list[float], list[float]] = ([], [])
    for number in range(PAGED_ROUNDS):
        changes = dict.fromkeys(chance.sample(keys, PAGED_BATCH), key(number))
        for versions, measured in zip(trees, costs, strict=True):
            before = sha256_seconds()
            took, updated = cpu(lambda versions=versions, changes=changes: versions[-1].update(changes))  # type: ignore[misc]
            versions.append(updated)
            measured.append(2 * took / PAGED_BATCH / (before + sha256_seconds()))
    assert trees[0][-1].root == trees[1][-1].root
    gc.unfreeze()
    return f"| {count:,} | {median(costs[0]):.0f} | {median(costs[1]):.0f} |"


def changes_of(number: int, count: int) -> Changes:
    """A batch of changes spread over all keys."""
    return {key((number * BATCH + i) * 7_919 % count): key(-number) for i in range(BATCH)}


def row(name: str, storing: float, written: float, start: float) -> str:
    """A row of the table."""
    return f"| {name} | {storing:.1f} | {written:,.0f} | {start:.1f} |"


def print_buckets(counts: tuple[int, ...]) -> None:
    """The table of decision 2."""
    print(
        "| keys | bucket | update, µs per key | SHA-256 of it | in SHA-256 of 65 bytes | proof, bytes | prove, µs ",
        end="",
    )
    print("| build, s |\n|---|---|---|---|---|---|---|---|")
    for count in counts:
        entries = entries_of(count)
        for bucket in BUCKETS:
            print(measure_bucket(entries, bucket), flush=True)


def print_closure(counts: tuple[int, ...]) -> None:
    """The second table of decision 2."""
    for count in counts:
        entries = entries_of(count)
        print(
            "| bucket | tree's part of the proof, bytes | the greatest | update per key, in SHA-256 of 65 bytes ",
            end="",
        )
        print("| memory of the tree, MB |\n|---|---|---|---|---|")
        for bucket in CLOSURE_BUCKETS:
            print(measure_closure(entries, bucket), flush=True)


def print_storage(counts: tuple[int, ...]) -> None:
    """The table of decision 6."""
    for count in counts:
        trie = Trie.of_sorted(entries_of(count))
        print("| kept as | storing, µs per changed key | bytes on disk per changed key | start, s |")
        print("|---|---|---|---|")
        folder = Path(tempfile.mkdtemp(prefix="tallystick-tree-"))
        try:
            (folder / "file").mkdir()
            print(measure_file(folder / "file", trie), flush=True)
            print(measure_rows(folder / "leaves", "leaves", trie, leaf_rows, entries_of_leaves), flush=True)
            print(measure_rows(folder / "buckets", "buckets", trie, bucket_rows, entries_of_buckets), flush=True)
        finally:
            shutil.rmtree(folder)


def print_pages(counts: tuple[int, ...]) -> None:
    """The table of decision 10."""
    print("| keys | in memory | in pages |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="tallystick-tree-") as folder:
        for count in counts:
            print(measure_pages(Path(folder), count), flush=True)


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(prog="python -m scripts.measure_tree", description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=("buckets", "closure", "storage", "pages"))
    parser.add_argument("keys", type=int, nargs="*", metavar="KEYS", help="sizes of the tree")
    options = parser.parse_args()
    if options.table == "buckets":
        print_buckets(tuple(options.keys) or BUCKET_COUNTS)
    elif options.table == "closure":
        print_closure(tuple(options.keys) or STORAGE_COUNTS)
    elif options.table == "pages":
        print_pages(tuple(options.keys) or BUCKET_COUNTS)
    else:
        print_storage(tuple(options.keys) or STORAGE_COUNTS)


if __name__ == "__main__":
    main()
