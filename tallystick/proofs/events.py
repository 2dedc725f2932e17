"""Events as bundles show them: the commitment recomputed, the capture's signatures checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tallystick import keys
from tallystick.epcis import read_canonical
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.hashing import TAG_EVENT_PUBLIC, tagged
from tallystick.limits import EVENT_PART_SIZE_MAX
from tallystick.merkle import leaf_hash, root_from_path
from tallystick.proofs.anchor import read_bytes, read_message
from tallystick.proofs.bundle import EventShown, SignedShown
from tallystick.proofs.codes import ProofCode
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
    """A signed head of this chain that is one of events; its signatures are checked when an event is in it."""

    head: Head
    transaction: bytes
    signatures: list[str]


class Captures:
    """The signed captures of a bundle, each read once and its signatures checked once, for all its events."""

    def __init__(self, signed: list[SignedShown], chain_id: bytes) -> None:
        self._signed = signed
        self._chain_id = chain_id
        self._read: dict[int, _Capture] = {}
        self._good: set[int] = set()

    def at(self, place: int) -> _Capture:
        """The capture at a place of the bundle's list.

        Raises:
            ProofError: ``unreadable``, ``event-altered`` or ``wrong-chain``.
        """
        known = self._read.get(place)
        if known is not None:
            return known
        if not 0 <= place < len(self._signed):
            raise ProofError(ProofCode.UNREADABLE, "an event names a capture that is not shown")
        shown = self._signed[place]
        head_bytes = read_bytes(shown.head)
        head = read_message(head_bytes, Head, _HEAD_SIZE_MAX)
        if head.chain_id != self._chain_id:
            raise ProofError(ProofCode.WRONG_CHAIN, "an event was signed for another chain")
        if head.kind is not ContentKind.EVENTS:
            raise ProofError(ProofCode.EVENT_ALTERED, "the signed head is not a capture")
        capture = self._read[place] = _Capture(head, transaction_id(head_bytes), shown.signatures)
        return capture

    def check_signatures(self, place: int) -> None:
        """Check the signatures of the capture at a place, unless they were found good before.

        Raises:
            ProofError: ``bad-event-signature``.
        """
        if place not in self._good:
            _check_signatures(self.at(place))
            self._good.add(place)


def read_event(shown: EventShown, captures: Captures) -> ShownEvent:
    """Recompute an event's commitment and, where the signer is shown, check the capture that holds it.

    Raises:
        ProofError: ``unreadable``, ``event-altered``, ``bad-event-signature`` or ``wrong-chain``.
    """
    public = read_bytes(shown.public)
    try:
        read_canonical(public, size_max=EVENT_PART_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.EVENT_ALTERED, f"an event is not canonical JSON: {error}") from error
    slot = tagged(TAG_EVENT_PUBLIC, public)
    commitment = commitment_of_slots(slot, bytes.fromhex(shown.members), bytes.fromhex(shown.sealed))
    if shown.signed is None:
        return ShownEvent(commitment, public, (), b"")
    capture = captures.at(shown.signed)
    head = capture.head
    steps = [bytes.fromhex(step) for step in shown.path]
    if root_from_path(leaf_hash(commitment), shown.index, head.event_count, steps) != head.digest:
        raise ProofError(ProofCode.EVENT_ALTERED, "an event is not in the capture that is said to hold it")
    captures.check_signatures(shown.signed)
    return ShownEvent(commitment, public, head.signers, capture.transaction)


def _check_signatures(capture: _Capture) -> None:
    head = capture.head
    if len(capture.signatures) != len(head.signers):
        raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, "a capture lacks a signature or has one too many")
    for key, signature in zip(head.signers, capture.signatures, strict=True):
        try:
            keys.check_public_key(key)
            keys.verify(key, read_bytes(signature), keys.Purpose.TRANSACTION, head.chain_id, capture.transaction)
        except SignatureError as error:
            raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, str(error)) from error
