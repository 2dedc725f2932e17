"""Events as bundles show them: the commitment recomputed, the capture's signatures checked."""

from __future__ import annotations

from dataclasses import dataclass

from tallystick import keys
from tallystick.epcis import read_canonical
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.hashing import TAG_EVENT_PUBLIC, tagged
from tallystick.limits import EVENT_PART_SIZE_MAX
from tallystick.merkle import leaf_hash, root_from_path
from tallystick.proofs.anchor import read, read_bytes
from tallystick.proofs.bundle import EventShown, SignedShown
from tallystick.proofs.codes import ProofCode
from tallystick.transactions import ContentKind, Head, commitment_of_slots, transaction_id


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


def read_event(
    shown: EventShown, signed: list[SignedShown], chain_id: bytes, checked: set[int] | None = None
) -> ShownEvent:
    """Recompute an event's commitment and, where the signer is shown, check the capture that holds it.

    Args:
        checked: places in ``signed`` whose signatures were found good before; this one is added.
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
    if not 0 <= shown.signed < len(signed):
        raise ProofError(ProofCode.UNREADABLE, "an event names a capture that is not shown")
    capture = signed[shown.signed]
    head_bytes = read_bytes(capture.head)
    head = read(capture.head, Head, 1_024)
    if head.chain_id != chain_id:
        raise ProofError(ProofCode.WRONG_CHAIN, "an event was signed for another chain")
    steps = [bytes.fromhex(step) for step in shown.path]
    if head.kind is not ContentKind.EVENTS:
        raise ProofError(ProofCode.EVENT_ALTERED, "the signed head is not a capture")
    if root_from_path(leaf_hash(commitment), shown.index, head.event_count, steps) != head.digest:
        raise ProofError(ProofCode.EVENT_ALTERED, "an event is not in the capture that is said to hold it")
    if checked is None or shown.signed not in checked:
        _verify_head(head, head_bytes, capture)
        if checked is not None:
            checked.add(shown.signed)
    return ShownEvent(commitment, public, head.signers, transaction_id(head_bytes))


def _verify_head(head: Head, head_bytes: bytes, capture: SignedShown) -> None:
    if len(capture.signatures) != len(head.signers):
        raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, "a capture lacks a signature or has one too many")
    id_ = transaction_id(head_bytes)
    for key, signature in zip(head.signers, capture.signatures, strict=True):
        try:
            keys.check_public_key(key)
            keys.verify(key, read_bytes(signature), keys.Purpose.TRANSACTION, head.chain_id, id_)
        except SignatureError as error:
            raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, str(error)) from error
