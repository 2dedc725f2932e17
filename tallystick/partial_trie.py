"""The shown part of a state tree: reading it, recomputing its root, looking keys up in it.

First the tree's shape in bits, preorder: ``1`` is a branch, followed by its left and right subtree; ``00`` a subtree
that is not shown; ``01``, a count in three bits and a bit for each entry a bucket shown whole. Then, in the same order,
32 bytes for each subtree that is not shown and 64 for each entry whose bit is 0. An entry whose bit is 1 is that of a
record which the reader is shown anyway: entries ascend, so the records fill them in the order of their key hashes.
One pass gives the root, so all keys of a proof share the hashes above them. Specification: docs/spec/proofs.md,
section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from tallystick.errors import ProofError
from tallystick.hashing import TAG_TRIE_NODE
from tallystick.limits import BUCKET_KEYS_MAX, TREE_SHAPE_SIZE_MAX
from tallystick.trie import ENTRY_SIZE, SHAPE_SIZE_BYTES, bucket_hash

DEPTH_MAX = 256
_BRANCH, _HIDDEN = "1", "0"
_COUNT_BITS = 3
_NODE = sha256(TAG_TRIE_NODE)  # a copy of it is a sixth faster than to begin anew


class PartialTrie:
    """A state tree of which some buckets are shown.

    Attributes:
        root: 32 bytes, recomputed from what is shown.
    """

    __slots__ = ("_at", "_buckets", "_bytes", "_leaves", "_shape", "_waiting", "root")

    def __init__(self, data: bytes, leaves: Mapping[bytes, bytes] | None = None) -> None:
        """Read and recompute, in one pass without recursion.

        Args:
            leaves: key hash to leaf hash of the records that are shown beside the tree.
        Raises:
            ProofError: ``unreadable`` when the bytes are not one well-formed partial tree; ``not-shown`` when it has
                not exactly one place for each of the records.
        """
        size = SHAPE_SIZE_BYTES + int.from_bytes(data[:SHAPE_SIZE_BYTES], "big")
        shape = data[SHAPE_SIZE_BYTES:size]
        if not shape or len(data) < size:
            raise ProofError("unreadable", "the state tree ends early")
        if len(shape) > TREE_SHAPE_SIZE_MAX:
            raise ProofError("unreadable", f"the shape of a state tree has at most {TREE_SHAPE_SIZE_MAX} bytes")
        self._shape = f"{int.from_bytes(shape, 'big'):0{8 * len(shape)}b}"
        self._bytes, self._at = data, size
        self._leaves = dict(leaves or {})
        self._waiting = sorted(self._leaves, reverse=True)  # records whose entries are still to come, the next one last
        self._buckets: dict[int, set[int]] = {}  # by the number of bits below it, the bits that lead to it
        self.root, end = self._read()
        if "1" in self._shape[end:] or len(self._shape) - end > 7 or self._at != len(data):
            raise ProofError("unreadable", "the state tree ends early, or something is after its end")
        if self._waiting:
            raise ProofError("not-shown", f"the state tree has no place for key {self._waiting[-1].hex()[:16]}…")

    def leaf(self, key_hash: bytes) -> bytes | None:
        """The leaf hash of a key hash, or None when the tree shows that there is none.

        Raises:
            ProofError: ``not-shown`` when the bucket where the key must be is not shown.
        """
        found = self._leaves.get(key_hash)
        if found is not None:
            return found
        bits = int.from_bytes(key_hash, "big")
        if any(bits >> free in prefixes for free, prefixes in self._buckets.items()):
            return None
        raise ProofError("not-shown", f"the state tree does not show the place of key {key_hash.hex()[:16]}…")

    def _read(self) -> tuple[bytes, int]:
        """The root, and where the shape ends."""
        shape, data, fed = self._shape, self._bytes, _NODE.copy
        # Of the branches above: nothing while their left subtree is read, then its hash. The way here is a number of
        # bits, and the last one says which side of the lowest branch this is.
        lefts: list[bytes] = []
        at, way, size = 0, 0, len(shape)
        while True:
            if at + 1 >= size or len(lefts) >= DEPTH_MAX:
                raise ProofError("unreadable", "the state tree ends early or is too deep")
            if shape[at] == _BRANCH:
                lefts.append(b"")
                way <<= 1
                at += 1
                continue
            if shape[at + 1] == _HIDDEN:
                end = self._at + 32
                hash_ = data[self._at : end]
                self._at = end
                at += 2
            else:
                hash_, at = self._bucket(at + 2, way, DEPTH_MAX - len(lefts))
            while way & 1:
                node = fed()
                node.update(lefts.pop() + hash_)
                hash_ = node.digest()
                way >>= 1
            if not lefts:
                return hash_, at
            lefts[-1] = hash_
            way |= 1

    def _bucket(self, at: int, prefix: int, free: int) -> tuple[bytes, int]:
        """A bucket: its hash, and where its shape ends. ``free``: how many bits of its keys lie below it."""
        shape = self._shape
        end = at + _COUNT_BITS
        count = int(shape[at:end] or "0", 2)
        if count > BUCKET_KEYS_MAX or end + count > len(shape):
            raise ProofError("unreadable", "a bucket of the state tree is too large or ends early")
        entries, before = b"", b""
        for bit in shape[end : end + count]:
            entry = self._own_entry(prefix, free) if bit == "1" else self._shown_entry(prefix, free)
            if entry[:32] <= before:
                raise ProofError("unreadable", "entries of a bucket are not in order")
            before = entry[:32]
            entries += entry
        self._buckets.setdefault(free, set()).add(prefix)
        return bucket_hash(entries), end + count

    def _own_entry(self, prefix: int, free: int) -> bytes:
        """The entry of the next of the records shown."""
        key = self._waiting.pop() if self._waiting else b""
        if not key or int.from_bytes(key, "big") >> free != prefix:
            raise ProofError("not-shown", "the state tree has a place for a record that is not shown")
        return key + self._leaves[key]

    def _shown_entry(self, prefix: int, free: int) -> bytes:
        entry = self._bytes[self._at : self._at + ENTRY_SIZE]
        self._at += ENTRY_SIZE
        key = entry[:32]
        if len(entry) != ENTRY_SIZE or int.from_bytes(key, "big") >> free != prefix:
            raise ProofError("unreadable", "an entry is cut short or stands in a bucket where its key does not lead")
        if key in self._leaves:
            raise ProofError("unreadable", "the state tree has two entries of one key")
        self._leaves[key] = entry[32:]
        return entry
