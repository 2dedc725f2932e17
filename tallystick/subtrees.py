"""Subtrees of the state tree: what they are in memory, and how they are built and changed.

A bucket is its entries' bytes. A larger subtree is (left, right, 03 || hash of left, hash of right): it holds its
children's hashes and not its own, so a path is hashed anew without a look at any neighbour, and no count of its keys,
because a branch becomes a bucket only where both its sides are buckets, which say themselves how large they are.
Tuples, because they are smaller and faster than objects with slots. Nothing here is ever changed in place.

Where a tree has a ``Shelf``, its lower subtrees stand in it as pages: branches of few keys that may lie outside of
memory. A page says nothing about the hashes: trees with and without pages are the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Protocol, SupportsIndex, TypeAlias, overload

ENTRY_SIZE = 64

Branch: TypeAlias = "tuple[Subtree, Subtree, bytes, bytes]"
Subtree: TypeAlias = "bytes | Branch | Page"
Hashed: TypeAlias = "tuple[bytes, Subtree]"  # hash of a subtree, the subtree
Changes: TypeAlias = Mapping[bytes, bytes | None]


class Page(Protocol):
    """A branch that may lie outside of memory; it has no pages below it.

    Attributes:
        keys: how many it holds.
    """

    keys: int

    def open(self) -> Branch:
        """The branch. Raises ``StorageError`` when it is not what was put away."""


class Shelf(Protocol):
    """Where pages lie.

    Attributes:
        keys_max: of one page.
    """

    keys_max: int

    def page(self, branch: Branch, keys: int) -> Page:
        """A branch of so many keys as a page. Raises ``StorageError`` when an older page cannot be put away."""


class Entries(Protocol):
    """Entries in key order: bytes, or what is read as if it were."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> int: ...

    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...


# The bits of every byte: the way through eight levels in one look.
BITS = [bytes(byte >> 7 - bit & 1 for bit in range(8)) for byte in range(256)]
SHALLOW = 32  # levels: nobody finds seventeen key hashes that share so many bits without years of work


def bucket_hash(entries: bytes) -> bytes:
    """Hash of a bucket from its entries' bytes."""
    return sha256(b"\x02" + entries).digest()


def branch_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a subtree that is too large for a bucket."""
    return sha256(b"\x03" + left + right).digest()


def bit_of(key_hash: bytes, depth: int) -> int:
    """Which side of a branch at a depth a key is on."""
    return BITS[key_hash[depth >> 3]][depth & 7]


def bits_of(key_hash: bytes) -> bytes:
    """The sides of the first levels, as many as are ``SHALLOW``."""
    return BITS[key_hash[0]] + BITS[key_hash[1]] + BITS[key_hash[2]] + BITS[key_hash[3]]


def find(entries: bytes, key_hash: bytes) -> int:
    """Where the entry of a key begins, or -1; the same bytes may stand in a leaf hash too."""
    at = entries.find(key_hash)
    while at >= 0 and at % ENTRY_SIZE:
        at = entries.find(key_hash, at + 1)
    return at


def pairs(entries: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The key hashes and leaf hashes of a bucket."""
    for at in range(0, len(entries), ENTRY_SIZE):
        yield entries[at : at + 32], entries[at + 32 : at + 64]


def build(entries: Entries, depth: int, size_max: int, shelf: Shelf | None = None) -> Hashed:
    """The canonical subtree at ``depth`` over sorted entries. Only buckets are copied out of them, and pages."""
    return _build(entries, 0, len(entries) // ENTRY_SIZE, depth, size_max, shelf)


def _build(entries: Entries, first: int, end: int, depth: int, size_max: int, shelf: Shelf | None) -> Hashed:
    keys = end - first
    if keys * ENTRY_SIZE <= size_max:
        bucket = entries[first * ENTRY_SIZE : end * ENTRY_SIZE]
        return sha256(b"\x02" + bucket).digest(), bucket
    if shelf is not None and keys <= shelf.keys_max:
        hash_, node = _build(entries[first * ENTRY_SIZE : end * ENTRY_SIZE], 0, keys, depth, size_max, None)
        assert isinstance(node, tuple), "buckets were built above"
        return hash_, shelf.page(node, keys)
    byte, mask = depth >> 3, 128 >> (depth & 7)
    low, high = first, end
    while low < high:
        middle = (low + high) >> 1
        if entries[middle * ENTRY_SIZE + byte] & mask:
            high = middle
        else:
            low = middle + 1
    left_hash, left = _build(entries, first, low, depth + 1, size_max, shelf)
    right_hash, right = _build(entries, low, end, depth + 1, size_max, shelf)
    return sha256(b"\x03" + left_hash + right_hash).digest(), (left, right, b"\x03" + left_hash, right_hash)


def changed(
    node: Subtree, keys: list[bytes], changes: Changes, size_max: int, shelf: Shelf | None
) -> tuple[Hashed, int]:
    """The tree with changes applied, whose keys are given in order, and how many bytes of entries it has more.

    One walk over the changed buckets from left to right. ``path`` has the branches above the present place; one whose
    right side the walk is in has its new left side already. ``top`` is the depth of the page that the walk is in, or of
    the bucket that stands in none, and ``held`` the bytes of the entries in it.
    """
    path: list[Branch] = []
    shared = _shared_bits(keys)
    index = depth = more = held = 0
    top = -1
    climb = _climb
    while True:
        first, key = index, keys[index]
        bits = bits_of(key)
        while True:
            while isinstance(node, tuple):
                path.append(node)
                node = node[bits[depth] if depth < SHALLOW else bit_of(key, depth)]
                depth += 1
            if isinstance(node, bytes):
                break
            top, held = depth, node.keys * ENTRY_SIZE
            node = node.open()
        if depth > SHALLOW:
            bits = b"".join([BITS[byte] for byte in key])
        while (common := shared[index]) >= depth:  # the next change is one of this bucket too
            index += 1
        index += 1
        if index - first == 1:
            entries = _set(node, key, changes[key])
        else:
            entries = _merge(node, keys[first:index], changes)
        if top < 0:
            top, held = depth, len(node)
        if len(entries) != len(node):
            more += len(entries) - len(node)
            held += len(entries) - len(node)
            if len(entries) < len(node):
                climb = _climb_smaller
        if len(entries) <= size_max:
            hash_, node = sha256(b"\x02" + entries).digest(), entries
        else:
            hash_, node = build(entries, depth, size_max)
        depth = common + 1
        if top >= depth:  # the walk leaves the page
            if shelf is not None:
                hash_, node = climb(path, top, bits, hash_, node, size_max)
                node = shelved(node, held // ENTRY_SIZE, shelf)
            top = -1
        hash_, node = climb(path, depth, bits, hash_, node, size_max)
        if common < 0:
            return (hash_, node), more
        _, right, _, second = path[common]
        path[common] = (node, right, b"\x03" + hash_, second)
        node = right


def shelved(node: Subtree, keys: int, shelf: Shelf) -> Subtree:
    """A subtree of so many keys that has no pages, in pages."""
    if not isinstance(node, tuple):
        return node
    if keys <= shelf.keys_max:
        return shelf.page(node, keys)
    left, right, first, second = node
    of_left = _count(left)
    return (shelved(left, of_left, shelf), shelved(right, keys - of_left, shelf), first, second)


def _count(node: Subtree) -> int:
    if isinstance(node, bytes):
        return len(node) // ENTRY_SIZE
    return _count(node[0]) + _count(node[1]) if isinstance(node, tuple) else node.keys


def _shared_bits(keys: list[bytes]) -> list[int]:
    """For each key how many bits it and the next one begin with alike; -1 for the last."""
    heads = [int.from_bytes(key[:8], "big") for key in keys]
    shared = [64 - (one ^ other).bit_length() for one, other in pairwise(heads)]
    for index, bits in enumerate(shared):
        if bits == 64:
            apart = int.from_bytes(keys[index], "big") ^ int.from_bytes(keys[index + 1], "big")
            shared[index] = 256 - apart.bit_length()
    return [*shared, -1]


def _climb(path: list[Branch], top: int, bits: bytes, hash_: bytes, node: Subtree, size_max: int) -> Hashed:
    """Put a changed subtree into the branches above it up to depth ``top``, which leave ``path``."""
    above = path[top:]
    above.reverse()
    for (left, right, first, second), bit in zip(above, bits[len(path) - 1 :: -1], strict=False):
        if bit:
            node = (left, node, first, hash_)
            hash_ = sha256(first + hash_).digest()
        else:
            first = b"\x03" + hash_
            node = (node, right, first, second)
            hash_ = sha256(first + second).digest()
    del path[top:]
    return hash_, node


def _climb_smaller(path: list[Branch], top: int, bits: bytes, hash_: bytes, node: Subtree, size_max: int) -> Hashed:
    """The same after a key was removed, on which two buckets may become one."""
    for depth in range(len(path) - 1, top - 1, -1):
        branch = path.pop()
        left, right = (branch[0], node) if bits[depth] else (node, branch[1])
        if isinstance(left, bytes) and isinstance(right, bytes) and len(left) + len(right) <= size_max:
            node = left + right
            hash_ = bucket_hash(node)
        else:
            hash_, node = _climb([branch], 0, bits[depth : depth + 1], hash_, node, size_max)
    return hash_, node


def _set(entries: bytes, key: bytes, leaf: bytes | None) -> bytes:
    """Entries with one change applied."""
    at = find(entries, key)
    if at >= 0:
        kept = entries[at + ENTRY_SIZE :]
        return entries[:at] + kept if leaf is None else b"".join((entries[: at + 32], leaf, kept))
    if leaf is None:
        return entries
    at, size = 0, len(entries)
    while at < size and entries[at : at + 32] < key:
        at += ENTRY_SIZE
    return b"".join((entries[:at], key, leaf, entries[at:]))


def _merge(entries: bytes, keys: list[bytes], changes: Changes) -> bytes:
    """Entries with several changes applied."""
    if len(keys) * ENTRY_SIZE <= len(entries):
        for key in keys:
            entries = _set(entries, key, changes[key])
        return entries
    merged: dict[bytes, bytes | None] = dict(pairs(entries))
    merged.update((key, changes[key]) for key in keys)
    return b"".join([key + leaf for key, leaf in sorted(merged.items()) if leaf is not None])
