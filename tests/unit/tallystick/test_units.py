"""The tree of logistic units: which records are about one, the way to each, and ways that lead nowhere."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import ProofError
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key, session_key
from tallystick.trie import Trie
from tallystick.units import LEVELS_MAX, empty_units, root_of_unit, show_unit, unit_leaf, unit_of
from tests.reference.naive_trie import naive_root

numbers = st.sets(st.integers(0, 10**6), min_size=1, max_size=60)


def subject(number: int) -> str:
    return f"00/{number:018}"


def leaf(number: int) -> bytes:
    return unit_leaf(sha256(b"item %d" % number).digest(), sha256(b"session %d" % number).digest())


def tree(of: set[int]) -> Trie:
    return empty_units().update({key_hash(item_key(subject(number))): leaf(number) for number in of})


def test_only_a_units_own_record_and_its_sessions_are_about_it() -> None:
    unit = subject(7)
    assert unit_of(item_key(unit)) == unit_of(session_key(unit, 3)) == unit_of(session_key(unit, 2**60)) == unit
    other = "01/09521234543213/21/A1"
    for key in (item_key(other), session_key(other, 1), b"", b"\x00" + unit.encode(), b"\x07"):
        assert unit_of(key) is None


@given(numbers)
def test_every_unit_is_shown_under_the_trees_root(of: set[int]) -> None:
    units = tree(of)
    for number in of:
        shape, siblings = show_unit(units, subject(number))
        assert root_of_unit(subject(number), leaf(number), shape, siblings) == units.root
        assert shape < 2 ** (LEVELS_MAX + 1)


@given(numbers)
def test_the_root_is_that_of_the_naive_tree_with_buckets_of_one(of: set[int]) -> None:
    leaves = {key_hash(item_key(subject(number))): leaf(number) for number in of}
    assert tree(of).root == naive_root(leaves, 1)


@given(numbers, st.integers(10**7, 10**8))
def test_who_is_not_in_the_tree_is_not_shown(of: set[int], stranger: int) -> None:
    with pytest.raises(ProofError) as refusal:
        show_unit(tree(of), subject(stranger))
    assert refusal.value.code == "unknown-item"


def test_another_leaf_place_or_way_gives_another_root() -> None:
    of = set(range(40))
    units = tree(of)
    shape, siblings = show_unit(units, subject(5))
    assert root_of_unit(subject(5), leaf(6), shape, siblings) != units.root
    assert root_of_unit(subject(6), leaf(5), shape, siblings) != units.root
    swapped = siblings[32:64] + siblings[:32] + siblings[64:]
    assert root_of_unit(subject(5), leaf(5), shape, swapped) != units.root
    with pytest.raises(ProofError, match="unreadable"):
        root_of_unit(subject(5), leaf(5), shape, siblings[:-32])
    with pytest.raises(ProofError, match="unreadable"):
        root_of_unit(subject(5), leaf(5), shape, siblings[:-1])
