"""Signatures that cost nothing, one maker per validator; made up, so nothing here verifies them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Statement

CHAIN_ID = b"\x51" * 32


def _mac(index: int, purpose: bytes, data: bytes) -> bytes:
    return blake2b(data, key=index.to_bytes(2, "big") + purpose).digest()


def sign_statement(index: int) -> Callable[[Statement], bytes]:
    """The vote signer of one validator."""
    return lambda statement: _mac(index, b"vote", statement.signing_bytes())


def sign_proposal(index: int) -> Callable[[bytes], bytes]:
    """The proposal signer of one validator."""
    return lambda data: _mac(index, b"proposal", data)


def validators(count: int) -> ValidatorSet:
    """A set of n made-up validators."""
    return validator_set(tuple(Validator(f"org:{i:02}", bytes([i + 1]) * 32) for i in range(count)))
