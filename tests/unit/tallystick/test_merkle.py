"""RFC 6962 trees against their naive judge: roots, compact ranges, audit paths good and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick import merkle
from tallystick.errors import ProofError
from tests.reference.naive_merkle import naive_path, naive_root

leaves = st.lists(st.binary(max_size=8), max_size=40)


def hashes(data: list[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(item) for item in data]


@given(leaves)
def test_roots_are_those_of_the_naive_tree(data: list[bytes]) -> None:
    assert merkle.root_of(hashes(data)) == naive_root(data)


@given(leaves, leaves)
def test_a_compact_range_grows_to_the_same_root(first: list[bytes], second: list[bytes]) -> None:
    peaks = merkle.append_all((), 0, hashes(first))
    peaks = merkle.append_all(peaks, len(first), hashes(second))
    assert merkle.peaks_root(peaks) == naive_root(first + second)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_paths_are_those_of_the_naive_tree_and_lead_to_the_root(place: tuple[int, int]) -> None:
    count, index = place
    data = [b"%d" % i for i in range(count)]
    path = merkle.inclusion_path(hashes(data), index)
    assert list(path) == naive_path(data, index)
    assert merkle.root_from_path(merkle.leaf_hash(data[index]), index, count, path) == naive_root(data)


@given(st.integers(2, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1), st.integers(0, 40))))
def test_a_leaf_at_any_other_place_does_not_lead_to_the_root(place: tuple[int, int, int]) -> None:
    count, index, claimed = place
    data = [b"%d" % i for i in range(count)]
    path = merkle.inclusion_path(hashes(data), index)
    if claimed == index:
        return
    try:
        assert merkle.root_from_path(merkle.leaf_hash(data[index]), claimed, count, path) != naive_root(data)
    except ProofError as error:
        assert error.code == "not-in-tree"


@pytest.mark.parametrize(
    ("index", "count", "steps"),
    [(0, 0, 0), (5, 5, 3), (-1, 4, 2), (0, 4, 1), (0, 4, 3), (0, 1, 1)],
    ids=["empty-tree", "index-is-count", "negative", "one-hash-short", "one-hash-long", "path-for-one-leaf"],
)
def test_places_and_lengths_that_do_not_fit_are_refused(index: int, count: int, steps: int) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.root_from_path(bytes(32), index, count, [bytes(32)] * steps)
    assert caught.value.code == "not-in-tree"


def test_a_step_that_is_not_a_hash_is_refused() -> None:
    with pytest.raises(ProofError):
        merkle.root_from_path(bytes(32), 0, 2, [bytes(31)])


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_several_leaves_share_one_path_to_the_root_of_the_naive_tree(items: list[bytes], data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, len(items) - 1), min_size=1))
    found = hashes(items)
    path = merkle.shared_path(found, places)
    shown = {place: found[place] for place in places}
    assert merkle.root_from_shared_path(shown, len(items), path) == naive_root(items)
    assert len(path) <= len(items) - len(places)
    if len(places) == 1:
        assert sorted(path) == sorted(naive_path(items, min(places)))


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_a_shared_path_that_does_not_fit_is_refused(items: list[bytes], data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, len(items) - 1), min_size=1))
    found = hashes(items)
    path = merkle.shared_path(found, places)
    shown = {place: found[place] for place in places}
    wrong = [(*path, bytes(32)), (bytes(32), *path)]  # a step too many, also where there is none: every leaf is shown
    if path:
        wrong += [path[1:], path[:-1], (*path[:-1], bytes(31)), (*path[:-1], bytes(33))]
    for steps in wrong:
        with pytest.raises(ProofError) as caught:
            merkle.root_from_shared_path(shown, len(items), steps)
        assert caught.value.code == "not-in-tree"
    for others in ({}, {-1: found[0]}, {**shown, len(items): found[0]}):
        with pytest.raises(ProofError):
            merkle.root_from_shared_path(others, len(items), path)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=20, unique=True), st.data())
def test_leaves_at_exchanged_places_have_another_root(items: list[bytes], data: st.DataObject) -> None:
    first, second = data.draw(st.permutations(range(len(items))))[:2]
    found = hashes(items)
    path = merkle.shared_path(found, [first, second])
    exchanged = {first: found[second], second: found[first]}
    assert merkle.root_from_shared_path(exchanged, len(items), path) != naive_root(items)
