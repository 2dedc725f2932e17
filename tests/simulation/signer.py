"""Signatures of simulated validators: a register of what each holder signed, or real Ed25519."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any, Protocol

from tallystick import keys
from tallystick.errors import TallystickError
from tallystick.validators import Validator, ValidatorSet, validator_set
from tallystick.votes import Certificate, Statement, Vote, verify_certificate

CHAIN_ID = b"\x51" * 32


class Signatures(Protocol):
    """All keys of one run. Nobody but a validator's own machine is given its signing functions."""

    def sign_statement(self, index: int) -> Callable[[Statement], bytes]: ...

    def sign_proposal(self, index: int) -> Callable[[bytes], bytes]: ...

    def vote_is_good(self, vote: Vote) -> bool: ...

    def proposal_is_good(self, index: int, data: bytes, signature: bytes) -> bool: ...

    def certificate_is_good(self, certificate: Certificate, members: ValidatorSet) -> bool:
        """Whether a node may believe it: a quorum of known, distinct signers, every signature genuine."""


class Register:
    """Signatures that cost next to nothing: who signed what is written down, and a check looks it up.

    Signing is deterministic, as Ed25519 is. A holder is named by a number of the whole run, so that a rotated or a
    later set's key is another holder.
    """

    def __init__(self, holder_of: Callable[[int, int], int]) -> None:
        """``holder_of(epoch, index)`` names the holder of a seat, -1 where there is none."""
        self._holder_of = holder_of
        self._issued: dict[bytes, tuple[int, object]] = {}
        self._good: dict[int, Certificate] = {}  # by identity; kept here, so that an identity is not used again

    def sign_statement(self, index: int) -> Callable[[Statement], bytes]:
        """The vote signer of one holder."""

        def sign(statement: Statement) -> bytes:
            signature = _mac(index, b"vote", statement.signing_bytes())
            self._issued[signature] = (index, statement)
            return signature

        return sign

    def sign_proposal(self, index: int) -> Callable[[bytes], bytes]:
        """The proposal signer of one holder."""

        def sign(data: bytes) -> bytes:
            signature = _mac(index, b"proposal", data)
            self._issued[signature] = (index, data)
            return signature

        return sign

    def vote_is_good(self, vote: Vote) -> bool:
        """See ``Signatures``."""
        statement = vote.statement
        issued = self._issued.get(vote.signature)
        return issued is not None and issued == (self._holder_of(statement.epoch, vote.validator), statement)

    def proposal_is_good(self, index: int, data: bytes, signature: bytes) -> bool:
        """See ``Signatures``."""
        return self._issued.get(signature) == (self._holder_of(int.from_bytes(data[:8], "big"), index), data)

    def certificate_is_good(self, certificate: Certificate, members: ValidatorSet) -> bool:
        """See ``Signatures``."""
        if id(certificate) in self._good:
            return True
        signers = certificate.signer_indices()
        if len(signers) != len(certificate.signatures) or len(signers) < members.quorum or signers[-1] >= members.count:
            return False
        votes = [Vote(certificate.statement, i, s) for i, s in zip(signers, certificate.signatures, strict=True)]
        if not all(self.vote_is_good(vote) for vote in votes):
            return False
        self._good[id(certificate)] = certificate
        return True


class Ed25519:
    """The product's own signatures."""

    def __init__(self, holder_of: Callable[[int, int], int], chain_id: bytes) -> None:
        self._holder_of = holder_of
        self._chain_id = chain_id

    def sign_statement(self, index: int) -> Callable[[Statement], bytes]:
        """The vote signer of one holder."""
        return lambda statement: keys.sign(seed_of(index), keys.Purpose.VOTE, self._chain_id, statement.signing_bytes())

    def sign_proposal(self, index: int) -> Callable[[bytes], bytes]:
        """The proposal signer of one holder."""
        return lambda data: keys.sign(seed_of(index), keys.Purpose.PROPOSAL, self._chain_id, data)

    def vote_is_good(self, vote: Vote) -> bool:
        """See ``Signatures``."""
        statement = vote.statement
        holder = self._holder_of(statement.epoch, vote.validator)
        return self._check(holder, keys.Purpose.VOTE, statement.signing_bytes(), vote.signature)

    def proposal_is_good(self, index: int, data: bytes, signature: bytes) -> bool:
        """See ``Signatures``."""
        holder = self._holder_of(int.from_bytes(data[:8], "big"), index)
        return self._check(holder, keys.Purpose.PROPOSAL, data, signature)

    def certificate_is_good(self, certificate: Certificate, members: ValidatorSet) -> bool:
        """See ``Signatures``."""
        try:
            verify_certificate(certificate, members, self._chain_id)
        except TallystickError:
            return False
        return True

    def _check(self, holder: int, purpose: keys.Purpose, data: bytes, signature: bytes) -> bool:
        if holder < 0:
            return False
        try:
            keys.verify(public_key(holder), signature, purpose, self._chain_id, data)
        except TallystickError:
            return False
        return True


@lru_cache(maxsize=1_000)
def _keyed(index: int, purpose: bytes) -> Any:
    return blake2b(key=index.to_bytes(2, "big") + purpose)


def _mac(index: int, purpose: bytes, data: bytes) -> bytes:
    mac = _keyed(index, purpose).copy()
    mac.update(data)
    return mac.digest()


@lru_cache(maxsize=1_000)
def seed_of(index: int) -> bytes:
    """A private seed by holder; numbered in the order of the public keys, as a validator set sorts them."""
    return _sorted_seeds()[index]


@lru_cache(maxsize=64)
def public_key(index: int) -> bytes:
    """A holder's public key."""
    return keys.public_key_of(seed_of(index))


@lru_cache(maxsize=1)
def _sorted_seeds() -> tuple[bytes, ...]:
    seeds = [sha256(b"simulated validator" + bytes([i])).digest() for i in range(31)]
    return tuple(sorted(seeds, key=keys.public_key_of))


def sign_statement(index: int) -> Callable[[Statement], bytes]:
    """A vote signer that no register knows: for tests that hand an engine votes as checked already."""
    return lambda statement: _mac(index, b"vote", statement.signing_bytes())


def sign_proposal(index: int) -> Callable[[bytes], bytes]:
    """A proposal signer likewise."""
    return lambda data: _mac(index, b"proposal", data)


def validators(count: int) -> ValidatorSet:
    """The set of the first n holders."""
    return members_of(tuple(range(count)))


@lru_cache(maxsize=1_000)
def members_of(holders: tuple[int, ...]) -> ValidatorSet:
    """The validator set of these holders; a seat's index is its place among them."""
    members = tuple(Validator(f"org:{i:02}", public_key(i)) for i in holders)
    found = validator_set(members)
    assert found.members == members
    return found
