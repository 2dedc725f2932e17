"""What belongs to an identifier: the walk that makers and verifiers of item proofs both take.

The closure of a serial is the serial, its lot, its class, every container session it or its container was in, and the
inputs of what made it, to a depth that the *verifier* chooses. Each record of it is present or shown to be absent, each
history is whole, so that one without an entry of a correction or an inspection shows that there is none. What a source
cannot show is noted in ``missing``; with anything missing a page says *partly*.
Specification: docs/spec/proofs.md, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from msgspec import Struct

from tallystick.encoding import ZERO32, Message
from tallystick.errors import ProofError
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import Space, key_hash
from tallystick.records.goods import (
    History,
    HistoryEntry,
    HistoryKind,
    Inspection,
    ItemPublic,
    Recall,
    SessionPublic,
    Statements,
    Transformation,
    correction_key,
    inspection_key,
    item_key,
    recall_key,
    statements_key,
    transformation_key,
)
from tallystick.records.reading import public_of

T = TypeVar("T", bound=Message)

INPUT_DEPTH = 1
PARTS_MAX = 2_000


class NotShown(Exception):
    """A source does not show what the walk asks for."""


class Source(Protocol):
    """Where a walk reads: a node's state (it shows everything) or a bundle (it shows what it was given)."""

    def public(self, key: bytes) -> bytes | None:
        """Public half of a record, or None where the state has none; ``NotShown`` when neither is shown."""

    def linked_key(self, link: bytes, entry: HistoryEntry) -> bytes:
        """The record key whose hash is ``link``; ``NotShown`` when unknown."""

    def entries(self, owner: bytes, history: History) -> tuple[HistoryEntry, ...]:
        """All entries of a history; ``NotShown`` when they are not all there."""

    def event(self, entry: HistoryEntry) -> None:
        """Make sure that the entry's event is shown; ``NotShown`` when it is not."""


class Part(Struct, frozen=True):
    """One identifier of the closure: its record, whole history, newest inspection.

    Attributes:
        item: None when nobody ever brought it under control.
    """

    identifier: str
    item: ItemPublic | None
    entries: tuple[HistoryEntry, ...] = ()
    inspection: Inspection | None = None


class SessionPart(Struct, frozen=True):
    """One container session of the closure with its whole history."""

    key: bytes
    session: SessionPublic
    entries: tuple[HistoryEntry, ...]


class Declared(Struct, frozen=True):
    """What a history says of an event that was declared erroneous; why is in the declaring event.

    Attributes:
        declared_by: commitment of the declaring event.
        height: of the block in which it was declared.
    """

    declared_by: bytes
    height: int


@dataclass(slots=True)
class Closure:
    """The result of a walk.

    Attributes:
        subject: the identifier asked about.
        parts: by identifier: the subject, its lot, its class, inputs.
        sessions: by record key.
        transformations: by record key.
        corrections: by the event that was declared erroneous: its commitment, and who recorded it.
        recalls: by recall id, those in force on any part.
        statements: entries about the subject when nobody controls it.
        missing: what the source could not show, in words.
    """

    subject: str
    parts: dict[str, Part] = field(default_factory=dict)
    sessions: dict[bytes, SessionPart] = field(default_factory=dict)
    transformations: dict[bytes, Transformation] = field(default_factory=dict)
    corrections: dict[tuple[bytes, str], Declared] = field(default_factory=dict)
    recalls: dict[str, Recall] = field(default_factory=dict)
    statements: tuple[HistoryEntry, ...] = ()
    missing: list[str] = field(default_factory=list)


def class_of(identifier: str) -> str:
    """Key text of the class (GTIN) of a serial or lot, or empty."""
    parts = identifier.split("/")
    return f"01/{parts[1]}" if parts[0] == "01" and len(parts) > 2 else ""


def walk(subject: str, source: Source, input_depth: int = INPUT_DEPTH) -> Closure:
    """Walk the closure of an identifier.

    Raises:
        ProofError: when a record that is shown cannot be what the ledger wrote (``record-altered``), or the closure
            is larger than ``PARTS_MAX``.
    """
    walker = _Walker(Closure(subject), source)
    walker.identifier(subject, input_depth)
    if subject in walker.closure.parts and walker.closure.parts[subject].item is None:
        walker.statements(subject)
    return walker.closure


class _Walker:
    def __init__(self, closure: Closure, source: Source) -> None:
        self.closure = closure
        self._source = source

    def identifier(self, identifier: str, depth: int) -> None:
        """Add one identifier and what hangs on it."""
        if not identifier or identifier in self.closure.parts:
            return
        if len(self.closure.parts) + len(self.closure.sessions) > PARTS_MAX:
            raise ProofError(ProofCode.UNREADABLE, f"a closure of more than {PARTS_MAX} parts")
        try:
            item = self._read(item_key(identifier), ItemPublic)
        except NotShown:
            self._miss(f"record of {identifier}")
            return
        if item is None:
            self.closure.parts[identifier] = Part(identifier, None)
            self.identifier(class_of(identifier), depth)
            return
        entries = self._entries(item_key(identifier), item.history, identifier)
        inspection = self._inspection(identifier, entries)
        self.closure.parts[identifier] = Part(identifier, item, entries, inspection)
        for recall_id in item.recalls:
            self._recall(recall_id)
        self._follow(entries, depth)
        self.identifier(item.lot, depth)
        self.identifier(class_of(identifier), depth)

    def statements(self, identifier: str) -> None:
        """Add what was stated about an identifier that nobody controls."""
        try:
            statements = self._read(statements_key(identifier), Statements)
        except NotShown:
            self._miss(f"statements about {identifier}")
            return
        if statements is not None:
            key = statements_key(identifier)
            self.closure.statements = self._entries(key, statements.history, f"statements about {identifier}")

    def _entries(self, owner: bytes, history: History, name: str) -> tuple[HistoryEntry, ...]:
        try:
            entries = self._source.entries(owner, history)
        except NotShown:
            self._miss(f"history of {name}")
            return ()
        for entry in entries:
            if entry.kind is not HistoryKind.RECALL:
                self._event(entry)
        declared = {(entry.link, entry.organisation): entry for entry in entries if entry.kind is HistoryKind.CORRECT}
        if declared:
            self._corrections(entries, declared)
        return entries

    def _event(self, entry: HistoryEntry) -> None:
        try:
            self._source.event(entry)
        except NotShown:
            self._miss(f"event {entry.commitment.hex()[:16]}…")

    def _corrections(self, entries: tuple[HistoryEntry, ...], declared: dict[tuple[bytes, str], HistoryEntry]) -> None:
        """The corrections that a history links to; each is of an event in it that the declarer itself recorded.

        The link is the hash of the correction record's key, which holds who recorded which event: no record is needed.
        """
        for entry in entries:
            if not declared:
                break
            link = key_hash(correction_key(entry.organisation, entry.commitment)), entry.organisation
            correction = declared.pop(link, None)
            if correction is not None:
                self.closure.corrections[entry.recorded] = Declared(correction.commitment, correction.height)
        if declared:
            raise ProofError(ProofCode.RECORD_ALTERED, "a history corrects an event that its declarer has not in it")

    def _inspection(self, identifier: str, entries: tuple[HistoryEntry, ...]) -> Inspection | None:
        """The newest inspection; a history without an inspecting shows that there is none."""
        if all(entry.kind is not HistoryKind.INSPECT for entry in entries):
            return None
        return self._linked(inspection_key(identifier), Inspection, f"inspection of {identifier}")

    def _follow(self, entries: tuple[HistoryEntry, ...], depth: int) -> None:
        for entry in entries:
            if entry.link == ZERO32:
                continue
            if entry.kind in (HistoryKind.PACK, HistoryKind.UNPACK):
                self._session(entry, depth)
            elif entry.kind is HistoryKind.PRODUCE:
                self._transformation(entry, depth)

    def _session(self, entry: HistoryEntry, depth: int) -> None:
        try:
            key = self._source.linked_key(entry.link, entry)
            session = self._read(key, SessionPublic) if key[:1] == bytes((Space.SESSION,)) else None
        except NotShown:
            self._miss(f"container session {entry.link.hex()[:16]}…")
            return
        if session is None:
            raise ProofError(ProofCode.RECORD_ALTERED, "a history links to a container session that is not there")
        if key in self.closure.sessions:
            return
        self.closure.sessions[key] = SessionPart(key, session, ())
        entries = self._entries(key, session.history, f"container {session.identifier}")
        self.closure.sessions[key] = SessionPart(key, session, entries)
        self._follow(entries, depth)
        container = self._optional(item_key(session.identifier), ItemPublic, f"record of {session.identifier}")
        for recall_id in container.recalls if container is not None else ():
            self._recall(recall_id)

    def _transformation(self, entry: HistoryEntry, depth: int) -> None:
        key = transformation_key(entry.commitment)
        if key in self.closure.transformations:
            return
        transformation = self._optional(key, Transformation, f"transformation {entry.commitment.hex()[:16]}…")
        if transformation is None:
            return
        self.closure.transformations[key] = transformation
        if depth > 0:
            for identifier in transformation.inputs:
                self.identifier(identifier, depth - 1)

    def _recall(self, recall_id: str) -> None:
        if recall_id in self.closure.recalls:
            return
        recall = self._optional(recall_key(recall_id), Recall, f"recall {recall_id}")
        if recall is not None:
            self.closure.recalls[recall_id] = recall

    def _linked(self, key: bytes, type_: type[T], words: str) -> T | None:
        """A record that a history says is there; None, and noted as missing, where it is not shown."""
        try:
            record = self._read(key, type_)
        except NotShown:
            self._miss(words)
            return None
        if record is None:
            raise ProofError(ProofCode.RECORD_ALTERED, f"a history links to what is not there: {words}")
        return record

    def _optional(self, key: bytes, type_: type[T], words: str) -> T | None:
        try:
            return self._read(key, type_)
        except NotShown:
            self._miss(words)
            return None

    def _read(self, key: bytes, type_: type[T]) -> T | None:
        return public_of(self._source.public, key, type_)

    def _miss(self, words: str) -> None:
        if words not in self.closure.missing:
            self.closure.missing.append(words)
