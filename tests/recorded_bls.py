"""BLS as it was computed once: what the vectors' script recorded is looked up, anything else is really computed.

There is exactly one valid signature of a key over a message, so looking up and comparing decides as a pairing does,
and tests of what surrounds the arithmetic need not wait for it. ``test_bls.py`` tests the arithmetic itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tallystick.bls import SECRET_SIZE, Bls, Library
from tallystick.bls_libraries import native, reference

FILE = Path(__file__).parent / "vectors/compact.json"


class Recorder:
    """A library whose answers are kept for the vectors."""

    name = "recorder"

    def __init__(self, library: Library) -> None:
        self._library = library
        self.keys: dict[int, bytes] = {}
        self.possessions: dict[int, bytes] = {}
        self.signatures: dict[tuple[int, bytes], bytes] = {}
        self.is_key, self.is_signature = library.is_key, library.is_signature
        self.aggregate = library.aggregate

    def public_key(self, secret: int) -> bytes:
        if secret not in self.keys:
            self.keys[secret] = self._library.public_key(secret)
        return self.keys[secret]

    def sign(self, secret: int, message: bytes) -> bytes:
        if (secret, message) not in self.signatures:
            self.signatures[secret, message] = self._library.sign(secret, message)
        return self.signatures[secret, message]

    def prove_possession(self, secret: int) -> bytes:
        if secret not in self.possessions:
            self.possessions[secret] = self._library.prove_possession(secret)
        return self.possessions[secret]

    def verify_possession(self, key: bytes, possession: bytes) -> bool:
        owner = self._owner(key)
        if owner is None:
            return self._library.verify_possession(key, possession)
        return self.prove_possession(owner) == possession

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        owners = [self._owner(key) for key in keys]
        known = [self.signatures.get((owner, message)) for owner in owners if owner is not None]
        if len(known) < len(keys) or not all(known):
            return self._library.verify(keys, message, signature)
        return self.aggregate([one for one in known if one is not None]) == signature

    def _owner(self, key: bytes) -> int | None:
        return next((secret for secret, known in self.keys.items() if known == key), None)

    def recorded(self) -> dict[str, Any]:
        """For the vectors' file."""
        return {
            "keys": [[_hex(s), key.hex(), self.possessions[s].hex()] for s, key in sorted(self.keys.items())],
            "signatures": [
                [_hex(s), m.hex(), signature.hex()] for (s, m), signature in sorted(self.signatures.items())
            ],
        }


def _hex(secret: int) -> str:
    return secret.to_bytes(SECRET_SIZE, "big").hex()


def computing() -> Recorder:
    """The fastest library that is there, with nothing recorded."""
    library = native() or reference()
    assert library is not None
    return Recorder(library)


@cache
def recorded_bls() -> Bls:
    """The scheme with everything that the vectors' file records."""
    recorder = computing()
    record = json.loads(FILE.read_text())["recorded"]
    for secret, key, possession in record["keys"]:
        recorder.keys[int(secret, 16)] = bytes.fromhex(key)
        recorder.possessions[int(secret, 16)] = bytes.fromhex(possession)
    for secret, message, signature in record["signatures"]:
        recorder.signatures[int(secret, 16), bytes.fromhex(message)] = bytes.fromhex(signature)
    return Bls(recorder)
