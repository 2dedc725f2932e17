"""The state tree against its naive judge, and what its proofs show and refuse."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import ProofError
from tallystick.limits import BUCKET_KEYS_MAX
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
    assert PartialTrie(trie.prove([keys[3]])).leaf(keys[3]) == leaf(0)


def test_an_old_version_keeps_its_root_and_its_proofs() -> None:
    old = big_trie()
    root = old.root
    new = old.update({key(7): None, key(1_000): leaf(1)})
    assert new.root != root == old.root
    assert PartialTrie(old.prove([key(7)])).leaf(key(7)) == leaf(7)
    assert PartialTrie(new.prove([key(7)])).leaf(key(7)) is None


def test_one_proof_shows_present_and_absent_keys_under_the_root() -> None:
    trie = big_trie()
    shown = PartialTrie(trie.prove([key(3), key(4), key(9_999)]))
    assert shown.root == trie.root
    assert shown.leaf(key(3)) == leaf(3) == trie.get(key(3))
    assert shown.leaf(key(4)) == leaf(4)
    assert shown.leaf(key(9_999)) is None


def test_a_key_whose_bucket_is_not_shown_is_neither_present_nor_absent() -> None:
    trie = big_trie()
    shown = PartialTrie(trie.prove([key(3)]))
    hidden = next(key(i) for i in range(500) if bin(key(i)[0] ^ key(3)[0])[2:].zfill(8)[0] == "1")
    with pytest.raises(ProofError) as caught:
        shown.leaf(hidden)
    assert caught.value.code == "not-shown"


def test_every_changed_byte_of_a_proof_is_refused_or_changes_the_root() -> None:
    trie = big_trie(60)
    proof = trie.prove([key(3)])
    for position in range(len(proof)):
        changed = proof[:position] + bytes((proof[position] ^ 1,)) + proof[position + 1 :]
        try:
            assert PartialTrie(changed).root != trie.root
        except ProofError as error:
            assert error.code == "unreadable"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_with_one_error(data: bytes) -> None:
    try:
        PartialTrie(data)
    except ProofError as error:
        assert error.code == "unreadable"


def test_a_leaf_moved_to_another_bucket_is_refused() -> None:
    trie = big_trie()
    entry = key(3) + leaf(3)
    other = next(key(i) for i in range(500) if key(i)[0] >> 7 != key(3)[0] >> 7)
    moved = trie.prove([other]).replace(next(k + v for k, v in trie.items() if k == other), entry)
    with pytest.raises(ProofError):
        PartialTrie(moved)
