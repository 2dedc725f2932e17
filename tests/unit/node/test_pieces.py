"""Heights to catch up with, in pieces for several peers."""

from __future__ import annotations

import random

from node.pieces import PIECE_BLOCKS, SECOND_TRY_S, Pieces


def test_several_peers_get_different_pieces_and_answers_come_out_in_order() -> None:
    pieces: Pieces[str] = Pieces(1)
    first, second = pieces.take(b"a", 200, 64, 0.0), pieces.take(b"b", 200, 64, 0.0)
    assert first == (1, 64) and second == (65, 64)
    pieces.put(65, 64, "above")
    assert pieces.next_ready() is None, "what is below comes first"
    pieces.put(1, 64, "below")
    assert [pieces.next_ready(), pieces.next_ready(), pieces.next_ready()] == ["below", "above", None]
    assert pieces.base == 129


def test_what_an_answer_leaves_out_is_asked_for_again() -> None:
    pieces: Pieces[str] = Pieces(1)
    assert pieces.take(b"a", 64, 64, 0.0) == (1, 64)
    pieces.put(1, 10, "some")
    assert pieces.take(b"b", 64, 64, 0.0) == (11, 54)


def test_a_piece_that_was_given_up_goes_to_the_next_peer() -> None:
    pieces: Pieces[str] = Pieces(1)
    pieces.take(b"a", 64, 64, 0.0)
    assert pieces.take(b"b", 64, 64, 0.0) is None, "it is asked for, and there is nothing above it"
    pieces.give_up(1, b"a")
    assert pieces.take(b"b", 64, 64, 0.1) == (1, 64)


def test_the_lowest_piece_of_a_slow_peer_is_asked_of_another_and_the_first_answer_counts() -> None:
    pieces: Pieces[str] = Pieces(1)
    pieces.take(b"slow", 64, 64, 0.0)
    assert pieces.take(b"b", 64, 64, SECOND_TRY_S / 2) is None
    assert pieces.take(b"b", 64, 64, SECOND_TRY_S) == (1, 64)
    pieces.put(1, 64, "of b")
    assert pieces.next_ready() == "of b"
    pieces.put(1, 64, "too late")
    pieces.give_up(1, b"slow")
    assert pieces.next_ready() is None


def test_a_peer_that_is_asked_for_less_leaves_the_rest_to_others() -> None:
    pieces: Pieces[str] = Pieces(1)
    assert pieces.take(b"slow", 64, 8, 0.0) == (1, 8)
    assert pieces.take(b"b", 64, 64, 0.0) == (9, 56)


def test_nobody_is_asked_for_what_it_does_not_claim() -> None:
    pieces: Pieces[str] = Pieces(100)
    assert pieces.take(b"behind", 99, 64, 0.0) is None
    assert pieces.take(b"near", 103, 64, 0.0) == (100, 4)


def test_whatever_peers_do_every_height_comes_out_once_and_in_order() -> None:
    for seed in range(300):
        draw = random.Random(seed)
        top, now = draw.randint(1, 400), 0.0
        pieces: Pieces[tuple[int, int]] = Pieces(1)
        asking: dict[bytes, tuple[int, int]] = {}
        out: list[int] = []
        for _ in range(5_000):
            now += draw.random() / 4
            peer = bytes((draw.randrange(4),))
            if peer not in asking:
                piece = pieces.take(peer, draw.choice((top, top // 2)), draw.choice((8, PIECE_BLOCKS)), now)
                if piece is not None:
                    asking[peer] = piece
            else:
                first, count = asking.pop(peer)
                if draw.random() < 0.3:
                    pieces.give_up(first, peer)
                else:
                    got = draw.randint(1, count)
                    pieces.put(first, got, (first, got))
            while (ready := pieces.next_ready()) is not None:
                out += range(ready[0], ready[0] + ready[1])
            if len(out) == top:
                break
        assert out == list(range(1, top + 1)), seed
