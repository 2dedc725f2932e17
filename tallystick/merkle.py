"""RFC 6962 Merkle trees: roots, inclusion proofs, compact ranges.

A compact range (``Peaks``) is the list of roots of the perfect subtrees that cover ``count`` leaves, left to right,
largest first: with it a record can append to a log and know its root without keeping the leaves.

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3. Judge: ``tests/reference/naive_merkle.py``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from tallystick.errors import ProofError

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf: SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root over 32-byte leaf hashes in order; the empty tree has the hash of the empty string."""
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    return peaks_root(append_all((), 0, leaf_hashes))


def append_all(peaks: Sequence[bytes], count: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Extend a compact range.

    Args:
        peaks: perfect-subtree roots of the first ``count`` leaves, largest subtree first.
        count: leaves already covered; ``popcount(count) == len(peaks)``.
        leaf_hashes: hashes to append, in order.
    Returns:
        The peaks of ``count + len(leaf_hashes)`` leaves.
    """
    assert count.bit_count() == len(peaks)
    if len(leaf_hashes) == 1 and not count & 1:
        return (*peaks, leaf_hashes[0])
    stack = list(peaks)
    for leaf in leaf_hashes:
        node, carry = leaf, count
        while carry & 1:
            node = sha256(b"\x01" + stack.pop() + node).digest()
            carry >>= 1
        stack.append(node)
        count += 1
    return tuple(stack)


def peaks_root(peaks: Sequence[bytes]) -> bytes:
    """Root of the tree that a compact range covers."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Audit path for the leaf at ``index``: sibling hashes, leaf to root.

    Requires ``0 <= index < len(leaf_hashes)``.
    """
    assert 0 <= index < len(leaf_hashes)
    path: list[bytes] = []
    level = list(leaf_hashes)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = [node_hash(level[i], level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
        index >>= 1
    return tuple(path)


def root_from_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """Root that an audit path leads to.

    Args:
        leaf: 32-byte leaf hash.
        index: position of the leaf, from 0.
        count: leaves of the whole tree.
        path: sibling hashes, leaf to root.
    Raises:
        ProofError: ``not-in-tree`` when index, count and path length do not fit together.
    """
    if not 0 <= index < count:
        raise ProofError("not-in-tree", f"leaf {index} of a tree of {count} leaves")
    node, last, used = leaf, count - 1, 0
    while last > 0:
        if index & 1 or index < last:
            if used == len(path):
                raise ProofError("not-in-tree", "audit path too short")
            sibling = path[used]
            if len(sibling) != 32:
                raise ProofError("not-in-tree", "a path step is not 32 bytes")
            node = node_hash(sibling, node) if index & 1 else node_hash(node, sibling)
            used += 1
        index >>= 1
        last >>= 1
    if used != len(path):
        raise ProofError("not-in-tree", "audit path too long")
    return node


def shared_path(leaf_hashes: Sequence[bytes], indices: Collection[int]) -> tuple[bytes, ...]:
    """What leads from several leaves to the root: the largest subtrees that hold none of them, from left to right.

    Requires that every index is below ``len(leaf_hashes)``, and at least one.
    """
    path: list[bytes] = []

    def show(first: int, count: int) -> None:
        if not any(first <= index < first + count for index in indices):
            path.append(root_of(leaf_hashes[first : first + count]))
        elif count > 1:
            left = _left_of(count)
            show(first, left)
            show(first + left, count - left)

    show(0, len(leaf_hashes))
    return tuple(path)


def root_from_shared_path(leaves: Mapping[int, bytes], count: int, path: Sequence[bytes]) -> bytes:
    """Root that several leaves and the path they share lead to.

    Args:
        leaves: 32-byte leaf hashes by their places, at least one.
        count: leaves of the whole tree.
        path: as ``shared_path`` gives it.
    Raises:
        ProofError: ``not-in-tree`` when places, count and path length do not fit together.
    """
    if not leaves or min(leaves) < 0 or max(leaves) >= count:
        raise ProofError("not-in-tree", f"leaves {sorted(leaves)[:3]} of a tree of {count} leaves")
    if count == 1 and not path:
        return leaves[0]
    steps = iter(path)

    def root(first: int, count: int, places: list[int]) -> bytes:
        if not places:
            step = next(steps, b"")
            if len(step) != 32:
                raise ProofError("not-in-tree", "shared path too short, or a step is not 32 bytes")
            return step
        if count == 1:
            return leaves[first]
        left = _left_of(count)
        middle = bisect_left(places, first + left)
        hash_ = root(first, left, places[:middle])
        return node_hash(hash_, root(first + left, count - left, places[middle:]))

    hash_ = root(0, count, sorted(leaves))
    if next(steps, None) is not None:
        raise ProofError("not-in-tree", "shared path too long")
    return hash_


def _left_of(count: int) -> int:
    """Leaves of the left subtree: the largest power of two below their number."""
    return 1 << (count - 1).bit_length() - 1
