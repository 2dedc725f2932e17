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
        lefts: list[bytes] = []  # of the branches above: empty, or the left subtree's hash once it is known
        at, prefix, size = 0, 0, len(data)  # prefix: the bits that lead here, as a number
        while True:
            if at >= size or len(lefts) >= DEPTH_MAX:
                raise ProofError("unreadable", "the state tree ends early or is too deep")
            kind = data[at]
            if kind == _BRANCH:
                lefts.append(b"")
                prefix <<= 1
                at += 1
                continue
            if kind == _HIDDEN:
                hash_ = data[at + 1 : at + 33]
                at += 33
            else:
                hash_, at = self._read_bucket(data, at, prefix, DEPTH_MAX - len(lefts))
            while lefts:
                left = lefts[-1]
                if not left:
                    lefts[-1] = hash_
                    prefix |= 1
                    break
                hash_ = sha256(TAG_TRIE_NODE + left + hash_).digest()
                del lefts[-1]
                prefix >>= 1
            else:
                break
        if at != size:
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
        if at + 1 >= len(data):
            raise ProofError("unreadable", "the state tree ends early")
        count = data[at + 1]
        end = at + 2 + count * ENTRY_SIZE
        if count > BUCKET_KEYS_MAX or end > len(data):
            raise ProofError("unreadable", "a bucket of the state tree is too large or ends early")
        entries = data[at + 2 : end]
        keys = [entries[i : i + 32] for i in range(0, len(entries), ENTRY_SIZE)]
        if keys != sorted(set(keys)):
            raise ProofError("unreadable", "entries of a bucket are not in order")
        for key in (*keys[:1], *keys[-1:]):  # those between are between
            if int.from_bytes(key, "big") >> free != prefix:
                raise ProofError("unreadable", "an entry stands in a bucket where its key does not lead")
        leaves = [entries[i : i + 32] for i in range(32, len(entries), ENTRY_SIZE)]
        self._leaves.update(zip(keys, leaves, strict=True))
        self._buckets.setdefault(free, set()).add(prefix)
        return bucket_hash(entries), end
