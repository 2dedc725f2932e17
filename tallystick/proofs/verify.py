"""Verifying bundles: from JSON bytes and a verifier's trust to something that may be shown as proven.

Every function raises ``ProofError`` with a code of ``ProofCode``; none returns a bool.
Specification: docs/spec/proofs.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.blocks import HistoryLeaf
from tallystick.errors import ProofError
from tallystick.merkle import leaf_hash, root_from_path
from tallystick.proofs.anchor import Anchor, Trust, verify_anchor
from tallystick.proofs.bundle import (
    BlockBundle,
    Bundle,
    EventBundle,
    EvidenceBundle,
    ItemBundle,
    ReceiptBundle,
    ReceivableBundle,
    RecordBundle,
    read_bundle,
)
from tallystick.proofs.chain import VerifiedBlock, VerifiedReceipt, verify_block, verify_receipt
from tallystick.proofs.closure import INPUT_DEPTH, Closure, NotShown, walk
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.events import ShownEvent
from tallystick.proofs.evidence import VerifiedEvidence, verify_evidence_bundle
from tallystick.proofs.heights import ANY_HEIGHT, state_root_of, verify_as_of
from tallystick.proofs.messages import read_message
from tallystick.proofs.receivable import VerifiedReceivable, verify_receivable
from tallystick.proofs.shown import ShownState
from tallystick.proofs.signers import Signer, signer_of
from tallystick.records.goods import Correction, HistoryEntry, HistoryKind, ItemPublic, correction_key, item_key
from tallystick.records.members import Key
from tallystick.records.reading import public_of


@dataclass(frozen=True, slots=True)
class VerifiedItem:
    """A closure under a certified header.

    Attributes:
        verdict: ``proven``, ``partly`` (see ``closure.missing``), ``stated`` or ``unknown-item``.
        closure: records and histories, each checked.
        events: by commitment; every entry of the closure's histories whose event is shown.
        signers: by commitment, where shown; of an event that several recorded, one of them.
        as_of: the earlier height that is shown; None: the one that the anchor certifies.
    """

    verdict: ProofCode
    anchor: Anchor
    closure: Closure
    events: dict[bytes, ShownEvent]
    signers: dict[bytes, Signer]
    as_of: HistoryLeaf | None = None


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """One event in the history of one item, with the correction record that it has, or None."""

    anchor: Anchor
    item: ItemPublic
    entry: HistoryEntry
    event: ShownEvent
    correction: Correction | None
    signer: Signer | None
    as_of: HistoryLeaf | None = None


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """One record's public half, or None where the state shows that there is no such record."""

    anchor: Anchor
    key: bytes
    public: bytes | None
    as_of: HistoryLeaf | None = None


Verified = (
    VerifiedItem
    | VerifiedEvent
    | VerifiedRecord
    | VerifiedBlock
    | VerifiedReceipt
    | VerifiedReceivable
    | VerifiedEvidence
)
_NamedInside = VerifiedBlock | VerifiedReceipt | VerifiedEvidence  # what they are about says only what was verified


def verify_bundle(data: bytes, trust: Trust, *, subject: str | None = None, at: int | None = None) -> Verified:
    """Verify a bundle of any kind.

    Args:
        subject: what the reader asked for, as the bundle spells it: identifier, record key, height, transaction id,
            obligation, key of the record of evidence. When given, a bundle about anything else is refused, and one
            that shows another height.
        at: height of the state that the reader asked for; None: the newest.
    Raises:
        ProofError: with the code that says why it does not hold.
    """
    bundle: Bundle = read_bundle(data)
    about = _named(bundle)
    if about is not None and subject is not None and about != subject:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {about}, asked for {subject}")
    verified = _verify(bundle, trust, ANY_HEIGHT if subject is None and at is None else at)
    if isinstance(verified, _NamedInside) and subject not in (None, _about(verified)):
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {_about(verified)}, asked for {subject}")
    return verified


def _named(bundle: Bundle) -> str | None:
    """What a bundle says of itself that it is about; None for the kinds whose verified contents say it."""
    match bundle:
        case ItemBundle() | EventBundle():
            return bundle.subject
        case RecordBundle():
            return bundle.key.hex()
        case ReceivableBundle():
            return bundle.obligation.hex()
    return None


def _about(verified: _NamedInside) -> str:
    """What only the verified contents of a bundle say that it is about."""
    match verified:
        case VerifiedBlock():
            return str(verified.leaf.height)
        case VerifiedReceipt():
            return verified.receipt.subject.hex()
        case VerifiedEvidence():
            return verified.key.hex()


def _verify(bundle: Bundle, trust: Trust, at: int | None) -> Verified:
    match bundle:
        case ItemBundle():
            return verify_item(bundle, trust, at=at)
        case EventBundle():
            return verify_event(bundle, trust, at=at)
        case RecordBundle():
            return verify_record(bundle, trust, at=at)
        case BlockBundle():
            return verify_block(bundle, trust)
        case ReceiptBundle():
            return verify_receipt(bundle, trust)
        case ReceivableBundle():
            return verify_receivable(bundle, trust, at=at)
        case EvidenceBundle():
            return verify_evidence_bundle(bundle, trust, at=at)


def verify_item(bundle: ItemBundle, trust: Trust, *, subject: str | None = None, at: int | None = None) -> VerifiedItem:
    """Verify a closure.

    Args:
        subject: the identifier that the reader asked for; when given, a bundle about another is refused.
        at: height of the state that the reader asked for; None: the newest. Another one is refused.
    """
    if subject is not None and bundle.subject != subject:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {bundle.subject}, asked for {subject}")
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_as_of(bundle.as_of, anchor, at)
    shown = ShownState(
        anchor,
        bundle.state,
        bundle.records,
        histories=bundle.histories,
        events=bundle.events,
        signed=bundle.signed,
        named=bundle.hashes,
        state_root=state_root_of(leaf),
    )
    closure = walk(bundle.subject, shown, INPUT_DEPTH)
    signers: dict[bytes, Signer] = {}
    entries = entries_of(closure)
    recorded = {entry.recorded for entry in entries}
    known: dict[bytes, Key | None] = {}
    for entry in entries:
        event = shown.events.get(entry.commitment)
        signer = signer_of(event, entry, shown, recorded, known) if event is not None else None
        if signer is not None:
            signers[entry.commitment] = signer
    return VerifiedItem(_verdict(closure), anchor, closure, shown.events, signers, leaf)


def verify_event(bundle: EventBundle, trust: Trust, *, at: int | None = None) -> VerifiedEvent:
    """Verify one event's place in one item's history, and whether it was declared erroneous.

    An event that is only shown inside a signed capture is ``refused``: being in a block proves nothing.
    """
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_as_of(bundle.as_of, anchor, at)
    shown = ShownState(
        anchor,
        bundle.state,
        bundle.records,
        events=[bundle.event],
        signed=bundle.signed,
        named=bundle.hashes,
        state_root=state_root_of(leaf),
    )
    (event,) = shown.events.values()
    try:
        item = public_of(shown.public, item_key(bundle.subject), ItemPublic)
    except NotShown as error:
        raise ProofError(ProofCode.NOT_SHOWN, "the record of the item is not shown") from error
    if bundle.entry is None or item is None:
        raise ProofError(ProofCode.REFUSED, "the event is not in the history of the item")
    encoded = shown.known.whole(bundle.entry)
    entry = read_message(encoded, HistoryEntry, 256)
    if entry.commitment != event.commitment:
        raise ProofError(ProofCode.EVENT_ALTERED, "the entry is for another event")
    if root_from_path(leaf_hash(encoded), bundle.index, item.history.count, bundle.path) != item.history.root():
        raise ProofError(ProofCode.HISTORY_ALTERED, "the entry is not in the history of the item")
    try:
        key = correction_key(entry.organisation, event.commitment)
        correction = public_of(shown.public, key, Correction)
    except NotShown as error:
        raise ProofError(ProofCode.CORRECTION_HIDDEN, "neither a correction nor the absence of one is shown") from error
    return VerifiedEvent(anchor, item, entry, event, correction, signer_of(event, entry, shown), leaf)


def verify_record(bundle: RecordBundle, trust: Trust, *, at: int | None = None) -> VerifiedRecord:
    """Verify a record or its absence."""
    anchor = verify_anchor(bundle.anchor, trust)
    records = [bundle.record] if bundle.record is not None else []
    leaf = verify_as_of(bundle.as_of, anchor, at)
    shown = ShownState(anchor, bundle.state, records, named=(bundle.key,), state_root=state_root_of(leaf))
    try:
        return VerifiedRecord(anchor, bundle.key, shown.public(bundle.key), leaf)
    except NotShown as error:
        raise ProofError(ProofCode.NOT_SHOWN, "neither the record nor its absence is shown") from error


def entries_of(closure: Closure) -> list[HistoryEntry]:
    """All entries of a closure that stand for events."""
    entries = [entry for part in closure.parts.values() for entry in part.entries]
    entries += [entry for session in closure.sessions.values() for entry in session.entries]
    entries += closure.statements
    return [entry for entry in entries if entry.kind is not HistoryKind.RECALL]


def _verdict(closure: Closure) -> ProofCode:
    if closure.missing:
        return ProofCode.PARTLY
    part = closure.parts.get(closure.subject)
    if part is not None and part.item is not None:
        return ProofCode.PROVEN
    return ProofCode.STATED if closure.statements else ProofCode.UNKNOWN
