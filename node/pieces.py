"""The heights that are to be caught up with, in pieces that several peers are asked for at once.

A piece is asked of one peer. The lowest one, on which all others wait, may be asked of a second peer when the first
takes long; so the slowest never holds back the rest, and nobody is blamed for being slow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

PIECE_BLOCKS = 64  # heights of one request: some are under way while others are executed
WINDOW_BLOCKS = 512  # heights above the newest executed one that are asked for at most
SECOND_TRY_S = 1.0  # after so long the lowest piece is asked of another peer too


@dataclass(slots=True)
class _Piece:
    count: int
    since: float = 0.0
    askers: set[bytes] = field(default_factory=set)


class Pieces(Generic[T]):
    """Which heights are open, asked for, and here; each answer is kept until those below it are done.

    Attributes:
        base: lowest height that is not taken out yet.
    """

    def __init__(self, base: int) -> None:
        self.base = base
        self._next = base  # lowest height that no piece covers yet
        self._pieces: dict[int, _Piece] = {}  # by first height: open when nobody is asked
        self._ready: dict[int, tuple[int, T]] = {}  # by first height: how many blocks, and the answer

    def take(self, peer: bytes, top: int, most: int, now_s: float) -> tuple[int, int] | None:
        """What to ask a peer for: first height and count; None when there is nothing for it.

        Args:
            peer: names the peer.
            top: highest height that it says it has.
            most: heights to ask it for.
        """
        first = self._open(top) if self._open(top) is not None else self._begin(top)
        if first is None:
            first = self._late(peer, top, now_s)
        if first is None:
            return None
        piece = self._pieces[first]
        if not piece.askers and piece.count > most:
            self._pieces[first + most] = _Piece(piece.count - most)
            piece.count = most
        piece.since = now_s
        piece.askers.add(peer)
        return first, min(piece.count, top - first + 1)

    def put(self, first: int, count: int, answer: T) -> None:
        """An answer that holds ``count`` blocks from ``first`` on, checked; one that came before stays."""
        piece = self._pieces.pop(first, None)
        if piece is None:
            return
        self._ready[first] = (count, answer)
        if count < piece.count:
            self._pieces[first + count] = _Piece(piece.count - count)

    def give_up(self, first: int, peer: bytes) -> None:
        """A peer brought nothing."""
        piece = self._pieces.get(first)
        if piece is not None:
            piece.askers.discard(peer)

    def next_ready(self) -> T | None:
        """Take the answer at ``base`` out, if it is here."""
        found = self._ready.pop(self.base, None)
        if found is None:
            return None
        self.base += found[0]
        return found[1]

    def _open(self, top: int) -> int | None:
        return min((first for first, piece in self._pieces.items() if not piece.askers and first <= top), default=None)

    def _begin(self, top: int) -> int | None:
        first = self._next
        if first > top or first >= self.base + WINDOW_BLOCKS:
            return None
        count = min(PIECE_BLOCKS, top - first + 1)
        self._pieces[first] = _Piece(count)
        self._next = first + count
        return first

    def _late(self, peer: bytes, top: int, now_s: float) -> int | None:
        """The piece that everything waits for, where it is asked of others for too long."""
        piece = self._pieces.get(self.base)
        if piece is None or peer in piece.askers or self.base > top or now_s - piece.since < SECOND_TRY_S:
            return None
        return self.base
