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

# (hash, entries) is a bucket, (hash, key count, left, right) a larger subtree: tuples, because they are half the size
# and a third faster than objects with slots, and a million keys make two hundred thousand of them.
Bucket: TypeAlias = tuple[bytes, bytes]
Branch: TypeAlias = "tuple[bytes, int, Subtree, Subtree]"
Subtree: TypeAlias = "Bucket | Branch"
Changes: TypeAlias = list[tuple[bytes, bytes | None]]


def bucket_hash(entries: bytes) -> bytes:
    """Hash of a bucket from its entries' bytes."""
    return sha256(b"\x02" + entries).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a subtree that is too large for a bucket."""
    return sha256(b"\x03" + left + right).digest()


EMPTY: Bucket = (bucket_hash(b""), b"")


class Trie:
    """An immutable map of 32-byte key hashes to 32-byte leaf hashes with a Merkle root."""

    __slots__ = ("_bucket_max", "_node")

    def __init__(self, node: Subtree = EMPTY, bucket_keys_max: int = BUCKET_KEYS_MAX) -> None:
        self._node = node
        self._bucket_max = bucket_keys_max

    @property
    def root(self) -> bytes:
        """The 32-byte state root."""
        return self._node[0]

    def __len__(self) -> int:
        return _count(self._node)

    def get(self, key_hash: bytes) -> bytes | None:
        """The leaf hash of a key hash, or None."""
        node, depth = self._node, 0
        while len(node) == 4:
            node = node[3] if _bit(key_hash, depth) else node[2]
            depth += 1
        return _find(node[1], key_hash)

    def update(self, changes: Mapping[bytes, bytes | None]) -> Trie:
        """The trie with these leaves set (or removed, where None). Keys are key hashes, each 32 bytes."""
        if not changes:
            return self
        ordered = sorted(changes.items())
        return Trie(_update(self._node, 0, ordered, 0, len(ordered), self._bucket_max), self._bucket_max)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """The part of the tree that shows these keys, present or absent, as ``partial_trie`` reads it."""
        out = bytearray()
        _prune(self._node, 0, sorted(set(key_hashes)), out)
        return bytes(out)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All (key hash, leaf hash) in key order."""
        yield from _entries(_all_entries(self._node))


def _bit(key_hash: bytes, depth: int) -> int:
    return key_hash[depth >> 3] >> (7 - (depth & 7)) & 1


def _count(node: Subtree) -> int:
    return node[1] if len(node) == 4 else len(node[1]) // ENTRY_SIZE


def _find(entries: bytes, key_hash: bytes) -> bytes | None:
    for at in range(0, len(entries), ENTRY_SIZE):
        if entries[at : at + 32] == key_hash:
            return entries[at + 32 : at + 64]
    return None


def _entries(entries: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, len(entries), ENTRY_SIZE):
        yield entries[at : at + 32], entries[at + 32 : at + 64]


def _all_entries(node: Subtree) -> bytes:
    if len(node) == 2:
        return node[1]
    return _all_entries(node[2]) + _all_entries(node[3])


def _update(node: Subtree, depth: int, changes: Changes, low: int, high: int, bucket_max: int) -> Subtree:
    """The subtree at ``depth`` with ``changes[low:high]`` applied; all of them belong below it."""
    if high - low == 1:
        return _update_one(node, depth, *changes[low], bucket_max)
    if len(node) == 2:
        return _build(_merge(node[1], changes, low, high), depth, bucket_max)
    middle = _split(changes, low, high, depth)
    left, right = node[2], node[3]
    if low < middle:
        left = _update(left, depth + 1, changes, low, middle, bucket_max)
    if middle < high:
        right = _update(right, depth + 1, changes, middle, high, bucket_max)
    count = _count(left) + _count(right)
    if count <= bucket_max:
        entries = _all_entries(left) + _all_entries(right)
        return (sha256(b"\x02" + entries).digest(), entries)
    return (sha256(b"\x03" + left[0] + right[0]).digest(), count, left, right)


def _update_one(node: Subtree, depth: int, key: bytes, leaf: bytes | None, bucket_max: int) -> Subtree:
    """``_update`` for one change, as most are below the first levels: down to the bucket and back in two loops."""
    path: list[tuple[Branch, int]] = []
    while len(node) == 4:
        bit = key[depth >> 3] & (128 >> (depth & 7))
        path.append((node, bit))
        node = node[3] if bit else node[2]
        depth += 1
    entries = _set(node[1], key, leaf)
    more = (len(entries) - len(node[1])) // ENTRY_SIZE
    node = _build(entries, depth, bucket_max)
    for parent, bit in reversed(path):
        left, right = (parent[2], node) if bit else (node, parent[3])
        count = parent[1] + more
        if count <= bucket_max:
            entries = _all_entries(left) + _all_entries(right)
            node = (sha256(b"\x02" + entries).digest(), entries)
        else:
            node = (sha256(b"\x03" + left[0] + right[0]).digest(), count, left, right)
    return node


def _set(entries: bytes, key: bytes, leaf: bytes | None) -> bytes:
    """Entries with one change applied."""
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


def _build(entries: bytes, depth: int, bucket_max: int) -> Subtree:
    """The canonical subtree at ``depth`` over sorted entries."""
    if len(entries) <= bucket_max * ENTRY_SIZE:
        return (sha256(b"\x02" + entries).digest(), entries)
    byte, mask = depth >> 3, 128 >> (depth & 7)
    low, high = 0, len(entries) // ENTRY_SIZE
    count = high
    while low < high:
        middle = (low + high) >> 1
        if entries[middle * ENTRY_SIZE + byte] & mask:
            high = middle
        else:
            low = middle + 1
    left = _build(entries[: low * ENTRY_SIZE], depth + 1, bucket_max)
    right = _build(entries[low * ENTRY_SIZE :], depth + 1, bucket_max)
    return (sha256(b"\x03" + left[0] + right[0]).digest(), count, left, right)


def _prune(node: Subtree, depth: int, key_hashes: list[bytes], out: bytearray) -> None:
    """Write the preorder of the subtree, with a stub wherever none of the keys leads."""
    if not key_hashes:
        out += b"\x00" + node[0]
    elif len(node) == 2:
        out += b"\x02" + bytes((len(node[1]) // ENTRY_SIZE,)) + node[1]
    else:
        out += b"\x01"
        _prune(node[2], depth + 1, [key for key in key_hashes if not _bit(key, depth)], out)
        _prune(node[3], depth + 1, [key for key in key_hashes if _bit(key, depth)], out)
