"""Paths from stored subtrees are those of RFC 6962, for every leaf of every tree."""

from __future__ import annotations

from node.history_tree import append_leaf, history_path
from tallystick.merkle import inclusion_path, leaf_hash, peaks_root, root_from_path, root_of

LEAVES = [leaf_hash(bytes((n,))) for n in range(70)]


def test_peaks_and_paths_are_those_of_the_whole_tree_at_every_size() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    peaks: tuple[bytes, ...] = ()
    for count, leaf in enumerate(LEAVES):
        peaks, new = append_leaf(peaks, count, leaf)
        for level, index, hash_ in new:
            assert (level, index) not in nodes, "a complete subtree never changes"
            nodes[level, index] = hash_
        assert peaks_root(peaks) == root_of(LEAVES[: count + 1])


def test_a_path_is_right_for_every_leaf_of_every_earlier_tree() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    peaks: tuple[bytes, ...] = ()
    for count, leaf in enumerate(LEAVES):
        peaks, new = append_leaf(peaks, count, leaf)
        nodes.update({(level, index): hash_ for level, index, hash_ in new})
    for count in range(1, len(LEAVES) + 1):
        root = root_of(LEAVES[:count])
        for index in range(count):
            path = history_path(index, count, lambda level, index: nodes[level, index])
            assert path == inclusion_path(LEAVES[:count], index)
            assert root_from_path(LEAVES[index], index, count, path) == root
