"""What updating a state tree costs, beside the hashes in it: for ``bench --state`` and ``measure_tree``."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from statistics import median
from typing import TypeVar

from node.tree_file import CHANGES_MIN, CHANGES_SHARE, TreeFile
from tallystick import subtrees
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.trie import Trie

T = TypeVar("T")

BATCH = 1_000  # keys changed at once
BATCHES = 30
HASHED_EVERY = 5  # batches of which the hashes are timed alone
CALIBRATION = 2_000  # hashes
SEED = 16


@dataclass(frozen=True, slots=True)
class TreeCost:
    """Medians over the batches, in microseconds of processor time.

    Attributes:
        update_us: per changed key.
        hashing_us: of it the SHA-256 of what is hashed, per changed key.
        hashes: per changed key.
        sha256_us: one SHA-256 of 65 bytes, what a branch costs at the least, measured between the batches.
    """

    update_us: float
    hashing_us: float
    hashes: float
    sha256_us: float


def tree_cost(trie: Trie) -> TreeCost:
    """Update a tree in batches of keys drawn at random from all it has, each the next version, as a node does.

    As many versions are kept as a node keeps, so that what they put away is written.
    """
    chance = random.Random(SEED)
    versions = deque([trie], PROVABLE_HEIGHTS)
    known = [key_hash for key_hash, _ in trie.items()]
    updates, hashing, counts, calibration = [], [], [], []
    for number in range(BATCHES):
        leaf = sha256(b"%d" % number).digest()
        changes: dict[bytes, bytes | None] = dict.fromkeys(chance.sample(known, min(BATCH, len(known))), leaf)
        took, updated = cpu(lambda changes=changes: versions[-1].update(changes))  # type: ignore[misc]
        updates.append(took / len(changes))
        calibration.append(sha256_seconds())
        if number % HASHED_EVERY == 0:
            inputs = _hashed_by(lambda changes=changes: versions[-1].update(changes))  # type: ignore[misc]
            took = cpu(lambda inputs=inputs: [sha256(data).digest() for data in inputs])[0]  # type: ignore[misc]
            hashing.append(took / len(changes))
            counts.append(len(inputs) / len(changes))
        versions.append(updated)
    return TreeCost(median(updates) * 1e6, median(hashing) * 1e6, median(counts), median(calibration) * 1e6)


def storing_us(file: TreeFile, trie: Trie) -> float:
    """Microseconds of processor time per changed key that the tree's file takes, written as often as a node does."""
    return cpu(lambda: file.write(1, trie))[0] / max(CHANGES_MIN, len(trie) // CHANGES_SHARE) * 1e6


def sha256_seconds() -> float:
    """Processor time of one SHA-256 of 65 bytes just now."""
    data = bytes(65)
    return cpu(lambda: [sha256(data).digest() for _ in range(CALIBRATION)])[0] / CALIBRATION


def cpu(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of this thread's processor time (LevelDB tidies up in a thread of its own), and the answer."""
    started = time.thread_time()
    answer = work()
    return time.thread_time() - started, answer


def _hashed_by(work: Callable[[], Trie]) -> list[bytes]:
    """What is hashed meanwhile."""
    inputs: list[bytes] = []

    def recording(data: bytes) -> object:
        inputs.append(data)
        return sha256(data)

    subtrees.sha256 = recording  # type: ignore[assignment, attr-defined]
    try:
        work()
    finally:
        subtrees.sha256 = sha256  # type: ignore[attr-defined]
    return inputs
