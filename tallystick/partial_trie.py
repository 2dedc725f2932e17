"""The shown part of a state tree: reading it, recomputing its root, looking keys up in it.

Preorder bytes: ``00`` and 32 bytes is a subtree that is not shown; ``01`` a branch, followed by its left and right
subtree; ``02``, a count and that many 64-byte entries a bucket shown whole. One pass gives the root, so all keys of a
proof share the hashes above them. Specification: docs/spec/proofs.md, section 3.
"""

from __future__ import annotations

from hashlib import sha256

from tallystick.errors import ProofError
from tallystick.hashing import TAG_TRIE_NODE
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.trie import ENTRY_SIZE, bucket_hash

DEPTH_MAX = 256
_HIDDEN, _BRANCH, _BUCKET = 0, 1, 2
_NODE = sha256(TAG_TRIE_NODE)  # a copy of it is a sixth faster than to begin anew


class PartialTrie:
    """A state tree of which some buckets are shown.

    Attributes:
        root: 32 bytes, recomputed from what is shown.
    """

    __slots__ = ("_buckets", "_leaves", "root")

    def __init__(self, data: bytes) -> None:
        """Read and recompute, in one pass without recursion.

        Raises:
            ProofError: ``unreadable`` when the bytes are not one well-formed partial tree.
        """
        self._leaves: dict[bytes, bytes] = {}
        self._buckets: dict[int, set[int]] = {}  # by the number of bits below it, the bits that lead to it
        # Of the branches above: nothing while their left subtree is read, then its hash. The way here is a number of
        # bits, and the last one says which side of the lowest branch this is.
        lefts: list[bytes] = []
        at = way = 0
        fed = _NODE.copy
        try:
            while True:
                kind = data[at]
                if kind == _BRANCH:
                    lefts.append(b"")
                    way <<= 1
                    at += 1
                    if len(lefts) >= DEPTH_MAX:
                        raise ProofError("unreadable", "the state tree is too deep")
                    continue
                if kind == _HIDDEN:
                    end = at + 33
                    hash_ = data[at + 1 : end]
                    at = end
                else:
                    hash_, at = self._read_bucket(data, at, way, DEPTH_MAX - len(lefts))
                while way & 1:
                    node = fed()
                    node.update(lefts.pop() + hash_)
                    hash_ = node.digest()
                    way >>= 1
                if not lefts:
                    break
                lefts[-1] = hash_
                way |= 1
        except IndexError as error:
            raise ProofError("unreadable", "the state tree ends early") from error
        if at != len(data):
            raise ProofError("unreadable", "the state tree ends early, or bytes are after its end")
        self.root = hash_

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

    def _read_bucket(self, data: bytes, at: int, prefix: int, free: int) -> tuple[bytes, int]:
        """A bucket: its hash, and where it ends. ``free``: how many bits of its keys lie below it."""
        if data[at] != _BUCKET:
            raise ProofError("unreadable", f"no part of a state tree starts with {data[at]}")
        count = data[at + 1]
        end = at + 2 + count * ENTRY_SIZE
        if count > BUCKET_KEYS_MAX or end > len(data):
            raise ProofError("unreadable", "a bucket of the state tree is too large or ends early")
        entries = data[at + 2 : end]
        keys = [entries[i : i + 32] for i in range(0, len(entries), ENTRY_SIZE)]
        leaves = [entries[i : i + 32] for i in range(32, len(entries), ENTRY_SIZE)]
        if count:
            if keys != sorted(set(keys)):
                raise ProofError("unreadable", "entries of a bucket are not in order")
            # Those between the first and the last are between.
            first, last = int.from_bytes(keys[0], "big"), int.from_bytes(keys[-1], "big")
            if first >> free != prefix or last >> free != prefix:
                raise ProofError("unreadable", "an entry stands in a bucket where its key does not lead")
        self._leaves.update(zip(keys, leaves, strict=True))
        self._buckets.setdefault(free, set()).add(prefix)
        return bucket_hash(entries), end
