#!/usr/bin/env python3
"""Measure the state tree: bucket sizes against update time, proof size and memory. Prints a Markdown table.

Usage: python scripts/measure_state_tree.py [KEYS ...]
"""

from __future__ import annotations

import sys
import time
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tallystick.trie import Trie


def measure(key_count: int, bucket: int, batch: int = 1_000) -> str:
    """One row: build, ten batches of updates, proofs."""
    keys = [sha256(b"%d" % i).digest() for i in range(key_count)]
    started = time.process_time()
    trie = Trie(bucket_keys_max=bucket).update(dict.fromkeys(keys, bytes(32)))
    built = time.process_time() - started
    durations = []
    for round_ in range(10):
        changes = {
            keys[(round_ * batch + i) * 7_919 % key_count]: sha256(b"%d" % round_).digest() for i in range(batch)
        }
        started = time.process_time()
        trie = trie.update(changes)
        durations.append((time.process_time() - started) / len(changes) * 1e6)
    proofs = [len(trie.prove([key])) for key in keys[:500]]
    started = time.process_time()
    for key in keys[:500]:
        trie.prove([key])
    proving = (time.process_time() - started) / 500 * 1e6
    return (
        f"| {key_count:,} | {bucket} | {sorted(durations)[5]:.1f} | {sum(proofs) / len(proofs):,.0f} "
        f"| {proving:.0f} | {built:.1f} |"
    )


def main() -> None:
    """Print the table."""
    counts = [int(argument) for argument in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print("| keys | bucket | update, µs CPU per key (batch of 1,000) | proof, bytes | prove, µs | build, s |")
    print("|---|---|---|---|---|---|")
    for count in counts:
        for bucket in (8, 16, 32):
            print(measure(count, bucket), flush=True)


if __name__ == "__main__":
    main()
