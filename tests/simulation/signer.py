"""Signatures that cost nothing and that nobody but the holder of an index makes: each node gets its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, Vote

CHAIN_ID = b"\x51" * 32


@lru_cache(maxsize=100_000)
def _mac(index: int, purpose: bytes, data: bytes) -> bytes:
    return blake2b(data, key=index.to_bytes(2, "big") + purpose).digest()


def sign_statement(index: int) -> Callable[[Statement], bytes]:
    """The vote signer of one validator."""
    return lambda statement: _mac(index, b"vote", statement.signing_bytes())


def sign_proposal(index: int) -> Callable[[bytes], bytes]:
    """The proposal signer of one validator."""
    return lambda data: _mac(index, b"proposal", data)


def vote_is_good(vote: Vote) -> bool:
    """Whether this vote was made by its validator's signer."""
    return vote.signature == _mac(vote.validator, b"vote", vote.statement.signing_bytes())


def proposal_is_good(index: int, data: bytes, signature: bytes) -> bool:
    """Whether this proposal was signed by its leader's signer."""
    return signature == _mac(index, b"proposal", data)


def certificate_is_good(certificate: Certificate, count: int) -> bool:
    """Judge of certificates, written from the definition: at least n - f distinct known signers, all genuine."""
    signers = [i for i in range(32) if certificate.signers & (1 << i)]
    needed = count - (count - 1) // 3
    if len(signers) != len(certificate.signatures) or len(signers) < needed or max(signers) >= count:
        return False
    message = certificate.statement.signing_bytes()
    return all(_mac(i, b"vote", message) == s for i, s in zip(signers, certificate.signatures, strict=True))


def validators(count: int) -> ValidatorSet:
    """A set of n made-up validators."""
    return validator_set(tuple(Validator(f"org:{i:02}", bytes([i + 1]) * 32) for i in range(count)))
