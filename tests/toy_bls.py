"""Arithmetic of no worth in the place of BLS, for tests of everything around it: alike in form, sums and refusals.

Whoever knows a key can sign with it. Nodes under it need milliseconds where pure Python takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from hashlib import shake_256
from pathlib import Path

import pytest

from node import bls_sealer, seal_secret
from node.bls_worker import Answer, Question, Worker
from node.key_files import read_seal_secret
from tallystick.bls import Bls

_COMPRESSED = 0x80


def _point(size: int, *parts: bytes) -> bytes:
    """Bytes with the form of a compressed point: of each coordinate the first byte is zero, but for the flag."""
    coordinates = size // 48
    drawn = shake_256(b"|".join(parts)).digest(47 * coordinates)
    data = b"".join(b"\x00" + drawn[47 * at : 47 * at + 47] for at in range(coordinates))
    return bytes((_COMPRESSED,)) + data[1:]


def _signature(key: bytes, message: bytes) -> bytes:
    return _point(96, b"signature", key, message)


class Toy:
    """See ``tallystick.bls.Library``."""

    name = "toy"

    def public_key(self, secret: int) -> bytes:
        return _point(48, b"key", secret.to_bytes(32, "big"))

    def sign(self, secret: int, message: bytes) -> bytes:
        return _signature(self.public_key(secret), message)

    def prove_possession(self, secret: int) -> bytes:
        return _signature(self.public_key(secret), b"possession")

    def is_key(self, key: bytes) -> bool:
        return True

    def is_signature(self, signature: bytes) -> bool:
        return True

    def verify_possession(self, key: bytes, possession: bytes) -> bool:
        return possession == _signature(key, b"possession")

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        total = reduce(lambda a, b: a ^ b, (int.from_bytes(one[1:], "big") for one in signatures))
        return bytes((_COMPRESSED,)) + total.to_bytes(95, "big")

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        return signature == self.aggregate([_signature(key, message) for key in keys])


TOY = Bls(Toy())


class ToyProcess:
    """In the place of ``node.bls_process.BlsProcess``: the same worker, here and now."""

    def __init__(self, key_file: Path) -> None:
        self._worker = Worker(read_seal_secret(key_file), TOY)

    async def ask(self, question: Question) -> Answer:
        return self._worker.answer(question)

    async def close(self) -> None:
        """There is no process to end."""


@pytest.fixture
def toy_bls(monkeypatch: pytest.MonkeyPatch) -> Bls:
    """Nodes of this test compute with the toy."""
    monkeypatch.setattr(bls_sealer, "BlsProcess", ToyProcess)
    monkeypatch.setattr(seal_secret, "bls", lambda: TOY)
    return TOY
