"""The JSON format of proof bundles, version 1. Specification: docs/spec/proofs.md.

Byte strings are base64 with padding (RFC 4648, section 4), as JSON libraries read and write them. Some may stand in
pieces, where a number names a hash that follows from other parts of the bundle (``tallystick.proofs.pieces``).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, TypeAlias

import msgspec

from tallystick.encoding import ZERO32, Hash
from tallystick.errors import ProofError
from tallystick.proofs.codes import ProofCode

FORMAT = 1
BUNDLE_SIZE_MAX = 4 * 1_048_576  # bytes; a container with a thousand events is below half of it


class Shape(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of the JSON shapes: unknown members are refused."""


# Bytes, whole or in pieces: a number stands for the bytes that it names.
Pieces: TypeAlias = bytes | Annotated[list[bytes | int], msgspec.Meta(max_length=1_024)]


class EpochShown(Shape, frozen=True, omit_defaults=True):
    """An epoch's end: what its validators signed, and who votes from then on.

    Attributes:
        boundary: header of the last block of the epoch.
        finalisation: names the boundary block or, where given, ``closing``.
        next_validators: the set of the next epoch.
    """

    boundary: Pieces
    finalisation: Pieces
    next_validators: Pieces
    closing: Pieces | None = None


class AnchorShown(Shape, frozen=True, omit_defaults=True):
    """A header under a quorum's signatures.

    Attributes:
        header: the header whose executed tuple everything else hangs on.
        finalisation: a certificate of kind FINALIZE.
        validators: the set of the first epoch shown: that of the first of ``epochs``, or else the header's own. Every
            later one is the ``next_validators`` of the end before it, so each set is there once.
        descendants: headers from its child up to the block that ``finalisation`` names; empty when it names itself.
        epochs: ends of earlier epochs, ascending, for a verifier that pinned one of those.
    """

    chain_id: Hash
    header: Pieces
    finalisation: Pieces
    validators: Pieces
    descendants: list[Pieces] = []
    epochs: list[EpochShown] = []


class RecordShown(Shape, frozen=True, omit_defaults=True):
    """A record's public half, and the hash of its members' half (zeros: none)."""

    key: Pieces
    public: Pieces
    members_hash: Hash = ZERO32


class HistoryShown(Shape, frozen=True):
    """All entries of one record's history, first to last."""

    owner: Pieces
    entries: list[Pieces]


class SignedShown(Shape, frozen=True, omit_defaults=True):
    """A signed head, shared by the events of one capture.

    Attributes:
        head: with -1 as its last piece, its digest is the root to which ``path`` leads.
        path: what leads from the commitments of all its events that are shown to the head's digest.
    """

    head: Pieces
    signatures: list[bytes]
    path: list[Hash] = []


class EventShown(Shape, frozen=True, omit_defaults=True):
    """An event's public part and the hashes of its other slots.

    Attributes:
        signed: index into the bundle's ``signed`` list, or None when the signer is not shown.
        index: place of the event in its capture.
    """

    public: bytes
    members: Hash = ZERO32
    sealed: Hash = ZERO32
    signed: int | None = None
    index: int = 0


class HeightShown(Shape, frozen=True):
    """An executed height under the history root of an anchor.

    Attributes:
        leaf: the height's ``HistoryLeaf``; its place in the history tree is its height.
        path: audit path from it to the history root.
    """

    leaf: bytes
    path: list[Hash]


class ItemBundle(Shape, frozen=True, tag_field="kind", tag="item", omit_defaults=True):
    """Everything about one identifier: its closure.

    Attributes:
        hashes: what byte strings in pieces name beside what follows from the bundle itself: signers' public keys.
        as_of: the earlier height whose state is shown; without it, the one that the anchor's header certifies.
    """

    format: int
    subject: str
    anchor: AnchorShown
    state: bytes
    records: list[RecordShown]
    histories: list[HistoryShown]
    events: list[EventShown]
    signed: list[SignedShown]
    hashes: list[Hash] = []
    as_of: HeightShown | None = None


class EventBundle(Shape, frozen=True, tag_field="kind", tag="event", omit_defaults=True):
    """One event in the history of one item.

    Attributes:
        entry: the history entry; absent when the event is shown by its capture alone, which proves nothing.
        index: place of the entry in the history.
        path: audit path from the entry to the history's root.
        hashes: as those of an item.
    """

    format: int
    subject: str
    anchor: AnchorShown
    state: bytes
    records: list[RecordShown]
    event: EventShown
    signed: list[SignedShown]
    entry: Pieces | None = None
    index: int = 0
    path: list[Hash] = []
    hashes: list[Hash] = []
    as_of: HeightShown | None = None


class RecordBundle(Shape, frozen=True, tag_field="kind", tag="record", omit_defaults=True):
    """One record, or its absence."""

    format: int
    key: bytes
    anchor: AnchorShown
    state: bytes
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
    header: bytes | None = None


class ReceiptBundle(Shape, frozen=True, tag_field="kind", tag="receipt"):
    """What became of one transaction: its receipt, under the receipts root of its height.

    Attributes:
        index: place of the receipt among those of the height.
        path: audit path from the receipt to the height's receipts root.
    """

    format: int
    anchor: AnchorShown
    block: HeightShown
    receipt: bytes
    index: int
    path: list[Hash]


class HalvesShown(Shape, frozen=True, omit_defaults=True):
    """A record with both halves, for who may see the members' one; ``salt`` and ``members`` are empty without one."""

    key: bytes
    public: bytes
    salt: bytes = b""
    members: bytes = b""


class ReceivableBundle(Shape, frozen=True, tag_field="kind", tag="receivable", omit_defaults=True):
    """An obligation with its tag, all its slices, and every lien on them or the absence of one.

    Attributes:
        obligation: its id.
        records: with both halves; for members that were granted to see them.
        as_of: as that of an item.
    """

    format: int
    obligation: Hash
    anchor: AnchorShown
    state: bytes
    records: list[HalvesShown]
    as_of: HeightShown | None = None


class SeatsShown(Shape, frozen=True):
    """Who sat in an earlier epoch than the anchor's: the header of a block of that epoch, and the set that it names."""

    block: HeightShown
    header: bytes
    validators: bytes


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
    evidence: bytes
    state: bytes
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
        if _encoder.encode(bundle) != data:  # spaces, another order, what may be left out; or loose bits after a text
            _check_spelling(msgspec.json.decode(data), bundle)
    except Exception as error:  # msgspec raises several types; hostile input may reach any of them
        raise ProofError(ProofCode.UNREADABLE, f"not a proof bundle: {error}") from error
    if bundle.format != FORMAT:
        raise ProofError(ProofCode.UNREADABLE, f"format {bundle.format}; this verifier reads {FORMAT}")
    return bundle


def _check_spelling(plain: Any, value: Any) -> None:
    """Check that the texts of all byte strings are their one spelling.

    Args:
        plain: the JSON of ``value``.
    """
    if isinstance(value, msgspec.Struct):
        for name in plain.keys() & set(value.__struct_fields__):
            _check_spelling(plain[name], getattr(value, name))
    elif isinstance(value, list):
        for one, inner in zip(plain, value, strict=True):
            _check_spelling(one, inner)
    elif isinstance(value, bytes) and plain != b64encode(value).decode():
        raise ValueError("not the one base64 spelling of its bytes")


def write_bundle(bundle: Bundle) -> bytes:
    """The JSON bytes of a bundle."""
    return _encoder.encode(bundle)
