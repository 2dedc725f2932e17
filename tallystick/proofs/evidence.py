"""Evidence: a validator signed two statements of one view that exclude each other.

The two signatures convict a key (``tallystick.evidence``). This kind of bundle shows more: that the key was a
validator's in that epoch of this chain, whose, and what the ledger recorded of it.
Specification: docs/spec/proofs.md, section 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from msgspec import structs

from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.evidence import Evidence, EvidenceKind, verify_evidence
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.proofs.anchor import Anchor, Trust, verify_anchor
from tallystick.proofs.build import CertifiedState, build_record
from tallystick.proofs.bundle import FORMAT, EvidenceBundle, HeightShown, SeatsShown
from tallystick.proofs.chain import CertifiedHistory, show_height
from tallystick.proofs.closure import NotShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.heights import state_root_of, verify_as_of, verify_height
from tallystick.proofs.messages import read_message
from tallystick.proofs.shown import ShownState
from tallystick.records.membership import EvidenceRecord, evidence_key
from tallystick.validators import ValidatorSet

_EVIDENCE_SIZE_MAX = 1_024
_HEADER_SIZE_MAX = 1_024
_VALIDATORS_SIZE_MAX = 16_384


@dataclass(frozen=True, slots=True)
class VerifiedEvidence:
    """A contradiction of one validator.

    Attributes:
        key: of the record that the ledger keeps of it.
        organisation: whose seat it was in that epoch.
        recorded: what the ledger recorded under ``key``; None: nothing, and that is proven. The first report stays, so
            its two statements may be others of the same validator, epoch, view and kind.
        as_of: the earlier height whose state is shown; None: the one that the anchor certifies.
    """

    anchor: Anchor
    evidence: Evidence
    kind: EvidenceKind
    key: bytes
    organisation: str
    recorded: EvidenceRecord | None
    as_of: HistoryLeaf | None = None


# --- verifying --------------------------------------------------------------------------------------------


def verify_evidence_bundle(
    bundle: EvidenceBundle, trust: Trust, *, key: bytes | None = None, at: int | None = None
) -> VerifiedEvidence:
    """Verify two statements, that their signer was a validator of that epoch, and what was recorded of it.

    Args:
        key: of the record that the reader asked for; when given, evidence of anything else is refused.
        at: height of the state that the reader asked for; None: the newest. Another one is refused.
    Raises:
        ProofError: ``no-contradiction``, ``bad-vote-signature``, ``unknown-validators``, ``block-altered``,
            ``not-in-history``, ``not-shown``, or as ``verify_record``.
    """
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_as_of(bundle.as_of, anchor, at)
    evidence = read_message(bundle.evidence, Evidence, _EVIDENCE_SIZE_MAX)
    organisation = _seat_of(evidence, _seats(bundle.seats, anchor, evidence.epoch))
    try:
        kind = verify_evidence(evidence, trust.chain_id)
    except SignatureError as error:
        raise ProofError(ProofCode.BAD_VOTE_SIGNATURE, f"the validator did not sign both: {error}") from error
    key_ = evidence_key(evidence.key, evidence.epoch, evidence.view, kind)
    recorded = _recorded(bundle, anchor, leaf, key_)
    if key is not None and key_ != key:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {key_.hex()}, asked for {key.hex()}")
    return VerifiedEvidence(anchor, evidence, kind, key_, organisation, recorded, leaf)


def _seats(shown: SeatsShown | None, anchor: Anchor, epoch: int) -> ValidatorSet:
    """The validators of an epoch: the anchor's, or those whom a block of the epoch names, under the history root."""
    if shown is None:
        if anchor.header.epoch != epoch:
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"it is not shown who sat in epoch {epoch}")
        return anchor.validators
    leaf = verify_height(shown.block, anchor)
    header = read_message(shown.header, Header, _HEADER_SIZE_MAX)
    validators = read_message(shown.validators, ValidatorSet, _VALIDATORS_SIZE_MAX)
    if header.block_hash() != leaf.block_hash:
        raise ProofError(ProofCode.BLOCK_ALTERED, f"the header shown is not that of the block of height {leaf.height}")
    if header.epoch != epoch or header.validators_hash != validators.digest():
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"the validators shown are not those of epoch {epoch}")
    return validators


def _seat_of(evidence: Evidence, validators: ValidatorSet) -> str:
    for member in validators.members:
        if member.key == evidence.key:
            return member.organisation
    raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"the key was no validator's in epoch {evidence.epoch}")


def _recorded(bundle: EvidenceBundle, anchor: Anchor, leaf: HistoryLeaf | None, key: bytes) -> EvidenceRecord | None:
    records = [bundle.record] if bundle.record is not None else []
    shown = ShownState(anchor, bundle.state, records, state_root=state_root_of(leaf))
    try:
        public = shown.public(key)
    except NotShown as error:
        raise ProofError(ProofCode.NOT_SHOWN, "neither a record of it nor the absence of one is shown") from error
    if public is None:
        return None
    try:
        return decode(public, EvidenceRecord, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, "the record is not one of evidence") from error


# --- making -----------------------------------------------------------------------------------------------


class CertifiedSeats(CertifiedState, CertifiedHistory, Protocol):
    """A certified state and its history, with the validators of every epoch."""

    def header_of_epoch(self, epoch: int) -> tuple[Header, ValidatorSet] | None:
        """An executed header of an earlier epoch than the anchor's and the set that it names; None: the anchor's own.

        Raises:
            UnavailableError: no header of that epoch is executed and certified yet.
        """


def build_evidence(evidence: Evidence, state: CertifiedSeats, as_of: HeightShown | None = None) -> EvidenceBundle:
    """The bundle of a contradiction, whether the ledger recorded it or not.

    Args:
        as_of: the height of ``state``, where that is earlier than the one which its anchor certifies.
    Raises:
        ProofError: ``no-contradiction``.
        SignatureError: the key did not sign both statements.
        UnavailableError: as ``CertifiedSeats.header_of_epoch``.
    """
    anchor = state.anchor()
    kind = verify_evidence(evidence, anchor.chain_id)
    key = evidence_key(evidence.key, evidence.epoch, evidence.view, kind)
    record = build_record(key, state)
    recorded = None if record.record is None else structs.replace(record.record, key=key)  # which nothing names here
    seats = state.header_of_epoch(evidence.epoch)
    return EvidenceBundle(
        format=FORMAT,
        anchor=anchor,
        evidence=encode(evidence),
        state=record.state,
        record=recorded,
        seats=None if seats is None else _show_seats(*seats, state),
        as_of=as_of,
    )


def _show_seats(header: Header, validators: ValidatorSet, history: CertifiedHistory) -> SeatsShown:
    return SeatsShown(show_height(history, header.height), encode(header), encode(validators))
