"""Votes and certificates: signed statements about a view.

A statement binds chain, epoch, kind, view and, except for a nullify, the block's hash. A certificate is a quorum of
signatures over one and the same statement. Specification: docs/spec/consensus.md, section 2.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.encoding import ZERO32, Bytes32, Message, Natural, Signature
from tallystick.errors import CertificateError, SignatureError
from tallystick.limits import VALIDATORS_MAX
from tallystick.validators import ValidatorSet


class VoteKind(IntEnum):
    """What a validator says about a view."""

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3


class Statement(Message, frozen=True):
    """What is voted on.

    Attributes:
        epoch: number of the validator set's term, from 0.
        kind: see ``VoteKind``.
        view: from 1.
        block_hash: 32 bytes; all zero for a nullify, so that nullifies always aggregate.
    """

    epoch: Natural
    kind: VoteKind
    view: Natural
    block_hash: Bytes32

    def signing_bytes(self) -> bytes:
        """The 49-byte message that is signed: epoch (8), kind (1), view (8), block hash (32), big-endian."""
        return self.epoch.to_bytes(8, "big") + bytes((self.kind,)) + self.view.to_bytes(8, "big") + self.block_hash


def nullify_statement(epoch: int, view: int) -> Statement:
    """The statement of a nullify, which names no block."""
    return Statement(epoch, VoteKind.NULLIFY, view, ZERO32)


class Vote(Message, frozen=True):
    """One validator's signed statement. ``validator`` is its index in the epoch's set."""

    statement: Statement
    validator: Annotated[int, msgspec.Meta(ge=0, lt=VALIDATORS_MAX)]
    signature: Signature


class Certificate(Message, frozen=True):
    """A quorum of signatures over one statement.

    Attributes:
        signers: bitmap, bit i set when validator i signed.
        signatures: one per set bit, lowest bit first.
    """

    statement: Statement
    signers: Annotated[int, msgspec.Meta(ge=1, lt=2**VALIDATORS_MAX)]
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(min_length=1, max_length=VALIDATORS_MAX)]

    def signer_indices(self) -> tuple[int, ...]:
        """Indices of the validators whose bit is set, ascending."""
        return tuple([i for i in range(self.signers.bit_length()) if self.signers >> i & 1])


def vote_in(certificate: Certificate, validator: int) -> Vote | None:
    """The vote of a validator that a checked certificate holds, or None."""
    signers = certificate.signer_indices()
    if validator not in signers:
        return None
    return Vote(certificate.statement, validator, certificate.signatures[signers.index(validator)])


def certificate_of(statement: Statement, signatures: dict[int, bytes]) -> Certificate:
    """Assemble a certificate from checked signatures by validator index."""
    bitmap = 0
    for index in signatures:
        bitmap |= 1 << index
    return Certificate(statement, bitmap, tuple(signatures[index] for index in sorted(signatures)))


def verify_vote(vote: Vote, validators: ValidatorSet, chain_id: bytes) -> None:
    """Check one vote's signature.

    Raises:
        SignatureError: unknown validator or bad signature.
    """
    if vote.validator >= validators.count:
        raise SignatureError(f"no validator {vote.validator} in a set of {validators.count}")
    key = validators.members[vote.validator].key
    keys.verify(key, vote.signature, keys.Purpose.VOTE, chain_id, vote.statement.signing_bytes())


def verify_certificate(certificate: Certificate, validators: ValidatorSet, chain_id: bytes) -> None:
    """Check that a quorum of distinct validators of this set signed the certificate's statement.

    Raises:
        CertificateError: ``quorum-short``, ``unknown-validators`` or ``bad-vote-signature``.
    """
    signers = certificate.signer_indices()
    if len(signers) != len(certificate.signatures):
        raise CertificateError("quorum-short", f"{len(signers)} signers but {len(certificate.signatures)} signatures")
    if signers[-1] >= validators.count:
        raise CertificateError("unknown-validators", f"signer {signers[-1]} of a set of {validators.count}")
    if len(signers) < validators.quorum:
        raise CertificateError("quorum-short", f"{len(signers)} signatures, {validators.quorum} needed")
    message = certificate.statement.signing_bytes()
    for index, signature in zip(signers, certificate.signatures, strict=True):
        try:
            keys.verify(validators.members[index].key, signature, keys.Purpose.VOTE, chain_id, message)
        except SignatureError as error:
            raise CertificateError("bad-vote-signature", f"signature of validator {index} does not verify") from error
