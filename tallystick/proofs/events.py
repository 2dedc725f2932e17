"""Events as bundles show them: the commitment recomputed, the capture's signatures checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tallystick import keys
from tallystick.epcis import read_canonical
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.hashing import TAG_EVENT_PUBLIC, tagged
from tallystick.limits import EVENT_PART_SIZE_MAX
from tallystick.merkle import leaf_hash, root_from_shared_path
from tallystick.proofs.anchor import read_bytes, read_message
from tallystick.proofs.bundle import EventShown, HistoryShown, SignedShown
from tallystick.proofs.codes import ProofCode
from tallystick.records.goods import ENTRY_HEAD
from tallystick.transactions import ContentKind, Head, commitment_of_slots, transaction_id

_HEAD_SIZE_MAX = 1_024


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event whose public bytes give its commitment.

    Attributes:
        public: canonical JSON bytes.
        signers: public keys that signed the capture, or empty when the signer is not shown.
        transaction: id of the capture, or empty.
    """

    commitment: bytes
    public: bytes
    signers: tuple[bytes, ...]
    transaction: bytes


class _Capture(NamedTuple):
    """A signed head of this chain that is one of events, and the leaves of the events that are shown of it."""

    head: Head
    transaction: bytes
    shown: SignedShown
    leaves: dict[int, bytes]


def read_events(events: list[EventShown], signed: list[SignedShown], chain_id: bytes) -> list[ShownEvent]:
    """Recompute the events' commitments and, where signers are shown, check the captures that hold them.

    A capture is read once and its signatures are checked once, for all its events.

    Raises:
        ProofError: ``unreadable``, ``event-altered``, ``not-in-tree``, ``bad-event-signature`` or ``wrong-chain``.
    """
    captures: dict[int, _Capture] = {}
    read = [_read_event(shown, signed, chain_id, captures) for shown in events]
    for capture in captures.values():
        steps = [bytes.fromhex(step) for step in capture.shown.path]
        if root_from_shared_path(capture.leaves, capture.head.event_count, steps) != capture.head.digest:
            raise ProofError(ProofCode.EVENT_ALTERED, "events are not in the capture that is said to hold them")
        _check_signatures(capture)
    return read


def _read_event(
    shown: EventShown, signed: list[SignedShown], chain_id: bytes, captures: dict[int, _Capture]
) -> ShownEvent:
    public = read_bytes(shown.public)
    try:
        read_canonical(public, size_max=EVENT_PART_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.EVENT_ALTERED, f"an event is not canonical JSON: {error}") from error
    commitment = commitment_shown(shown, public)
    if shown.signed is None:
        return ShownEvent(commitment, public, (), b"")
    if shown.signed not in captures:
        captures[shown.signed] = _read_capture(shown.signed, signed, chain_id)
    capture = captures[shown.signed]
    if shown.index in capture.leaves:
        raise ProofError(ProofCode.NOT_IN_TREE, "two events at one place of a capture")
    capture.leaves[shown.index] = leaf_hash(commitment)
    return ShownEvent(commitment, public, capture.head.signers, capture.transaction)


def commitment_shown(shown: EventShown, public: bytes) -> bytes:
    """The commitment of an event with these public bytes."""
    slot = tagged(TAG_EVENT_PUBLIC, public)
    return commitment_of_slots(slot, bytes.fromhex(shown.members), bytes.fromhex(shown.sealed))


def whole_entries(history: HistoryShown, commitments: list[bytes]) -> list[bytes]:
    """The encoded entries of a history, with the commitments that were left out of those whose events are shown.

    Args:
        commitments: of the bundle's events, in order.
    Raises:
        ProofError: ``unreadable``.
    """
    entries = [read_bytes(text) for text in history.entries]
    events = history.events
    if not events:
        return entries
    if len(events) != len(entries) or not -1 <= min(events) <= max(events) < len(commitments):
        raise ProofError(ProofCode.UNREADABLE, "entries name events that are not shown")
    pairs = zip(events, entries, strict=True)
    return [entry if event < 0 else ENTRY_HEAD + commitments[event] + entry for event, entry in pairs]


def _read_capture(place: int, signed: list[SignedShown], chain_id: bytes) -> _Capture:
    if not 0 <= place < len(signed):
        raise ProofError(ProofCode.UNREADABLE, "an event names a capture that is not shown")
    head_bytes = read_bytes(signed[place].head)
    head = read_message(head_bytes, Head, _HEAD_SIZE_MAX)
    if head.chain_id != chain_id:
        raise ProofError(ProofCode.WRONG_CHAIN, "an event was signed for another chain")
    if head.kind is not ContentKind.EVENTS:
        raise ProofError(ProofCode.EVENT_ALTERED, "the signed head is not a capture")
    return _Capture(head, transaction_id(head_bytes), signed[place], {})


def _check_signatures(capture: _Capture) -> None:
    head = capture.head
    if len(capture.shown.signatures) != len(head.signers):
        raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, "a capture lacks a signature or has one too many")
    for key, signature in zip(head.signers, capture.shown.signatures, strict=True):
        try:
            keys.check_public_key(key)
            keys.verify(key, read_bytes(signature), keys.Purpose.TRANSACTION, head.chain_id, capture.transaction)
        except SignatureError as error:
            raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, str(error)) from error
