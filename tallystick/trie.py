"""The state tree: a binary Merkle trie over SHA-256 key hashes whose small subtrees are buckets.

A subtree of at most ``BUCKET_KEYS_MAX`` keys is one bucket: SHA-256(0x02 || its entries in key order), an entry being
key hash (32) || leaf hash (32). A larger subtree is SHA-256(0x03 || left || right), split by the next bit of the key,
most significant bit first. So the tree of a set of keys is the same whatever its history, and it proves presence and
absence alike: the bucket where a key must be is shown whole.

A ``Trie`` is never changed; an update gives a new one that shares what it can, so older roots stay provable for as
long as somebody keeps them. Specification: docs/spec/state.md. Judge: ``tests/reference/naive_trie.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TypeAlias

from tallystick.limits import BUCKET_KEYS_MAX

ENTRY_SIZE = 64

# A bucket is its entries' bytes. A larger subtree is (preimage of its hash, key count, left, right): it holds its
# children's hashes and not its own, so a path is hashed anew without a look at any neighbour. Tuples, because they are
# smaller and faster than objects with slots, and a million keys make ninety thousand of them.
Branch: TypeAlias = "tuple[bytes, int, Subtree, Subtree]"
Subtree: TypeAlias = "bytes | Branch"
Hashed: TypeAlias = "tuple[bytes, Subtree]"  # hash of a subtree, the subtree
Changes: TypeAlias = list[tuple[bytes, bytes | None]]


def bucket_hash(entries: bytes) -> bytes:
    """Hash of a bucket from its entries' bytes."""
    return sha256(b"\x02" + entries).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a subtree that is too large for a bucket."""
    return sha256(b"\x03" + left + right).digest()


EMPTY: Hashed = (bucket_hash(b""), b"")


class Trie:
    """An immutable map of 32-byte key hashes to 32-byte leaf hashes with a Merkle root.

    Attributes:
        root: the 32-byte state root.
    """

    __slots__ = ("_bucket_max", "_node", "root")

    def __init__(self, hashed: Hashed = EMPTY, bucket_keys_max: int = BUCKET_KEYS_MAX) -> None:
        self.root, self._node = hashed
        self._bucket_max = bucket_keys_max

    @classmethod
    def of_sorted(cls, entries: bytes, bucket_keys_max: int = BUCKET_KEYS_MAX) -> Trie:
        """The trie over entries (key hash, leaf hash) that stand in strictly ascending order of key hash."""
        return cls(_build(entries, 0, bucket_keys_max * ENTRY_SIZE), bucket_keys_max)

    def __len__(self) -> int:
        return _count(self._node)

    def get(self, key_hash: bytes) -> bytes | None:
        """The leaf hash of a key hash, or None."""
        return _find(self.bucket(key_hash), key_hash)

    def bucket(self, key_hash: bytes) -> bytes:
        """The entries of the bucket where a key hash must be."""
        node, depth = self._node, 0
        while isinstance(node, tuple):
            node = node[3] if _bit(key_hash, depth) else node[2]
            depth += 1
        return node

    def update(self, changes: Mapping[bytes, bytes | None]) -> Trie:
        """The trie with these leaves set (or removed, where None). Keys are key hashes, each 32 bytes."""
        if not changes:
            return self
        ordered = sorted(changes.items())
        size_max = self._bucket_max * ENTRY_SIZE
        return Trie(_update(self._node, 0, ordered, 0, len(ordered), size_max), self._bucket_max)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """The part of the tree that shows these keys, present or absent, as ``partial_trie`` reads it."""
        out = bytearray()
        _prune(self.root, self._node, 0, sorted(set(key_hashes)), out)
        return bytes(out)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All (key hash, leaf hash) in key order."""
        for entries in self.buckets():
            yield from _entries(entries)

    def buckets(self) -> Iterator[bytes]:
        """The entries of all buckets in key order, one bucket at a time."""
        waiting = [self._node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, bytes):
                yield node
            else:
                waiting += (node[3], node[2])


def _bit(key_hash: bytes, depth: int) -> int:
    return key_hash[depth >> 3] >> (7 - (depth & 7)) & 1


def _count(node: Subtree) -> int:
    return node[1] if isinstance(node, tuple) else len(node) // ENTRY_SIZE


def _find(entries: bytes, key_hash: bytes) -> bytes | None:
    for at in range(0, len(entries), ENTRY_SIZE):
        if entries[at : at + 32] == key_hash:
            return entries[at + 32 : at + 64]
    return None


def _entries(entries: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, len(entries), ENTRY_SIZE):
        yield entries[at : at + 32], entries[at + 32 : at + 64]


def _all_entries(node: Subtree) -> bytes:
    if isinstance(node, bytes):
        return node
    return _all_entries(node[2]) + _all_entries(node[3])


def _update(node: Subtree, depth: int, changes: Changes, low: int, high: int, size_max: int) -> Hashed:
    """The subtree at ``depth`` with ``changes[low:high]`` applied; all of them belong below it."""
    if high - low == 1:
        return _update_one(node, depth, *changes[low], size_max)
    if isinstance(node, bytes):
        return _build(_merge(node, changes, low, high), depth, size_max)
    middle = _split(changes, low, high, depth)
    preimage, _, left, right = node
    left_hash, right_hash = preimage[1:33], preimage[33:]
    if low < middle:
        left_hash, left = _update(left, depth + 1, changes, low, middle, size_max)
    if middle < high:
        right_hash, right = _update(right, depth + 1, changes, middle, high, size_max)
    count = _count(left) + _count(right)
    if count * ENTRY_SIZE <= size_max:
        entries = _all_entries(left) + _all_entries(right)
        return sha256(b"\x02" + entries).digest(), entries
    preimage = b"\x03" + left_hash + right_hash
    return sha256(preimage).digest(), (preimage, count, left, right)


def _update_one(node: Subtree, depth: int, key: bytes, leaf: bytes | None, size_max: int) -> Hashed:
    """``_update`` for one change, as most are below the first levels: down to the bucket and back in two loops."""
    path: list[tuple[Branch, int]] = []
    while isinstance(node, tuple):
        bit = key[depth >> 3] & (128 >> (depth & 7))
        path.append((node, bit))
        node = node[3] if bit else node[2]
        depth += 1
    entries = _set(node, key, leaf)
    more = len(entries) - len(node)
    if len(entries) <= size_max:
        hash_, node = sha256(b"\x02" + entries).digest(), entries
    else:
        hash_, node = _build(entries, depth, size_max)
    if more < 0:
        return _climb_smaller(path, hash_, node, size_max)
    more //= ENTRY_SIZE
    while path:
        (preimage, count, left, right), bit = path.pop()
        if bit:
            preimage = preimage[:33] + hash_
            node = (preimage, count + more, left, node)
        else:
            preimage = b"".join((b"\x03", hash_, preimage[33:]))
            node = (preimage, count + more, node, right)
        hash_ = sha256(preimage).digest()
    return hash_, node


def _climb_smaller(path: list[tuple[Branch, int]], hash_: bytes, node: Subtree, size_max: int) -> Hashed:
    """The way back up after a key was removed, on which subtrees may become buckets."""
    for (preimage, count, left, right), bit in reversed(path):
        left, right = (left, node) if bit else (node, right)
        if (count - 1) * ENTRY_SIZE <= size_max:
            node = _all_entries(left) + _all_entries(right)
            hash_ = bucket_hash(node)
        else:
            preimage = preimage[:33] + hash_ if bit else b"\x03" + hash_ + preimage[33:]
            hash_, node = sha256(preimage).digest(), (preimage, count - 1, left, right)
    return hash_, node


def _set(entries: bytes, key: bytes, leaf: bytes | None) -> bytes:
    """Entries with one change applied."""
    at = entries.find(key)
    if at < 0 or at % ENTRY_SIZE:  # not there, or those bytes stand in a leaf hash too
        at, size = 0, len(entries)
        while at < size and entries[at : at + 32] < key:
            at += ENTRY_SIZE
    end = at + ENTRY_SIZE if entries[at : at + 32] == key else at
    if leaf is None:
        return entries[:at] + entries[end:]
    return b"".join((entries[:at], key, leaf, entries[end:]))


def _split(changes: Changes, low: int, high: int, depth: int) -> int:
    """First index in ``changes[low:high]`` whose key has bit ``depth`` set; they share the bits before."""
    byte, mask = depth >> 3, 128 >> (depth & 7)
    while low < high:
        middle = (low + high) >> 1
        if changes[middle][0][byte] & mask:
            high = middle
        else:
            low = middle + 1
    return low


def _merge(entries: bytes, changes: Changes, low: int, high: int) -> bytes:
    """Entries with changes applied, both in key order."""
    parts: list[bytes] = []
    at, size = 0, len(entries)
    for index in range(low, high):
        key, leaf = changes[index]
        start = at
        while at < size and entries[at : at + 32] < key:
            at += ENTRY_SIZE
        parts.append(entries[start:at])
        if at < size and entries[at : at + 32] == key:
            at += ENTRY_SIZE
        if leaf is not None:
            parts.append(key + leaf)
    parts.append(entries[at:])
    return b"".join(parts)


def _build(entries: bytes, depth: int, size_max: int) -> Hashed:
    """The canonical subtree at ``depth`` over sorted entries."""
    if len(entries) <= size_max:
        return sha256(b"\x02" + entries).digest(), entries
    return _build_part(entries, 0, len(entries) // ENTRY_SIZE, depth, size_max)


def _build_part(entries: bytes, first: int, end: int, depth: int, size_max: int) -> Hashed:
    """The canonical subtree at ``depth`` over entries ``first`` to ``end - 1``, of which only buckets are copied."""
    if (end - first) * ENTRY_SIZE <= size_max:
        bucket = entries[first * ENTRY_SIZE : end * ENTRY_SIZE]
        return sha256(b"\x02" + bucket).digest(), bucket
    byte, mask = depth >> 3, 128 >> (depth & 7)
    low, high = first, end
    while low < high:
        middle = (low + high) >> 1
        if entries[middle * ENTRY_SIZE + byte] & mask:
            high = middle
        else:
            low = middle + 1
    left_hash, left = _build_part(entries, first, low, depth + 1, size_max)
    right_hash, right = _build_part(entries, low, end, depth + 1, size_max)
    preimage = b"\x03" + left_hash + right_hash
    return sha256(preimage).digest(), (preimage, end - first, left, right)


def _prune(hash_: bytes, node: Subtree, depth: int, key_hashes: list[bytes], out: bytearray) -> None:
    """Write the preorder of the subtree, with a stub wherever none of the keys leads."""
    if not key_hashes:
        out += b"\x00" + hash_
    elif isinstance(node, bytes):
        out += b"\x02" + bytes((len(node) // ENTRY_SIZE,)) + node
    else:
        out += b"\x01"
        _prune(node[0][1:33], node[2], depth + 1, [key for key in key_hashes if not _bit(key, depth)], out)
        _prune(node[0][33:], node[3], depth + 1, [key for key in key_hashes if _bit(key, depth)], out)
