"""The formats by which one set of validators hands over to the next. Specification: docs/spec/epochs.md.

A verifier that pinned an epoch walks forward with one ``EpochProof`` per epoch crossed.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.blocks import Header
from tallystick.encoding import Hash, Message, Natural, encode
from tallystick.errors import ProofError
from tallystick.hashing import TAG_CLOSING, tagged
from tallystick.limits import VALIDATORS_MAX
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, VoteKind, verify_certificate


class ClosingHeader(Message, frozen=True):
    """What follows the boundary block within its epoch: voted on like a block, but without height, body or state.

    Attributes:
        parent_hash, parent_view: the boundary block or an earlier closing header.
        boundary_hash: the boundary block that it names.
    """

    chain_id: Hash
    epoch: Natural
    view: Natural
    parent_hash: Hash
    parent_view: Natural
    proposer: Annotated[int, msgspec.Meta(ge=0, lt=VALIDATORS_MAX)]
    boundary_hash: Hash

    def block_hash(self) -> bytes:
        """What votes name; its tag differs from a block's, so neither can stand for the other."""
        return tagged(TAG_CLOSING, encode(self))


class EpochProof(Message, frozen=True):
    """Proof of an epoch's end: its boundary block, finalised itself or through a closing header that names it.

    Attributes:
        boundary: header whose ``next_validators_hash`` names the next epoch's set.
        closing: the closing header that the certificate names, or None when it names the boundary block itself.
        next_validators: the next epoch's set.
    """

    boundary: Header
    closing: ClosingHeader | None
    finalisation: Certificate
    next_validators: ValidatorSet


def verify_epoch_proof(proof: EpochProof, validators: ValidatorSet, chain_id: bytes) -> ValidatorSet:
    """The next epoch's validators, shown by the present ones.

    Args:
        validators: the pinned set of the epoch that ends.
    Raises:
        ProofError: ``wrong-chain``, ``unknown-validators`` or ``not-in-chain``.
        CertificateError: the certificate does not hold.
    """
    boundary, closing, statement = proof.boundary, proof.closing, proof.finalisation.statement
    if boundary.chain_id != chain_id or (closing is not None and closing.chain_id != chain_id):
        raise ProofError("wrong-chain", "an epoch proof of another chain")
    if boundary.validators_hash != validators.digest():
        raise ProofError("unknown-validators", f"epoch {boundary.epoch} is not of the pinned validators")
    if proof.next_validators.digest() != boundary.next_validators_hash:
        raise ProofError("unknown-validators", "the next validators are not those that the boundary block names")
    if boundary.next_validators_hash == boundary.validators_hash:
        raise ProofError("not-in-chain", f"height {boundary.height} ends no epoch")
    named = boundary if closing is None else closing
    if closing is not None and (closing.boundary_hash, closing.epoch) != (boundary.block_hash(), boundary.epoch):
        raise ProofError("not-in-chain", "the closing header names another boundary block")
    expected = (VoteKind.FINALIZE, boundary.epoch, named.view, named.block_hash())
    if (statement.kind, statement.epoch, statement.view, statement.block_hash) != expected:
        raise ProofError("not-in-chain", "the certificate does not finalise the boundary block")
    verify_certificate(proof.finalisation, validators, chain_id)
    return proof.next_validators


class EpochStep(Message, frozen=True):
    """An epoch's end for a verifier that pinned nothing but the hash of its validators.

    Attributes:
        validators: the set of the epoch that ends.
    """

    validators: ValidatorSet
    proof: EpochProof


def verify_epoch_step(step: EpochStep, epoch: int, validators_hash: bytes, chain_id: bytes) -> ValidatorSet:
    """The validators of epoch + 1.

    Args:
        epoch, validators_hash: what the verifier pinned, or has learnt from what it pinned.
    Raises:
        ProofError: ``wrong-chain``, ``unknown-validators`` or ``not-in-chain``.
        CertificateError: the certificate does not hold.
    """
    if step.proof.boundary.epoch != epoch or step.validators.digest() != validators_hash:
        raise ProofError("unknown-validators", f"not the pinned validators of epoch {epoch}")
    return verify_epoch_proof(step.proof, step.validators, chain_id)
