"""Events as bundles show them: the commitment recomputed, the capture's signatures checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tallystick import keys
from tallystick.encoding import ZERO32
from tallystick.epcis import read_canonical
from tallystick.errors import DecodeError, ProofError, SignatureError
from tallystick.limits import EVENT_PART_SIZE_MAX
from tallystick.merkle import leaf_hash, root_from_shared_path
from tallystick.proofs.bundle import EventShown, SignedShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.messages import read_message
from tallystick.proofs.pieces import DIGEST, Known
from tallystick.transactions import ContentKind, Head, transaction_id

_HEAD_SIZE_MAX = 1_024


class ShownEvent(NamedTuple):
    """An event whose public bytes give its commitment.

    Attributes:
        public: canonical JSON bytes.
        signers: public keys that signed the capture, or empty when the signer is not shown.
    """

    commitment: bytes
    public: bytes
    signers: tuple[bytes, ...]


class _Capture(NamedTuple):
    """A signed head of this chain that is one of events, and the leaves of the events that are shown of it.

    Attributes:
        begin: the head's bytes up to its digest, where that is left out; else empty.
    """

    head: Head
    head_bytes: bytes
    begin: bytes
    shown: SignedShown
    leaves: dict[int, bytes]


def read_events(
    events: Sequence[EventShown], commitments: Sequence[bytes], signed: Sequence[SignedShown], known: Known
) -> list[ShownEvent]:
    """Check that events are JSON in its one spelling and, where signers are shown, the captures that hold them.

    A capture is read once and its signatures are checked once, for all its events.

    Args:
        commitments: of the events.
    Raises:
        ProofError: ``unreadable``, ``event-altered``, ``not-in-tree``, ``bad-event-signature`` or ``wrong-chain``.
    """
    captures: dict[int, _Capture] = {}
    read = []
    for shown, commitment in zip(events, commitments, strict=True):
        try:
            read_canonical(shown.public, size_max=EVENT_PART_SIZE_MAX)
        except DecodeError as error:
            raise ProofError(ProofCode.EVENT_ALTERED, f"an event is not canonical JSON: {error}") from error
        signers = _place(shown, commitment, signed, known, captures) if shown.signed is not None else ()
        read.append(ShownEvent(commitment, shown.public, signers))
    for capture in captures.values():
        _check_capture(capture)
    return read


def _place(
    shown: EventShown, commitment: bytes, signed: Sequence[SignedShown], known: Known, captures: dict[int, _Capture]
) -> tuple[bytes, ...]:
    """Put the leaf of an event in its place of its capture; who signed that."""
    assert shown.signed is not None
    if shown.signed not in captures:
        captures[shown.signed] = _read_capture(shown.signed, signed, known)
    capture = captures[shown.signed]
    if shown.index in capture.leaves:
        raise ProofError(ProofCode.NOT_IN_TREE, "two events at one place of a capture")
    capture.leaves[shown.index] = leaf_hash(commitment)
    return capture.head.signers


def _read_capture(place: int, signed: Sequence[SignedShown], known: Known) -> _Capture:
    if not 0 <= place < len(signed):
        raise ProofError(ProofCode.UNREADABLE, "an event names a capture that is not shown")
    pieces, begin = signed[place].head, b""
    if isinstance(pieces, list) and pieces[-1:] == [DIGEST]:
        begin = known.whole(pieces[:-1])
    head_bytes = begin + ZERO32 if begin else known.whole(pieces)
    head = read_message(head_bytes, Head, _HEAD_SIZE_MAX)
    if head.chain_id != known.chain_id:
        raise ProofError(ProofCode.WRONG_CHAIN, "an event was signed for another chain")
    if head.kind is not ContentKind.EVENTS:
        raise ProofError(ProofCode.EVENT_ALTERED, "the signed head is not a capture")
    return _Capture(head, head_bytes, begin, signed[place], {})


def _check_capture(capture: _Capture) -> None:
    """The events shown are those of the head, and its signers signed it."""
    head, shown = capture.head, capture.shown
    root = root_from_shared_path(capture.leaves, head.event_count, shown.path)
    if not capture.begin and root != head.digest:
        raise ProofError(ProofCode.EVENT_ALTERED, "events are not in the capture that is said to hold them")
    if len(shown.signatures) != len(head.signers):
        raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, "a capture lacks a signature or has one too many")
    transaction = transaction_id(capture.begin + root if capture.begin else capture.head_bytes)
    for key, signature in zip(head.signers, shown.signatures, strict=True):
        try:
            keys.check_public_key(key)
            keys.verify(key, signature, keys.Purpose.TRANSACTION, head.chain_id, transaction)
        except SignatureError as error:
            # Of a digest that is left out the signature alone says whether it is that of these events.
            code = ProofCode.EVENT_ALTERED if capture.begin else ProofCode.BAD_EVENT_SIGNATURE
            raise ProofError(code, str(error)) from error
