"""The JSON format of proof bundles, version 1. Specification: docs/spec/proofs.md.

Byte strings are base64url without padding (``b64``), hashes and record keys lower-case hex.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tallystick.errors import ProofError
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.spelling import B64, Hex, Hex32, check_spelling

FORMAT = 1
ZEROS = "00" * 32  # of what has no members' half, no members' or no sealed part; left out
BUNDLE_SIZE_MAX = 4 * 1_048_576  # bytes; a container with a thousand events is below half of it


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the JSON shapes: unknown members are refused."""


class EpochShown(Shape, frozen=True, omit_defaults=True):
    """An epoch's end: who voted, what they signed, who votes from then on.

    Attributes:
        validators, next_validators: the sets of this epoch and of the next.
        boundary: header of the last block of the epoch.
        finalisation: names the boundary block or, where given, ``closing``.
    """

    validators: B64
    boundary: B64
    finalisation: B64
    next_validators: B64
    closing: B64 | None = None


class AnchorShown(Shape, frozen=True, omit_defaults=True):
    """A header under a quorum's signatures.

    Attributes:
        header: the header whose executed tuple everything else hangs on.
        descendants: headers from its child up to the block that ``finalisation`` names; empty when it names itself.
        finalisation: a certificate of kind FINALIZE.
        validators: the set that signed it.
        epochs: ends of earlier epochs, ascending, for a verifier that pinned one of those.
    """

    chain_id: Hex32
    header: B64
    descendants: list[B64]
    finalisation: B64
    validators: B64
    epochs: list[EpochShown] = []


class RecordShown(Shape, frozen=True, omit_defaults=True):
    """A record's public half, and the hash of its members' half (zeros: none)."""

    key: Hex
    public: B64
    members_hash: Hex32 = ZEROS


class HistoryShown(Shape, frozen=True, omit_defaults=True):
    """All entries of one record's history, first to last.

    Attributes:
        events: for each entry the index into the bundle's ``events`` of its event, whose commitment is left out of the
            entry; -1 for an entry that is whole. Empty: all are.
    """

    owner: Hex
    entries: list[B64]
    events: list[int] = []


class SignedShown(Shape, frozen=True, omit_defaults=True):
    """A signed head, shared by the events of one capture.

    Attributes:
        path: what leads from the commitments of all its events that are shown to the head's digest.
    """

    head: B64
    signatures: list[B64]
    path: list[Hex32] = []


class EventShown(Shape, frozen=True, omit_defaults=True):
    """An event's public part and the hashes of its other slots.

    Attributes:
        signed: index into the bundle's ``signed`` list, or None when the signer is not shown.
        index: place of the event in its capture.
    """

    public: B64
    members: Hex32 = ZEROS
    sealed: Hex32 = ZEROS
    signed: int | None = None
    index: int = 0


class HeightShown(Shape, frozen=True):
    """An executed height under the history root of an anchor.

    Attributes:
        leaf: the height's ``HistoryLeaf``; its place in the history tree is its height.
        path: audit path from it to the history root.
    """

    leaf: B64
    path: list[Hex32]


class ItemBundle(Shape, frozen=True, tag_field="kind", tag="item", omit_defaults=True):
    """Everything about one identifier: its closure.

    Attributes:
        as_of: the earlier height whose state is shown; without it, the one that the anchor's header certifies.
    """

    format: int
    subject: str
    anchor: AnchorShown
    state: B64
    records: list[RecordShown]
    histories: list[HistoryShown]
    events: list[EventShown]
    signed: list[SignedShown]
    as_of: HeightShown | None = None


class EventBundle(Shape, frozen=True, tag_field="kind", tag="event", omit_defaults=True):
    """One event in the history of one item.

    Attributes:
        entry: the history entry; absent when the event is shown by its capture alone, which proves nothing.
        index: place of the entry in the history.
        path: audit path from the entry to the history's root.
    """

    format: int
    subject: str
    anchor: AnchorShown
    state: B64
    records: list[RecordShown]
    event: EventShown
    signed: list[SignedShown]
    entry: B64 | None = None
    index: int = 0
    path: list[Hex32] = []
    as_of: HeightShown | None = None


class RecordBundle(Shape, frozen=True, tag_field="kind", tag="record", omit_defaults=True):
    """One record, or its absence."""

    format: int
    key: Hex
    anchor: AnchorShown
    state: B64
    record: RecordShown | None = None
    as_of: HeightShown | None = None


class BlockBundle(Shape, frozen=True, tag_field="kind", tag="block", omit_defaults=True):
    """A block of an executed height belongs to the chain.

    Attributes:
        header: the block's own header, where it is shown; genesis has none.
    """

    format: int
    anchor: AnchorShown
    block: HeightShown
    header: B64 | None = None


class ReceiptBundle(Shape, frozen=True, tag_field="kind", tag="receipt"):
    """What became of one transaction: its receipt, under the receipts root of its height.

    Attributes:
        index: place of the receipt among those of the height.
        path: audit path from the receipt to the height's receipts root.
    """

    format: int
    anchor: AnchorShown
    block: HeightShown
    receipt: B64
    index: int
    path: list[Hex32]


class HalvesShown(Shape, frozen=True, omit_defaults=True):
    """A record with both halves, for who may see the members' one; ``salt`` and ``members`` are empty without one."""

    key: Hex
    public: B64
    salt: B64 = ""
    members: B64 = ""


class ReceivableBundle(Shape, frozen=True, tag_field="kind", tag="receivable", omit_defaults=True):
    """An obligation with its tag, all its slices, and every lien on them or the absence of one.

    Attributes:
        obligation: its id.
        records: with both halves; for members that were granted to see them.
        as_of: as that of an item.
    """

    format: int
    obligation: Hex32
    anchor: AnchorShown
    state: B64
    records: list[HalvesShown]
    as_of: HeightShown | None = None


class SeatsShown(Shape, frozen=True):
    """Who sat in an earlier epoch than the anchor's: the header of a block of that epoch, and the set that it names."""

    block: HeightShown
    header: B64
    validators: B64


class EvidenceBundle(Shape, frozen=True, tag_field="kind", tag="evidence", omit_defaults=True):
    """A validator's two statements that exclude each other, and what the ledger recorded of them.

    Attributes:
        evidence: the two signed statements.
        seats: the validators of the evidence's epoch; absent when it is the epoch of the anchor's header.
        record: what the ledger recorded; absent when the state shows that it recorded nothing.
        as_of: as that of an item.
    """

    format: int
    anchor: AnchorShown
    evidence: B64
    state: B64
    record: RecordShown | None = None
    seats: SeatsShown | None = None
    as_of: HeightShown | None = None


Bundle: TypeAlias = (
    ItemBundle | EventBundle | RecordBundle | BlockBundle | ReceiptBundle | ReceivableBundle | EvidenceBundle
)

_decoder = msgspec.json.Decoder(Bundle)
_encoder = msgspec.json.Encoder()


def read_bundle(data: bytes) -> Bundle:
    """A bundle from its JSON bytes.

    Raises:
        ProofError: ``unreadable``.
    """
    if len(data) > BUNDLE_SIZE_MAX:
        raise ProofError(ProofCode.UNREADABLE, f"{len(data)} bytes; a bundle has at most {BUNDLE_SIZE_MAX}")
    try:
        bundle: Bundle = _decoder.decode(data)
        check_spelling(bundle)
    except Exception as error:  # msgspec raises several types; hostile input may reach any of them
        raise ProofError(ProofCode.UNREADABLE, f"not a proof bundle: {error}") from error
    if bundle.format != FORMAT:
        raise ProofError(ProofCode.UNREADABLE, f"format {bundle.format}; this verifier reads {FORMAT}")
    return bundle


def hash_text(hash_: bytes) -> str:
    """A hash as bundles spell it; that of what is not there is the one text that is left out."""
    text = hash_.hex()
    return ZEROS if text == ZEROS else text


def write_bundle(bundle: Bundle) -> bytes:
    """The JSON bytes of a bundle."""
    return _encoder.encode(bundle)
