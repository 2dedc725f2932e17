"""The shown part of a state tree: reading it, recomputing its root, looking keys up in it.

First the tree's shape in bits, preorder: ``1`` is a branch, followed by its left and right subtree; ``00`` a subtree
that is not shown; ``01``, a count in three bits and a bit for each entry a bucket shown whole. Then, in the same order,
32 bytes for each subtree that is not shown and 64 for each entry whose bit is 0. An entry whose bit is 1 is that of a
record which the reader is shown anyway: entries ascend, so the records fill them in the order of their key hashes.
One pass gives the root, so all keys of a proof share the hashes above them. Specification: docs/spec/proofs.md,
section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import islice

from tallystick.errors import ProofError
from tallystick.hashing import TAG_TRIE_NODE
from tallystick.limits import BUCKET_KEYS_MAX, TREE_SHAPE_SIZE_MAX
from tallystick.subtrees import bucket_hash
from tallystick.trie import SHAPE_SIZE_BYTES

DEPTH_MAX = 256
_BRANCH, _HIDDEN, _OWN = "1", "0", "1"
_TOP = 0b10
_TOO_DEEP = _TOP << DEPTH_MAX
_COUNT_BITS = 3
_HASH_SIZE = 32
_NODE = sha256(TAG_TRIE_NODE)  # a copy of it is a sixth faster than to begin anew


class PartialTrie:
    """A state tree of which some buckets are shown.

    Attributes:
        root: 32 bytes, recomputed from what is shown.
    """

    __slots__ = ("_buckets", "_halves", "_leaves", "_waiting", "root")

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
        if not shape or len(data) < size or (len(data) - size) % _HASH_SIZE:
            raise ProofError("unreadable", "the state tree ends early")
        if len(shape) > TREE_SHAPE_SIZE_MAX:
            raise ProofError("unreadable", f"the shape of a state tree has at most {TREE_SHAPE_SIZE_MAX} bytes")
        self._halves = iter(  # an entry has two
            [data[at : at + _HASH_SIZE] for at in range(size, len(data), _HASH_SIZE)]
        )
        self._leaves = dict(leaves or {})
        self._waiting = sorted(self._leaves, reverse=True)  # records whose entries are still to come, the next one last
        self._buckets: dict[int, set[int]] = {}  # by the number of bits below it, the bits that lead to it
        bits = iter(f"{int.from_bytes(shape, 'big'):0{8 * len(shape)}b}")
        self.root = self._read(bits)
        rest = "".join(islice(bits, 8))
        if "1" in rest or len(rest) > 7 or next(self._halves, b""):
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

    def _read(self, bits: Iterator[str]) -> bytes:
        """The root of the tree whose shape these bits begin with."""
        halves, begun = self._halves, _NODE.copy
        # ``way`` is the bits that lead here, 1 for right, under a leading 10. For each 1 in it the left subtree of that
        # branch was read before: its hash is one of ``lefts``.
        way, lefts = _TOP, list[bytes]()
        for bit in bits:
            if bit == _BRANCH:
                way <<= 1
                if way >= _TOO_DEEP:
                    break
                continue
            if next(bits, "") == _HIDDEN:
                hash_ = next(halves, b"")
                if not hash_:
                    break
            else:
                hash_ = self._bucket(bits, way)
            while way & 1:
                node = begun()
                node.update(lefts.pop() + hash_)
                hash_ = node.digest()
                way >>= 1
            if way == _TOP:
                return hash_
            lefts.append(hash_)
            way += 1
        raise ProofError("unreadable", "the state tree ends early or is too deep")

    def _bucket(self, bits: Iterator[str], way: int) -> bytes:
        """The hash of a bucket."""
        count = "".join(islice(bits, _COUNT_BITS))
        size = int(count, 2) if len(count) == _COUNT_BITS else BUCKET_KEYS_MAX + 1
        marks = list(islice(bits, size))
        if size > BUCKET_KEYS_MAX or len(marks) < size:
            raise ProofError("unreadable", "a bucket of the state tree is too large or ends early")
        free = DEPTH_MAX + _TOP.bit_length() - way.bit_length()  # bits of its keys below it
        prefix = way ^ _TOP << DEPTH_MAX - free
        entries, before = b"", b""
        for mark in marks:
            entry = self._own_entry(prefix, free) if mark == _OWN else self._shown_entry(prefix, free)
            if entry <= before:
                raise ProofError("unreadable", "entries of a bucket are not in order")
            before = entry
            entries += entry
        self._buckets.setdefault(free, set()).add(prefix)
        return bucket_hash(entries)

    def _own_entry(self, prefix: int, free: int) -> bytes:
        """The entry of the next of the records shown."""
        key = self._waiting.pop() if self._waiting else b""
        if not key or int.from_bytes(key, "big") >> free != prefix:
            raise ProofError("not-shown", "the state tree has a place for a record that is not shown")
        return key + self._leaves[key]

    def _shown_entry(self, prefix: int, free: int) -> bytes:
        """The next of the entries that stand in the tree."""
        key, leaf = next(self._halves, b""), next(self._halves, b"")
        if not leaf or int.from_bytes(key, "big") >> free != prefix:
            raise ProofError("unreadable", "an entry is cut short or stands in a bucket where its key does not lead")
        if key in self._leaves:
            raise ProofError("unreadable", "the state tree has two entries of one key")
        self._leaves[key] = leaf
        return key + leaf
