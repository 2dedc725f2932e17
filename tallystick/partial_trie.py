"""The shown part of a state tree: reading it, recomputing its root, looking keys up in it.

Preorder bytes: ``00`` and 32 bytes is a subtree that is not shown; ``01`` a branch, followed by its left and right
subtree; ``02``, a count and that many 64-byte entries a bucket shown whole. One pass gives the root, so all keys of a
proof share the hashes above them. Specification: docs/spec/proofs.md, section 3.
"""

from __future__ import annotations

from itertools import pairwise

from tallystick.errors import ProofError
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.trie import ENTRY_SIZE, branch_hash, bucket_hash

DEPTH_MAX = 256


class PartialTrie:
    """A state tree of which some buckets are shown.

    Attributes:
        root: 32 bytes, recomputed from what is shown.
    """

    __slots__ = ("_buckets", "root")

    def __init__(self, data: bytes) -> None:
        """Read and recompute.

        Raises:
            ProofError: ``unreadable`` when the bytes are not one well-formed partial tree.
        """
        self._buckets: dict[str, bytes] = {}
        self.root, end = self._read(data, 0, "")
        if end != len(data):
            raise ProofError("unreadable", "bytes after the end of the state tree")

    def leaf(self, key_hash: bytes) -> bytes | None:
        """The leaf hash of a key hash, or None when the tree shows that there is none.

        Raises:
            ProofError: ``not-shown`` when the bucket where the key must be is not shown.
        """
        bits = bin(int.from_bytes(key_hash, "big"))[2:].zfill(256)
        for depth in range(DEPTH_MAX):
            entries = self._buckets.get(bits[:depth])
            if entries is not None:
                for at in range(0, len(entries), ENTRY_SIZE):
                    if entries[at : at + 32] == key_hash:
                        return entries[at + 32 : at + ENTRY_SIZE]
                return None
        raise ProofError("not-shown", f"the state tree does not show the place of key {key_hash.hex()[:16]}…")

    def _read(self, data: bytes, at: int, path: str) -> tuple[bytes, int]:
        if at >= len(data) or len(path) >= DEPTH_MAX:
            raise ProofError("unreadable", "the state tree ends early or is too deep")
        kind = data[at]
        if kind == 0:
            if at + 33 > len(data):
                raise ProofError("unreadable", "the state tree ends early")
            return data[at + 1 : at + 33], at + 33
        if kind == 1:
            left, at = self._read(data, at + 1, path + "0")
            right, at = self._read(data, at, path + "1")
            return branch_hash(left, right), at
        if kind == 2:
            return self._read_bucket(data, at + 1, path)
        raise ProofError("unreadable", f"no part of a state tree starts with {kind}")

    def _read_bucket(self, data: bytes, at: int, path: str) -> tuple[bytes, int]:
        if at >= len(data):
            raise ProofError("unreadable", "the state tree ends early")
        end = at + 1 + data[at] * ENTRY_SIZE
        entries = data[at + 1 : end]
        if data[at] > BUCKET_KEYS_MAX or len(entries) != data[at] * ENTRY_SIZE:
            raise ProofError("unreadable", "a bucket of the state tree is too large or ends early")
        keys = [entries[i : i + 32] for i in range(0, len(entries), ENTRY_SIZE)]
        if any(first >= second for first, second in pairwise(keys)):
            raise ProofError("unreadable", "entries of a bucket are not in order")
        for key in keys:
            if not bin(int.from_bytes(key, "big"))[2:].zfill(256).startswith(path):
                raise ProofError("unreadable", "an entry stands in a bucket where its key does not lead")
        self._buckets[path] = entries
        return bucket_hash(entries), end
