"""Byte strings in pieces: what follows from other parts of a bundle is named by a number and not repeated.

Hashes do not compress, and a closure is full of hashes that its own parts give: the commitments of its events, the key
hashes of its records, the peaks of its histories. A byte string in pieces is a list of byte strings and numbers, each
number for 32 bytes that are known by then. This is spelling and nothing more: what is checked are the bytes, written
out, as if they had stood in the bundle. Specification: docs/spec/proofs.md, section 1.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from tallystick.encoding import ZERO32
from tallystick.errors import ProofError
from tallystick.proofs.bundle import Pieces
from tallystick.proofs.codes import ProofCode

DIGEST = -1  # for the last piece of a head: the root to which the path of its capture leads
_HASH_HEAD = b"\xc4\x20"  # 32 bytes follow, in MessagePack


class Known:
    """The hashes that numbers name so far: 0 is 32 zero bytes, 1 the chain id, then each in the order it came."""

    __slots__ = ("_hashes", "chain_id")

    def __init__(self, chain_id: bytes, hashes: Iterable[bytes] = ()) -> None:
        self.chain_id = chain_id
        self._hashes: dict[int, bytes] = dict(enumerate((ZERO32, chain_id, *hashes)))

    def add(self, hashes: Iterable[bytes]) -> None:
        """More hashes, which take the next numbers."""
        self._hashes.update(enumerate(hashes, len(self._hashes)))

    def whole(self, pieces: Pieces) -> bytes:
        """The byte string.

        Raises:
            ProofError: ``unreadable`` when a number names nothing.
        """
        if isinstance(pieces, bytes):
            return pieces
        known = self._hashes
        try:
            return b"".join([known[piece] if isinstance(piece, int) else piece for piece in pieces])
        except KeyError as error:
            raise ProofError(ProofCode.UNREADABLE, f"number {error} names no hash that is known") from error


class Cutter:
    """Makes pieces: the other way round. It knows the same hashes by the same numbers."""

    def __init__(self, chain_id: bytes, hashes: Iterable[bytes] = ()) -> None:
        self._numbers: dict[bytes, int] = {}
        self._count = 0
        self.add((ZERO32, chain_id, *hashes))

    def add(self, hashes: Iterable[bytes]) -> None:
        """As ``Known.add``."""
        for hash_ in hashes:
            self._numbers.setdefault(hash_, self._count)
            self._count += 1

    def key(self, key: bytes) -> Pieces:
        """A record's key: hashes follow the byte that names its space."""
        number = self._numbers.get(key[1:])
        return key if number is None else [key[:1], number]

    def message(self, data: bytes) -> Pieces:
        """An encoded message: every hash in it that is known is named."""
        pieces: list[bytes | int] = []
        done = at = 0
        while (at := data.find(_HASH_HEAD, at)) >= 0:
            at += len(_HASH_HEAD)
            number = self._numbers.get(data[at : at + len(ZERO32)])
            if number is not None:
                pieces += (data[done:at], number)
                done = at = at + len(ZERO32)
        if not pieces:
            return data
        return [*pieces, data[done:]] if done < len(data) else pieces

    def head(self, data: bytes) -> Pieces:
        """The head of a capture, whose digest its path gives."""
        begin = self.message(data[: -len(ZERO32)])
        return [*(begin if isinstance(begin, list) else [begin]), DIGEST]
