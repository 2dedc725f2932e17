#!/usr/bin/env python3
"""Measure ways to keep the state tree over a restart. Prints a Markdown table.

*leaves*: a row key hash -> leaf hash per changed key in the height's batch. *buckets*: a row per changed bucket there.
*file*: nothing there, and one file with all entries now and then, as ``node.tree_file`` does.

Usage: python scripts/measure_tree_storage.py [KEYS]
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.storage import LevelStore, Put
from node.tree_file import CHANGES_MIN, CHANGES_SHARE, TREE_FILE, TreeFile
from tallystick.trie import ENTRY_SIZE, Trie

BATCH = 1_000  # changed keys
ROUNDS = 100
CHAIN = bytes(32)
Changes = dict[bytes, bytes]


def key(number: int) -> bytes:
    """The hash of a key."""
    return sha256(b"%d" % number).digest()


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
    name: str,
    trie: Trie,
    rows: Callable[[Trie, Changes], list[Put]],
    entries: Callable[[LevelStore], Iterator[bytes]],
) -> str:
    """A table of rows: filled, changed in batches, read back."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-tree-"))
    store = LevelStore(folder)
    count, part = len(trie), Changes()
    for key_hash, leaf in trie.items():
        part[key_hash] = leaf
        if len(part) == 50_000:
            store.write(rows(trie, part))
            part = {}
    store.write(rows(trie, part))
    update = write = 0.0
    written = disk_bytes()
    for number in range(ROUNDS):
        changes = changes_of(number, count)
        started = time.process_time()
        trie = trie.update(changes)
        update += time.process_time() - started
        started = time.process_time()
        store.write(rows(trie, changes))
        write += time.process_time() - started
    store.close()
    written = disk_bytes() - written
    started = time.process_time()
    store = LevelStore(folder)
    again = Trie.of_sorted(b"".join(entries(store)))
    start = time.process_time() - started
    assert name == "buckets" or again.root == trie.root
    store.close()
    shutil.rmtree(folder)
    return row(name, update, write, written, start)


def measure_file(trie: Trie) -> str:
    """The file, written as often as the node does, and the changes since applied again."""
    folder = Path(tempfile.mkdtemp(prefix="tallystick-tree-"))
    file = TreeFile(folder, CHAIN)
    count = len(trie)
    update = 0.0
    all_changes: Changes = {}
    for number in range(ROUNDS):
        changes = changes_of(number, count)
        started = time.process_time()
        trie = trie.update(changes)
        update += time.process_time() - started
        all_changes |= changes
    started, before = time.process_time(), disk_bytes()
    file.write(1, trie)
    per_key = (time.process_time() - started) / max(CHANGES_MIN, count // CHANGES_SHARE)
    written = (disk_bytes() - before) * ROUNDS * BATCH // max(CHANGES_MIN, count // CHANGES_SHARE)
    started = time.process_time()
    saved = file.read()
    assert saved is not None
    saved.trie.update(all_changes)
    start = time.process_time() - started
    size = (folder / TREE_FILE).stat().st_size
    assert size >= count * ENTRY_SIZE
    shutil.rmtree(folder)
    return row("file", update, per_key * ROUNDS * BATCH, written, start)


def changes_of(number: int, count: int) -> Changes:
    """A batch of changes spread over all keys."""
    return {key((number * BATCH + i) * 7_919 % count): key(-number) for i in range(BATCH)}


def row(name: str, update: float, write: float, written: int, start: float) -> str:
    """A row of the table."""
    changed = ROUNDS * BATCH
    return (
        f"| {name} | {update / changed * 1e6:.1f} | {write / changed * 1e6:.1f} | {written / changed:,.0f} "
        f"| {start:.1f} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} |"
    )


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    trie = Trie.of_sorted(b"".join(sorted(key(i) + CHAIN for i in range(count))))
    print(
        "| kept as | tree, µs CPU per key | storing, µs CPU per key | bytes on disk per key | start, s CPU | peak MB |"
    )
    print("|---|---|---|---|---|---|")
    print(measure_file(trie), flush=True)
    print(measure_rows("leaves", trie, leaf_rows, entries_of_leaves), flush=True)
    print(measure_rows("buckets", trie, bucket_rows, entries_of_buckets), flush=True)


if __name__ == "__main__":
    main()
