"""Records of goods: items with their histories, container sessions, transformations, inspections, recalls, corrections.

Identifiers are written as canonical key texts, for instance ``01/09521234543213/21/A1`` (serial), ``01/…/10/LOT7``
(lot), ``01/…`` (class) and ``00/…`` (logistic unit); see docs/spec/events.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256
from typing import Annotated

import msgspec

from tallystick.encoding import Bytes32, Message, Name, Natural, Quantity, Text, TimeMs, encode
from tallystick.limits import REASON_MAX
from tallystick.merkle import append_all, leaf_hash, peaks_root
from tallystick.records.base import Space, hash_key, text_key

CONTENTS_MAX = 1_000  # things in a container at all levels: a shipment looks at each
CONTAINER_DEPTH_MAX = 4  # containers inside one another: item, box, carton, pallet, transport container
RECALLS_PER_ITEM_MAX = 64  # recalls that one item can carry
DESCENDANTS_PER_CHUNK = 64  # entries of one chunk of a list that grows

EventId = Annotated[str, msgspec.Meta(max_length=512)]
SessionKey = Annotated[bytes, msgspec.Meta(max_length=512)]
Peaks = Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=64)]


class HistoryKind(IntEnum):
    """Why an event is in an item's history."""

    COMMISSION = 1
    OBSERVE = 2
    SHIP = 3
    RECEIVE = 4
    PACK = 5  # link: the container session entered; zeros on the container's own entry
    UNPACK = 6  # link: the container session left; zeros on the container's own entry
    CONSUME = 7  # link: the transformation that used it up
    PRODUCE = 8  # link: the transformation that made it
    INSPECT = 9  # link: the inspection record
    DECOMMISSION = 10
    SELL = 11
    RETURN = 12  # a shipment back to where it came from, possible for recalled goods
    CORRECT = 13  # an error declaration about an event of this history; link: its correction record
    RECALL = 14  # link: the recall record; commitment: hash of the recall's payload
    TRANSACT = 15
    STATE = 16  # statement about an identifier that nobody controls
    VOID_SHIP = 17  # a shipment called back before it was received


ENTRY_HEAD = b"\x97\xc4\x20"  # what every encoded entry begins with: seven fields, of which the first has 32 bytes


class HistoryEntry(Message, frozen=True):
    """One leaf of the history of an item, of a container session or of the statements about an identifier.

    Attributes:
        commitment: 32 bytes, the event's commitment (or the payload's digest for a recall).
        height, transaction_index, event_index: its place on the chain.
        link: hashed key of the record that ties the item to or from another, or 32 zero bytes.
        organisation: id of the organisation that recorded the event here, or issued the recall.
    """

    commitment: Bytes32
    height: Natural
    transaction_index: Natural
    event_index: Natural
    kind: HistoryKind
    link: Bytes32
    organisation: Name

    def leaf_hash(self) -> bytes:
        """Leaf hash in the history's RFC 6962 tree."""
        return leaf_hash(encode(self))

    @property
    def recorded(self) -> tuple[bytes, str]:
        """Which event this is: two organisations may have recorded one with the same bytes."""
        return self.commitment, self.organisation


class History(Message, frozen=True):
    """An append-only log as count and compact range; ``root`` is RFC 6962."""

    count: Natural = 0
    peaks: Peaks = ()

    def append(self, entry: HistoryEntry) -> History:
        """The history with one more entry."""
        return History(self.count + 1, append_all(self.peaks, self.count, (entry.leaf_hash(),)))

    def root(self) -> bytes:
        """Root over all entries."""
        return peaks_root(self.peaks)


class ItemStatus(IntEnum):
    """Where an identifier under control stands."""

    ACTIVE = 1
    CONSUMED = 2
    SOLD = 3
    DECOMMISSIONED = 4


class Origin(IntEnum):
    """How an identifier came under control."""

    COMMISSIONED = 1  # by an event of the prefix holder here
    DECLARED = 2  # opened by the prefix holder with a declared origin: it existed before the ledger knew it
    PRODUCED = 3  # output of a transformation here


class ItemPublic(Message, frozen=True):
    """Public half of an item: a serial, a lot, a class or a logistic unit. Key: ``item_key(identifier)``.

    Attributes:
        history: every effective event that names the item itself.
        lot: key text of the lot a serial belongs to, or empty.
        container: hashed key of the session it is in now, or zeros.
        made_by: hashed key of the transformation that made it, or zeros.
        session_count: sessions ever opened (logistic units).
        recalls: ids of recalls that reached it, oldest first; whether one is in force says its own record.
        declared_origin: words or a URI, for an item with origin ``DECLARED``.
    """

    status: ItemStatus
    origin: Origin
    history: History
    lot: Text
    container: Bytes32
    made_by: Bytes32
    session_count: Natural
    recalls: Annotated[tuple[Name, ...], msgspec.Meta(max_length=RECALLS_PER_ITEM_MAX)]
    declared_origin: Annotated[str, msgspec.Meta(max_length=REASON_MAX)] = ""


class ItemMembers(Message, frozen=True):
    """Members' half of an item.

    Attributes:
        holder: organisation that has custody; while the item is in a container, whoever holds the outermost one has
            it, and this field is brought up to date when it is unpacked.
        heading_to: organisation it was shipped to and that has not received it yet, or empty.
        received_from: organisation that had custody before, or empty.
        issued, remaining: quantity in millionths of ``unit`` (lots); 0 for serials.
        unit: UN/CEFACT Recommendation 20 code, or empty for a count.
        container: key of the session it is in now, or empty.
    """

    holder: Name
    heading_to: Text
    received_from: Text
    issued: Quantity
    remaining: Quantity
    unit: Text
    container: SessionKey


class SessionPublic(Message, frozen=True):
    """Public half of one filling of a logistic unit. Key: ``session_key(identifier, number)``.

    Attributes:
        history: events that name the container while this session is open, and late readings.
        open: goods are inside.
        opened_ms, closed_ms: event times of the first packing and of the last unpacking (0 while open).
    """

    identifier: Name
    number: Natural
    open: bool
    history: History
    opened_ms: TimeMs
    closed_ms: TimeMs


class SessionMembers(Message, frozen=True):
    """Members' half of a session: what is inside now, and after closing nothing.

    Attributes:
        contents: key texts of what lies in it directly, sorted.
        total: things inside at all levels.
        depth: levels of containers inside, 0 when no content is a filled container.
    """

    contents: Annotated[tuple[Name, ...], msgspec.Meta(max_length=CONTENTS_MAX)]
    total: Natural
    depth: Natural


class Transformation(Message, frozen=True):
    """What became what. Key: ``transformation_key(commitment)``. Public: identifiers only, never quantities."""

    organisation: Name
    commitment: Bytes32
    inputs: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1_000)]
    outputs: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1_000)]


class Correction(Message, frozen=True):
    """An event was declared erroneous by who recorded it. Key: ``correction_key(organisation, commitment)``. Public.

    Attributes:
        declared_by: commitment of the declaring event.
        reason: ``did_not_occur``, ``incorrect_data`` or another URI.
        corrective_event_ids: ids of events that replace it.
    """

    declared_by: Bytes32
    reason: Text
    corrective_event_ids: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=512)], ...], msgspec.Meta(max_length=32)
    ]
    height: Natural


class EventStatus(IntEnum):
    """What became of an event."""

    EFFECTIVE = 1
    STATED = 2
    REFUSED = 3


class EventRecord(Message, frozen=True):
    """An event that an organisation recorded as effective or stated. Public.

    Key: ``event_id_key(organisation, event_id)``; ``event_key(organisation, commitment)`` for an event without an
    ``eventID`` and for an error declaration, which repeats the id of the event that it is about.

    Attributes:
        commitment: of the event.
        subjects: ``subjects_digest`` of the identifiers that the event names, for an event under its ``eventID``: an
            error declaration names the same. Zeros otherwise.
        sessions: for such an event, per distinct identifier in order of the bytes, the number of the container session
            whose history it entered, 0 for none; empty where it entered none at all.
    """

    status: EventStatus
    height: Natural
    transaction_index: Natural
    event_index: Natural
    commitment: Bytes32
    subjects: Bytes32
    sessions: tuple[Natural, ...] = ()


class DescendantsPublic(Message, frozen=True):
    """Public half of one chunk of what was made from an identifier. Key: ``descendants_key(identifier, chunk)``.

    Attributes:
        total: entries of all chunks, kept in chunk 0; 0 in the others.
    """

    total: Natural


class Descendants(Message, frozen=True):
    """Members' half of one chunk: commitments of the transformations that used the identifier up, in order.

    The list of a lot also holds those that used up one of its serials, that of a class also those of its lots and
    serials, so that a recall spreads without a list of every serial.
    """

    transformations: Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=DESCENDANTS_PER_CHUNK)]


class Statements(Message, frozen=True):
    """Statements about an identifier that nobody controls here. Key: ``statements_key(identifier)``. Public."""

    history: History


class Milestone(Message, frozen=True):
    """An organisation's newest effective event of one kind on an item, for escrow. Key: ``milestone_key``.

    Members only (the public half is ``MilestonePublic``).
    """

    organisation: Name
    commitment: Bytes32
    height: Natural
    time_ms: TimeMs
    quantity: Quantity


class MilestonePublic(Message, frozen=True):
    """Public half of a milestone: that there is one."""

    height: Natural


class Verdict(IntEnum):
    """Result of an inspection."""

    PASS = 1
    FAIL = 2


class Inspection(Message, frozen=True):
    """Newest inspection of an item. Key: ``inspection_key(identifier)``. Public.

    Attributes:
        report: SHA-256 of the report file, or zeros.
    """

    inspector: Name
    verdict: Verdict
    commitment: Bytes32
    report: Bytes32
    height: Natural


class RecallProgress(Message, frozen=True):
    """Where the spreading of a recall stands. Key: ``recall_progress_key(recall_id)``. Public.

    The items whose descendants are still to be reached form a queue, ``recall_queue_key(recall_id, number)``.

    Attributes:
        head, tail: number of the item being worked on, and of the next one to be queued.
        transformation: index into the descendants of the head item.
        output: index into the outputs of that transformation.
        commitment: digest of the recall's payload, for the history entries.
        transaction_index: place of the recall in its block, for the same.
    """

    head: Natural
    tail: Natural
    transformation: Natural
    output: Natural
    commitment: Bytes32
    transaction_index: Natural


class RecallQueueEntry(Message, frozen=True):
    """One item whose descendants are to be reached. Key: ``recall_queue_key(recall_id, number)``. Public."""

    identifier: Name


class RecallState(IntEnum):
    """How far a recall has come."""

    SPREADING = 1
    IN_FORCE = 2
    LIFTED = 3


class Recall(Message, frozen=True):
    """A recall. Key: ``recall_key(id)``. Public.

    Attributes:
        issuer: organisation.
        roots: key texts that were recalled by name.
        reason: short code or sentence, shown to consumers.
        reached: number of items that carry it.
    """

    issuer: Name
    roots: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]
    severity: Annotated[int, msgspec.Meta(ge=1, le=3)]
    state: RecallState
    height: Natural
    reached: Natural


_EVENT = Space.EVENT.to_bytes()
_CORRECTION = Space.CORRECTION.to_bytes()
_ITEM = Space.ITEM.to_bytes()


def item_key(identifier: str) -> bytes:
    """Key of an item's record."""
    return _ITEM + identifier.encode()


def session_key(identifier: str, number: int) -> bytes:
    """Key of a container session: number first, at fixed length, so that no two layouts collide."""
    return bytes((Space.SESSION,)) + number.to_bytes(8, "big") + identifier.encode()


def transformation_key(commitment: bytes) -> bytes:
    """Key of a transformation."""
    return hash_key(Space.TRANSFORMATION, commitment)


def correction_key(organisation: str, commitment: bytes) -> bytes:
    """Key of the correction record of an event as ``organisation`` recorded it.

    A commitment does not say whose the event is: with a copy of it, another could otherwise correct the original.
    """
    return _CORRECTION + sha256(organisation.encode() + b"\x00" + commitment).digest()


def event_key(organisation: str, commitment: bytes) -> bytes:
    """Key of the record of an event that goes by its commitment."""
    return _EVENT + sha256(organisation.encode() + b"\x00" + commitment).digest()


def event_id_key(organisation: str, event_id: str) -> bytes:
    """Key of the record of an event that goes by its ``eventID``; the second zero byte tells it from a commitment."""
    return _EVENT + sha256(organisation.encode() + b"\x00\x00" + event_id.encode()).digest()


def subjects_digest(identifiers: Iterable[str]) -> bytes:
    """SHA-256 over the distinct key texts that an event names, in order of their bytes."""
    return sha256(encode(tuple(sorted(set(identifiers))))).digest()


def statements_key(identifier: str) -> bytes:
    """Key of the statements about an identifier; one of more than 255 bytes goes by its hash."""
    text = identifier.encode()
    return bytes((Space.STATEMENTS,)) + (text if len(text) <= 255 else b"#" + sha256(text).hexdigest().encode())


def descendants_key(identifier: str, chunk: int) -> bytes:
    """Key of one chunk of an identifier's descendants: chunk first, at fixed length."""
    return bytes((Space.DESCENDANTS,)) + chunk.to_bytes(8, "big") + identifier.encode()


def recall_progress_key(recall_id: str) -> bytes:
    """Key of the progress of a recall."""
    return bytes((Space.RECALL_PROGRESS, 0)) + recall_id.encode()


def recall_queue_key(recall_id: str, number: int) -> bytes:
    """Key of one entry of a recall's queue: number first, at fixed length."""
    return bytes((Space.RECALL_PROGRESS, 1)) + number.to_bytes(8, "big") + recall_id.encode()


def milestone_key(identifier: str, kind: HistoryKind, organisation: str) -> bytes:
    """Key of an organisation's newest event of a kind on an item; key texts are ASCII, so the zero byte parts them.

    One per organisation, so that nobody can take a milestone away from another by an event of his own.
    """
    return bytes((Space.MILESTONE, kind)) + identifier.encode() + b"\x00" + organisation.encode()


def inspection_key(identifier: str) -> bytes:
    """Key of an item's inspection."""
    return text_key(Space.INSPECTION, identifier)


def recall_key(recall_id: str) -> bytes:
    """Key of a recall."""
    return text_key(Space.RECALL, recall_id)
