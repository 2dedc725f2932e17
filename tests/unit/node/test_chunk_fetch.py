"""Whom to ask for which chunk, whatever the peers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.snapshots.chunk_fetch import OPEN_PER_PEER, PATIENCE_S, STRIKES_MAX, ChunkFetch, WrongChunkError
from node.snapshots.chunks import chunk_hash

DATA = tuple(bytes((index,)) for index in range(6))
HASHES = tuple(map(chunk_hash, DATA))


def test_two_are_asked_of_each_peer_and_what_is_here_is_not() -> None:
    fetch = ChunkFetch(HASHES, {0, 3})
    assert [fetch.next_for(b"a", 0.0) for _ in range(3)] == [1, 2, None]
    assert [fetch.next_for(b"b", 0.0) for _ in range(3)] == [4, 5, None]
    assert OPEN_PER_PEER == 2 and fetch.fetched == 2 and not fetch.done


def test_a_wrong_chunk_is_its_senders_fault_and_is_asked_of_another() -> None:
    fetch = ChunkFetch(HASHES[:1], ())
    assert fetch.next_for(b"a", 0.0) == 0
    with pytest.raises(WrongChunkError):
        fetch.take(b"a", 0, b"other")
    assert fetch.next_for(b"a", 0.0) is None and not fetch.serves(b"a")
    assert fetch.next_for(b"b", 0.0) == 0
    assert fetch.take(b"b", 0, DATA[0]) and fetch.done


def test_what_was_not_asked_is_ignored() -> None:
    fetch = ChunkFetch(HASHES, ())
    fetch.next_for(b"a", 0.0)
    assert not fetch.take(b"b", 0, b"anything") and not fetch.take(b"a", 5, DATA[5])
    assert fetch.take(b"a", 0, DATA[0]) and not fetch.take(b"a", 0, DATA[0])


def test_a_slow_peer_is_asked_less_and_then_no_more() -> None:
    fetch = ChunkFetch(HASHES[:1], ())
    for strike in range(STRIKES_MAX):
        now = strike * PATIENCE_S
        assert fetch.next_for(b"a", now) == 0
        fetch.expire(now + PATIENCE_S - 0.1)
        assert fetch.next_for(b"b", now) is None
        fetch.expire(now + PATIENCE_S)
    assert fetch.next_for(b"a", 99.0) is None
    assert fetch.next_for(b"b", 99.0) == 0


def test_who_is_gone_or_has_it_no_more_is_not_blamed_at_once() -> None:
    fetch = ChunkFetch(HASHES[:2], ())
    assert fetch.next_for(b"a", 0.0) == 0
    fetch.lost(b"a")
    assert fetch.next_for(b"a", 0.0) == 0
    assert not fetch.take(b"a", 0, b"")
    assert fetch.next_for(b"a", 0.0) == 1 and fetch.next_for(b"a", 0.0) is None
    assert fetch.next_for(b"b", 0.0) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["good", "bad", "none", "silent", "lost"]))))
def test_one_honest_peer_is_enough(turns: list[tuple[str, str]]) -> None:
    fetch = ChunkFetch(HASHES, ())
    now = 0.0
    for name, behaviour in turns:
        peer = name.encode()
        index = fetch.next_for(peer, now)
        if index is None:
            continue
        if behaviour == "bad":
            with pytest.raises(WrongChunkError):
                fetch.take(peer, index, b"bad")
        elif behaviour in ("good", "none"):
            fetch.take(peer, index, DATA[index] if behaviour == "good" else b"")
        elif behaviour == "silent":
            now += PATIENCE_S
            fetch.expire(now)
        else:
            fetch.lost(peer)
    for name in "abc":
        fetch.lost(name.encode())
    while (index := fetch.next_for(b"honest", now)) is not None:
        assert fetch.take(b"honest", index, DATA[index])
    assert fetch.done and fetch.fetched == len(HASHES)
