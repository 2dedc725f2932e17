"""RFC 6962 Merkle trees: roots, inclusion proofs, compact ranges.

A compact range (``Peaks``) is the list of roots of the perfect subtrees that cover ``count`` leaves, left to right,
largest first: with it a record can append to a log and know its root without keeping the leaves.

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3. Judge: ``tests/reference/naive_merkle.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
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
