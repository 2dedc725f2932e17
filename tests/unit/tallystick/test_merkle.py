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
