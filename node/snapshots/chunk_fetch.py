"""Which chunk to ask of whom: pure bookkeeping, so that every trouble a peer can make is a test without a network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from node.snapshots.chunks import chunk_hash
from tallystick.errors import VerificationError

OPEN_PER_PEER = 2  # requests: the next chunk is on its way while one is written
PATIENCE_S = 10.0  # until a chunk is asked of another peer
STRIKES_MAX = 3  # requests that a peer left unanswered before it is asked no more


class WrongChunkError(VerificationError):
    """A peer sent a chunk that is not the manifest's: no honest peer does."""


@dataclass(slots=True)
class _Asked:
    peer: bytes
    since_s: float


class ChunkFetch:
    """What is still missing of one snapshot.

    Args:
        hashes: of every chunk, as the manifest has them.
        here: chunks that were fetched before.
    """

    def __init__(self, hashes: tuple[bytes, ...], here: Collection[int]) -> None:
        self._hashes = hashes
        self._missing = [index for index in range(len(hashes) - 1, -1, -1) if index not in here]  # last one next
        self._asked: dict[int, _Asked] = {}
        self._strikes: dict[bytes, int] = {}
        self._open: dict[bytes, int] = {}
        self._without: set[tuple[bytes, int]] = set()  # peer and chunk that it does not have

    @property
    def done(self) -> bool:
        """Whether every chunk is here."""
        return not self._missing and not self._asked

    @property
    def fetched(self) -> int:
        """Chunks that are here."""
        return len(self._hashes) - len(self._missing) - len(self._asked)

    def serves(self, peer: bytes) -> bool:
        """Whether a peer is worth asking."""
        return self._strikes.get(peer, 0) < STRIKES_MAX

    def next_for(self, peer: bytes, now_s: float) -> int | None:
        """The chunk to ask a peer for now, or None; it counts as asked."""
        if not self.serves(peer) or self._open.get(peer, 0) >= OPEN_PER_PEER:
            return None
        for at in range(len(self._missing) - 1, -1, -1):
            index = self._missing[at]
            if (peer, index) not in self._without:
                del self._missing[at]
                self._asked[index] = _Asked(peer, now_s)
                self._open[peer] = self._open.get(peer, 0) + 1
                return index
        return None

    def take(self, peer: bytes, index: int, data: bytes) -> bool:
        """An answer; whether it is a chunk to be kept. One that was not asked of this peer is ignored.

        Raises:
            WrongChunkError: it is another chunk; it is asked of others.
        """
        asked = self._asked.get(index)
        if asked is None or asked.peer != peer:
            return False
        self._settle(index)
        if not data:  # it has made newer snapshots meanwhile
            self._without.add((peer, index))
            self._strikes[peer] = self._strikes.get(peer, 0) + 1
            self._missing.append(index)
            return False
        if chunk_hash(data) != self._hashes[index]:
            self._strikes[peer] = STRIKES_MAX
            self._missing.append(index)
            raise WrongChunkError(f"chunk {index} of a snapshot is not the one that the manifest names")
        return True

    def expire(self, now_s: float) -> None:
        """Give requests up that are open for too long."""
        for index, asked in list(self._asked.items()):
            if now_s - asked.since_s >= PATIENCE_S:
                self._settle(index)
                self._strikes[asked.peer] = self._strikes.get(asked.peer, 0) + 1
                self._missing.append(index)

    def lost(self, peer: bytes) -> None:
        """A peer is gone; what was asked of it is asked of others, and it is not blamed."""
        for index, asked in list(self._asked.items()):
            if asked.peer == peer:
                self._settle(index)
                self._missing.append(index)

    def _settle(self, index: int) -> None:
        asked = self._asked.pop(index)
        self._open[asked.peer] -= 1
