"""The history tree on disk: hashes of its perfect subtrees, so that a path over millions of heights is a few reads.

Level 0 holds leaf hashes; node ``(level, index)`` covers leaves ``index * 2**level`` and the next ``2**level - 1``.
RFC 6962, section 2.1, splits a tree of n leaves at the largest power of two below n, so every node on the way to a
leaf is such a subtree, except those on the right edge, which are joined from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tallystick.merkle import node_hash

Node = tuple[int, int, bytes]  # level, index, hash


def append_leaf(peaks: Sequence[bytes], count: int, leaf: bytes) -> tuple[tuple[bytes, ...], list[Node]]:
    """Extend a compact range by one leaf; also returns the subtrees that became complete, smallest first."""
    assert count.bit_count() == len(peaks)
    stack = list(peaks)
    nodes = [(0, count, leaf)]
    node, level, carry = leaf, 0, count
    while carry & 1:
        node = node_hash(stack.pop(), node)
        carry >>= 1
        level += 1
        nodes.append((level, carry, node))
    stack.append(node)
    return tuple(stack), nodes


def history_path(index: int, count: int, node_at: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """Audit path (leaf to root) of leaf ``index`` in the tree over the first ``count`` leaves.

    Args:
        node_at: hash of the perfect subtree at ``(level, index)``.
    """
    assert 0 <= index < count
    path: list[bytes] = []
    first, size = 0, count
    while size > 1:
        left = 1 << (size - 1).bit_length() - 1  # largest power of two below size
        if index - first < left:
            path.append(_range_root(first + left, size - left, node_at))
            size = left
        else:
            path.append(_range_root(first, left, node_at))
            first, size = first + left, size - left
    return tuple(reversed(path))


def _range_root(first: int, size: int, node_at: Callable[[int, int], bytes]) -> bytes:
    """Root over leaves ``first`` to ``first + size - 1``, where ``first`` is a multiple of the subtrees' sizes."""
    level = size.bit_length() - 1
    left = 1 << level
    root = node_at(level, first >> level)
    if left == size:
        return root
    return node_hash(root, _range_root(first + left, size - left, node_at))
