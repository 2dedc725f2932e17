"""Byte strings in pieces: what follows from other parts of a bundle is named by a number and not repeated.

Hashes do not compress, and a closure is full of hashes that its own parts give: the commitments of its events, the key
hashes of its records, the peaks of its histories. Nor do the keys of validators who stay from one epoch to the next. A
byte string in pieces is a list of byte strings and numbers, each number for bytes that are known by then. This is
spelling and nothing more: what is checked are the bytes, written out, as if they had stood in the bundle.
Specification: docs/spec/proofs.md, section 1.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tallystick.encoding import ZERO32
from tallystick.errors import ProofError
from tallystick.merkle import EMPTY_ROOT
from tallystick.proofs.bundle import Pieces
from tallystick.proofs.codes import ProofCode

DIGEST = -1  # for the last piece of a head: the root to which the path of its capture leads
_HASH_HEAD = b"\xc4\x20"  # 32 bytes follow, in MessagePack


def _constants(chain_id: bytes) -> tuple[bytes, ...]:
    return ZERO32, chain_id, EMPTY_ROOT


class Known:
    """What numbers name so far: 0 is 32 zero bytes, 1 the chain id, 2 the root of an empty tree, then each in turn."""

    __slots__ = ("_named", "chain_id")

    def __init__(self, chain_id: bytes, named: Iterable[bytes] = ()) -> None:
        self.chain_id = chain_id
        self._named: dict[int, bytes] = dict(enumerate((*_constants(chain_id), *named)))

    def add(self, named: Iterable[bytes]) -> None:
        """More byte strings, which take the next numbers."""
        self._named.update(enumerate(named, len(self._named)))

    def whole(self, pieces: Pieces) -> bytes:
        """The byte string.

        Raises:
            ProofError: ``unreadable`` when a number names nothing.
        """
        if isinstance(pieces, bytes):
            return pieces
        known = self._named
        try:
            return b"".join([known[piece] if isinstance(piece, int) else piece for piece in pieces])
        except KeyError as error:
            raise ProofError(ProofCode.UNREADABLE, f"number {error} names nothing that is known") from error


class Cutter:
    """Makes pieces: the other way round. It knows the same byte strings by the same numbers."""

    def __init__(self, chain_id: bytes, named: Iterable[bytes] = ()) -> None:
        self._numbers: dict[bytes, int] = {}
        self._count = 0
        self.add((*_constants(chain_id), *named))

    def add(self, named: Iterable[bytes]) -> None:
        """As ``Known.add``."""
        for one in named:
            self._numbers.setdefault(one, self._count)
            self._count += 1

    def key(self, key: bytes) -> Pieces:
        """A record's key: known itself, or a hash that follows the byte that names its space."""
        if key in self._numbers:
            return [self._numbers[key]]
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

    def ending(self, data: bytes, parts: Sequence[bytes]) -> Pieces:
        """A message that ends with these parts, one after the other: every one that is known is named."""
        pieces: list[bytes | int] = [data[: len(data) - sum(map(len, parts))]]
        for part in parts:
            number, last = self._numbers.get(part), pieces[-1]
            if number is not None:
                pieces.append(number)
            elif isinstance(last, bytes):
                pieces[-1] = last + part
            else:
                pieces.append(part)
        return data if len(pieces) == 1 else pieces

    def head(self, data: bytes) -> Pieces:
        """The head of a capture, whose digest its path gives."""
        begin = self.message(data[: -len(ZERO32)])
        return [*(begin if isinstance(begin, list) else [begin]), DIGEST]
