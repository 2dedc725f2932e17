"""One question for a range to one peer, and what is remembered of how each peer has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from node.network.messages import RangeMessage, RangeRequest
from node.network.peers import Peer
from node.pieces import PIECE_BLOCKS

COUNT_MIN = 8  # heights that even the slowest peer is asked for


class RangeAsker:
    """Open questions, at most one for each peer. Peers are remembered by their certificates: indices change."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[bytes, tuple[int, asyncio.Future[RangeMessage | None]]] = {}
        self._useful: dict[bytes, int] = {}  # blocks that came of asking a peer last
        self._counts: dict[bytes, int] = {}  # heights to ask a peer for; fewer after it did not answer in time

    def in_order(self, peers: Iterable[Peer]) -> list[Peer]:
        """First those that gave the most when they were asked last, and those that were not asked yet.

        Whoever claims much and gives little must not stand before the others.
        """
        return sorted(peers, key=lambda peer: -self._useful.get(peer.certificate, PIECE_BLOCKS))

    def count_for(self, peer: Peer) -> int:
        """How many heights to ask a peer for."""
        return self._counts.get(peer.certificate, PIECE_BLOCKS)

    def gave(self, peer: Peer, blocks: int) -> None:
        """Note what came of asking a peer."""
        self._useful[peer.certificate] = blocks

    async def ask(self, peer: Peer, first_height: int, count: int, timeout_s: float) -> RangeMessage | None:
        """A peer's answer; None when it has none, went away, or took too long, for which nobody is blamed."""
        answer: asyncio.Future[RangeMessage | None] = self._loop.create_future()
        self._open[peer.certificate] = (first_height, answer)
        peer.send(RangeRequest(first_height, count))
        try:
            async with asyncio.timeout(timeout_s):
                message = await answer
        except TimeoutError:  # it may be slow and honest: next time it is asked for less
            self._counts[peer.certificate] = max(COUNT_MIN, count // 4)
            return None
        finally:
            self._open.pop(peer.certificate, None)
        if message is None or not message.blocks:
            return None
        self._counts[peer.certificate] = min(PIECE_BLOCKS, 2 * self.count_for(peer))
        return message

    def take(self, peer: Peer, message: RangeMessage) -> None:
        """A peer's answer; ignored unless it is to the present question, not to one that was given up before."""
        first_height, answer = self._open.get(peer.certificate, (0, None))
        if answer is not None and message.first_height == first_height and not answer.done():
            answer.set_result(message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone; it will not answer."""
        answer = self._open.get(peer.certificate, (0, None))[1]
        if answer is not None and not answer.done():
            answer.set_result(None)
