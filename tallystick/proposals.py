"""Proposals: what a leader sends. The block's hash is signed; transactions are named, not carried.

Specification: docs/spec/consensus.md, section 3.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.blocks import Header
from tallystick.encoding import Bytes32, Message, Signature
from tallystick.epochs import ClosingHeader
from tallystick.errors import SignatureError
from tallystick.limits import BLOCK_TRANSACTIONS_MAX
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate


class Proposal(Message, frozen=True):
    """A signed header with what a voter needs to judge it.

    Attributes:
        witness_leaves: one per transaction, in block order; a voter that lacks one asks for it.
        finalisation: when the executed tuple is newer than the parent's: a finalisation of that block or of a
            descendant of it at or below the parent; else None.
        certificates: what justifies the parent: its notarisation (absent for genesis) and a nullification for every
            view between it and this one, when few; voters ask for what is missing.
        signature: the leader's, over epoch, view and block hash, purpose PROPOSAL.
    """

    header: Header
    witness_leaves: Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)]
    finalisation: Certificate | None
    certificates: Annotated[tuple[Certificate, ...], msgspec.Meta(max_length=16)]
    signature: Signature


class ClosingProposal(Message, frozen=True):
    """A signed closing header: what leaders propose between the boundary block and its finality.

    Attributes:
        certificates: as in ``Proposal``.
        signature: as in ``Proposal``, over the closing header's hash.
    """

    header: ClosingHeader
    certificates: Annotated[tuple[Certificate, ...], msgspec.Meta(max_length=16)]
    signature: Signature


def proposal_signing_bytes(epoch: int, view: int, block_hash: bytes) -> bytes:
    """The 48-byte message that a leader signs: epoch (8), view (8), block hash (32), big-endian."""
    return epoch.to_bytes(8, "big") + view.to_bytes(8, "big") + block_hash


def verify_proposal_signature(proposal: Proposal | ClosingProposal, validators: ValidatorSet) -> None:
    """Check the leader's signature.

    Raises:
        SignatureError: when the header's proposer is not in the set or did not sign.
    """
    header = proposal.header
    if header.proposer >= validators.count:
        raise SignatureError(f"no validator {header.proposer} in a set of {validators.count}")
    keys.verify(
        validators.members[header.proposer].key,
        proposal.signature,
        keys.Purpose.PROPOSAL,
        header.chain_id,
        proposal_signing_bytes(header.epoch, header.view, header.block_hash()),
    )
