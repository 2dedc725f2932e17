"""Evidence: two signed messages of one validator, of one epoch and view, that an honest validator never signs both.

Nothing but the two signatures is believed: whoever has the chain id can check a piece of evidence, years later and
without the network. Specification: docs/spec/epochs.md, section 4.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.api import b64, unb64
from tallystick.encoding import ZERO32, Bytes32, Message, Natural, PublicKey, Signature, decode, encode
from tallystick.errors import DecodeError, ProofError
from tallystick.proposals import proposal_signing_bytes
from tallystick.votes import Statement, VoteKind

EVIDENCE_FILE_FORMAT = 1
PROPOSE = 0  # the step of a leader's proposal; other steps are those of ``VoteKind``


class EvidenceKind(IntEnum):
    """Which promise was broken. Numbers are on the ledger and never reused."""

    DOUBLE_PROPOSAL = 1
    DOUBLE_NOTARIZE = 2
    DOUBLE_FINALIZE = 3
    NULLIFY_AND_FINALIZE = 4


class Said(Message, frozen=True):
    """One of the two messages.

    Attributes:
        step: 0 for a proposal, else a ``VoteKind``.
        block_hash: 32 bytes; all zero for a nullify.
    """

    step: Annotated[int, msgspec.Meta(ge=0, le=3)]
    block_hash: Bytes32
    signature: Signature


class Evidence(Message, frozen=True):
    """Two messages of the validator with this key, the one with the lower (step, block hash) first."""

    key: PublicKey
    epoch: Natural
    view: Natural
    first: Said
    second: Said


_KINDS = {
    (PROPOSE, PROPOSE): EvidenceKind.DOUBLE_PROPOSAL,
    (VoteKind.NOTARIZE, VoteKind.NOTARIZE): EvidenceKind.DOUBLE_NOTARIZE,
    (VoteKind.FINALIZE, VoteKind.FINALIZE): EvidenceKind.DOUBLE_FINALIZE,
    (VoteKind.NULLIFY, VoteKind.FINALIZE): EvidenceKind.NULLIFY_AND_FINALIZE,
}


def evidence_of(key: bytes, epoch: int, view: int, one: Said, other: Said) -> Evidence:
    """Evidence with its two messages in their one order."""
    first, second = sorted((one, other), key=lambda said: (said.step, said.block_hash))
    return Evidence(key, epoch, view, first, second)


def verify_evidence(evidence: Evidence, chain_id: bytes) -> EvidenceKind:
    """Check both signatures, and that the two messages exclude each other.

    Raises:
        ProofError: ``no-contradiction`` when an honest validator may sign both, or their order is not the one order.
        SignatureError: the key is of a kind on which verifiers disagree, or did not sign one of them.
    """
    first, second = evidence.first, evidence.second
    kind = _KINDS.get((first.step, second.step))
    if kind is None or (first.step, first.block_hash) >= (second.step, second.block_hash):
        raise ProofError("no-contradiction", "an honest validator may sign both messages")
    if first.step == VoteKind.NULLIFY and first.block_hash != ZERO32:
        raise ProofError("no-contradiction", "a nullify names no block")
    keys.check_public_key(evidence.key)
    for said in (first, second):
        purpose, message = _signed_bytes(evidence, said)
        keys.verify(evidence.key, said.signature, purpose, chain_id, message)
    return kind


def _signed_bytes(evidence: Evidence, said: Said) -> tuple[keys.Purpose, bytes]:
    if said.step == PROPOSE:
        return keys.Purpose.PROPOSAL, proposal_signing_bytes(evidence.epoch, evidence.view, said.block_hash)
    statement = Statement(evidence.epoch, VoteKind(said.step), evidence.view, said.block_hash)
    return keys.Purpose.VOTE, statement.signing_bytes()


class EvidenceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Evidence as JSON for whoever is no member.

    Attributes:
        chain_id: hex.
        organisation: whose key it is, as the chain recorded; not covered by the signatures.
        evidence: the encoding of ``Evidence`` in base64url without padding.
    """

    format: int
    chain_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    organisation: Annotated[str, msgspec.Meta(max_length=128)]
    evidence: Annotated[str, msgspec.Meta(max_length=1_024)]


def write_evidence_file(evidence: Evidence, organisation: str, chain_id: bytes) -> bytes:
    """The JSON of one piece of evidence."""
    file = EvidenceFile(EVIDENCE_FILE_FORMAT, chain_id.hex(), organisation, b64(encode(evidence)))
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def read_evidence_file(data: bytes) -> tuple[EvidenceFile, Evidence]:
    """A file and the evidence in it, not verified yet.

    Raises:
        DecodeError: not an evidence file of this format, or the evidence is not in its one spelling.
    """
    try:
        file = msgspec.json.decode(data, type=EvidenceFile)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DecodeError("evidence.file", f"not an evidence file: {error}") from error
    if file.format != EVIDENCE_FILE_FORMAT:
        raise DecodeError("evidence.format", f"format {file.format}; this software reads {EVIDENCE_FILE_FORMAT}")
    return file, decode(unb64(file.evidence), Evidence, size_max=1_024)
