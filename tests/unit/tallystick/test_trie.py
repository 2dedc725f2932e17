"""The state tree against its naive judge, and what its proofs show and refuse."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import ProofError
from tallystick.limits import BUCKET_KEYS_MAX, TREE_SHAPE_SIZE_MAX
from tallystick.partial_trie import PartialTrie
from tallystick.trie import Trie
from tests.reference.naive_trie import naive_root


def key(number: int) -> bytes:
    return sha256(b"key%d" % number).digest()


def leaf(number: int) -> bytes:
    return sha256(b"leaf%d" % number).digest()


operations = st.lists(
    st.dictionaries(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 1_000)), max_size=30), max_size=6
)


@settings(deadline=None)
@given(operations, st.sampled_from([1, 2, 4, 16]))
def test_any_history_gives_the_root_of_the_naive_tree_over_what_is_left(
    batches: list[dict[int, int | None]], bucket: int
) -> None:
    trie, model = Trie(bucket_keys_max=bucket), dict[bytes, bytes]()
    for batch in batches:
        trie = trie.update({key(k): None if v is None else leaf(v) for k, v in batch.items()})
        for k, v in batch.items():
            if v is None:
                model.pop(key(k), None)
            else:
                model[key(k)] = leaf(v)
        assert trie.root == naive_root(model, bucket)
        assert len(trie) == len(model)
        assert dict(trie.items()) == model


@settings(deadline=None)
@given(operations, st.sampled_from([1, 2, 16]), st.integers(0, 31))
def test_keys_that_share_many_bits_give_the_root_of_the_naive_tree_too(
    batches: list[dict[int, int | None]], bucket: int, shared: int
) -> None:
    trie, model = Trie(bucket_keys_max=bucket), dict[bytes, bytes]()
    for batch in batches:
        changes = {
            bytes(shared) + key(k)[:1] + bytes(31 - shared): None if v is None else leaf(v) for k, v in batch.items()
        }
        trie = trie.update(changes)
        model |= {k: v for k, v in changes.items() if v is not None}
        for k in [k for k, v in changes.items() if v is None]:
            model.pop(k, None)
        assert trie.root == naive_root(model, bucket)
        assert dict(trie.items()) == model and len(trie) == len(model)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 2_000), min_size=1), st.lists(st.integers(0, 2_000), min_size=1))
def test_a_large_tree_that_shrinks_and_grows_stays_canonical(removed: list[int], added: list[int]) -> None:
    model = {key(i): leaf(i) for i in range(0, 2_000, 2)}
    changes: dict[bytes, bytes | None] = {key(i): None for i in removed} | {key(i): leaf(-i) for i in added}
    after = model | {k: v for k, v in changes.items() if v is not None}
    for k in [k for k, v in changes.items() if v is None]:
        after.pop(k, None)
    trie = Trie().update(dict(model)).update(changes)
    assert trie.root == naive_root(after, BUCKET_KEYS_MAX) and len(trie) == len(after)
    emptied = trie.update(dict.fromkeys(list(after)[5:]))
    assert emptied.root == naive_root(dict(list(after.items())[:5]), BUCKET_KEYS_MAX) and len(emptied) == min(
        5, len(after)
    )


def big_trie(count: int = 500) -> Trie:
    return Trie().update({key(i): leaf(i) for i in range(count)})


def test_keys_that_share_many_bits_make_a_deep_canonical_tree() -> None:
    keys = [bytes(31) + bytes((i,)) for i in range(40)]
    trie = Trie().update({k: leaf(0) for k in keys})
    assert trie.root == naive_root(dict.fromkeys(keys, leaf(0)), BUCKET_KEYS_MAX)
    assert PartialTrie(trie.prove([keys[3]]), {keys[3]: leaf(0)}).root == trie.root


def test_an_old_version_keeps_its_root_and_its_proofs() -> None:
    old = big_trie()
    root = old.root
    new = old.update({key(7): None, key(1_000): leaf(1)})
    assert new.root != root == old.root
    assert PartialTrie(old.prove([key(7)]), {key(7): leaf(7)}).root == root
    assert PartialTrie(new.prove([key(7)])).leaf(key(7)) is None


def test_one_proof_shows_present_and_absent_keys_under_the_root() -> None:
    trie = big_trie()
    shown = PartialTrie(trie.prove([key(3), key(4), key(9_999)]), {key(3): leaf(3), key(4): leaf(4)})
    assert shown.root == trie.root
    assert shown.leaf(key(3)) == leaf(3) == trie.get(key(3))
    assert shown.leaf(key(4)) == leaf(4)
    assert shown.leaf(key(9_999)) is None


@given(st.sets(st.integers(0, 700), max_size=20), st.sets(st.integers(0, 700), max_size=5))
def test_any_keys_are_shown_with_their_leaves_or_without(asked: set[int], leaves_too: set[int]) -> None:
    trie = big_trie()
    proof = trie.prove([key(i) for i in asked | leaves_too], [key(i) for i in leaves_too])
    shown = PartialTrie(proof, {key(i): leaf(i) for i in asked - leaves_too if i < 500})
    assert shown.root == trie.root
    assert [shown.leaf(key(i)) for i in asked | leaves_too] == [trie.get(key(i)) for i in asked | leaves_too]


def test_a_proof_repeats_no_leaf_that_its_reader_knows() -> None:
    trie = big_trie()
    assert leaf(3) not in trie.prove([key(3), key(4)]) and leaf(3) in trie.prove([key(3), key(4)], [key(3)])


@pytest.mark.parametrize(
    "leaves",
    [{}, {key(3): leaf(3), key(5): leaf(5)}, {key(5): leaf(5)}],
    ids=["too few", "too many", "of another key"],
)
def test_a_proof_has_one_place_for_each_record_that_is_shown(leaves: dict[bytes, bytes]) -> None:
    with pytest.raises(ProofError) as caught:
        PartialTrie(big_trie().prove([key(3)]), leaves)
    assert caught.value.code == "not-shown"


def test_a_record_that_the_tree_shows_as_a_neighbour_has_no_place_of_its_own() -> None:
    with pytest.raises(ProofError) as caught:
        PartialTrie(big_trie().prove([key(3)], [key(3)]), {key(3): leaf(4)})
    assert caught.value.code == "unreadable"


def test_an_altered_leaf_gives_another_root() -> None:
    trie = big_trie()
    assert PartialTrie(trie.prove([key(3)]), {key(3): leaf(4)}).root != trie.root


def test_a_key_whose_bucket_is_not_shown_is_neither_present_nor_absent() -> None:
    trie = big_trie()
    shown = PartialTrie(trie.prove([key(3)], [key(3)]))
    hidden = next(key(i) for i in range(500) if key(i)[0] >> 7 != key(3)[0] >> 7)
    with pytest.raises(ProofError) as caught:
        shown.leaf(hidden)
    assert caught.value.code == "not-shown"


def test_every_changed_bit_of_a_proof_is_refused_or_changes_the_root() -> None:
    trie = big_trie(60)
    proof = trie.prove([key(3), key(1_000)])
    for position in range(8 * len(proof)):
        changed = bytearray(proof)
        changed[position // 8] ^= 1 << position % 8
        try:
            assert PartialTrie(bytes(changed), {key(3): leaf(3)}).root != trie.root
        except ProofError as error:
            assert error.code in ("unreadable", "not-shown")


@given(st.lists(st.sampled_from([0, 1]), max_size=60), st.integers(0, 300), st.booleans())
def test_arbitrary_shapes_are_read_or_refused(bits: list[int], size: int, with_record: bool) -> None:
    shape = int("".join(map(str, bits)).ljust(64, "0"), 2).to_bytes(8, "big")
    try:
        PartialTrie(bytes((0, 0, 8)) + shape + bytes(size), {key(3): leaf(3)} if with_record else {})
    except ProofError as error:
        assert error.code in ("unreadable", "not-shown")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_with_one_error(data: bytes) -> None:
    try:
        PartialTrie(data)
    except ProofError as error:
        assert error.code == "unreadable"


@pytest.mark.parametrize("size", [TREE_SHAPE_SIZE_MAX, TREE_SHAPE_SIZE_MAX + 1])
def test_a_shape_is_as_long_as_twenty_thousand_keys_need_and_no_longer(size: int) -> None:
    with pytest.raises(ProofError, match="after its end" if size == TREE_SHAPE_SIZE_MAX else "at most"):
        PartialTrie(size.to_bytes(3, "big") + bytes(size) + bytes(32))


def test_a_leaf_moved_to_another_bucket_is_refused() -> None:
    trie = big_trie()
    other = next(key(i) for i in range(500) if key(i)[0] >> 7 != key(3)[0] >> 7)
    entry = other + (trie.get(other) or b"")
    moved = trie.prove([other], [other]).replace(entry, key(3) + leaf(3))
    with pytest.raises(ProofError) as caught:
        PartialTrie(moved)
    assert caught.value.code == "unreadable"


def test_a_small_tree_is_one_bucket_and_an_empty_one_shows_that_everything_is_absent() -> None:
    assert PartialTrie(Trie().prove([])).leaf(key(1)) is None
    few = Trie().update({key(i): leaf(i) for i in range(BUCKET_KEYS_MAX)})
    assert PartialTrie(few.prove([key(0)]), {key(0): leaf(0)}).leaf(key(99)) is None
