"""Records of goods: items with their histories, container sessions, transformations, inspections, recalls, corrections.

Identifiers are written as canonical key texts, for instance ``01/09521234543213/21/A1`` (serial), ``01/…/10/LOT7``
(lot), ``01/…`` (class) and ``00/…`` (logistic unit); see docs/spec/events.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick.encoding import Bytes32, Message, Name, Natural, Quantity, Text, TimeMs, encode
from tallystick.merkle import append_all, leaf_hash, peaks_root
from tallystick.records.base import Space, hash_key, text_key

EventId = Annotated[str, msgspec.Meta(max_length=512)]
Peaks = Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=64)]


class HistoryKind(IntEnum):
    """Why an event is in an item's history."""

    COMMISSION = 1
    OBSERVE = 2
    SHIP = 3
    RECEIVE = 4
    PACK = 5  # link: the container session entered
    UNPACK = 6  # link: the container session left
    CONSUME = 7  # link: the transformation that used it up
    PRODUCE = 8  # link: the transformation that made it
    INSPECT = 9  # link: the inspection record
    DECOMMISSION = 10
    SELL = 11
    RETURN = 12
    CORRECT = 13  # an error declaration; link: the correction record
    RECALL = 14  # link: the recall record; commitment: hash of the recall's payload
    TRANSACT = 15
    STATE = 16  # statement about an identifier that nobody controls


class HistoryEntry(Message, frozen=True):
    """One leaf of an item's, session's or transformation's history.

    Attributes:
        commitment: 32 bytes, the event's commitment (or the payload's digest for a recall).
        height, transaction_index, event_index: its place on the chain.
        link: hashed key of the record that ties the item to or from another, or 32 zero bytes.
    """

    commitment: Bytes32
    height: Natural
    transaction_index: Natural
    event_index: Natural
    kind: HistoryKind
    link: Bytes32

    def leaf_hash(self) -> bytes:
        """Leaf hash in the history's RFC 6962 tree."""
        return leaf_hash(encode(self))


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
        recalls: ids of recalls in force on it, oldest first.
    """

    status: ItemStatus
    origin: Origin
    history: History
    lot: Text
    container: Bytes32
    made_by: Bytes32
    session_count: Natural
    recalls: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]


class ItemMembers(Message, frozen=True):
    """Members' half of an item.

    Attributes:
        holder: organisation that has custody.
        heading_to: organisation it was shipped to and that has not received it yet, or empty.
        issued, remaining: quantity in millionths of ``unit`` (lots); 0 for serials.
        unit: UN/CEFACT Recommendation 20 code, or empty for a count.
    """

    holder: Name
    heading_to: Text
    issued: Quantity
    remaining: Quantity
    unit: Text


class SessionPublic(Message, frozen=True):
    """Public half of one filling of a logistic unit. Key: ``session_key(identifier, number)``.

    Attributes:
        history: events that name the container while this session is open, and late readings.
        open: goods are inside.
        container: hashed key of the session that this container itself is in, or zeros.
    """

    identifier: Name
    number: Natural
    open: bool
    history: History
    container: Bytes32


class SessionMembers(Message, frozen=True):
    """Members' half of a session: what is inside, as key texts, sorted."""

    contents: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1_000)]


class Transformation(Message, frozen=True):
    """What became what. Key: ``transformation_key(commitment)``. Public: identifiers only, never quantities."""

    organisation: Name
    commitment: Bytes32
    inputs: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1_000)]
    outputs: Annotated[tuple[Name, ...], msgspec.Meta(max_length=1_000)]


class Correction(Message, frozen=True):
    """An event was declared erroneous. Key: ``correction_key(commitment of the erroneous event)``. Public.

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
    """An event that was recorded as effective or stated. Key: ``event_key(organisation, commitment)``. Public."""

    status: EventStatus
    height: Natural
    transaction_index: Natural
    event_index: Natural


class Statements(Message, frozen=True):
    """Statements about an identifier that nobody controls here. Key: ``statements_key(identifier)``. Public."""

    history: History


class Milestone(Message, frozen=True):
    """Newest effective event of one kind on one item, for conditions of escrow. Key: ``milestone_key``.

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
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    severity: Annotated[int, msgspec.Meta(ge=1, le=3)]
    state: RecallState
    height: Natural
    reached: Natural


def item_key(identifier: str) -> bytes:
    """Key of an item's record."""
    return text_key(Space.ITEM, identifier)


def session_key(identifier: str, number: int) -> bytes:
    """Key of a container session: number first, at fixed length, so that no two layouts collide."""
    return bytes((Space.SESSION,)) + number.to_bytes(8, "big") + identifier.encode()


def transformation_key(commitment: bytes) -> bytes:
    """Key of a transformation."""
    return hash_key(Space.TRANSFORMATION, commitment)


def correction_key(commitment: bytes) -> bytes:
    """Key of the correction record of an event."""
    return hash_key(Space.CORRECTION, commitment)


def event_key(organisation: str, commitment: bytes) -> bytes:
    """Key of the record that an organisation recorded an event; commitment first, at fixed length."""
    return bytes((Space.EVENT,)) + commitment + organisation.encode()


def statements_key(identifier: str) -> bytes:
    """Key of the statements about an identifier."""
    return text_key(Space.STATEMENTS, identifier)


def milestone_key(identifier: str, kind: HistoryKind) -> bytes:
    """Key of the newest event of a kind on an item."""
    return bytes((Space.MILESTONE, kind)) + identifier.encode()


def inspection_key(identifier: str) -> bytes:
    """Key of an item's inspection."""
    return text_key(Space.INSPECTION, identifier)


def recall_key(recall_id: str) -> bytes:
    """Key of a recall."""
    return text_key(Space.RECALL, recall_id)
