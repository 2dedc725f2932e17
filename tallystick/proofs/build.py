"""Making bundles: the verifier's own walk, over a state that shows everything, with notes of what was touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tallystick.encoding import encode
from tallystick.epcis import parse_parts
from tallystick.errors import ProofError
from tallystick.merkle import append_all, inclusion_path, leaf_hash, shared_path
from tallystick.proofs.bundle import (
    FORMAT,
    AnchorShown,
    EventBundle,
    EventShown,
    HeightShown,
    HistoryShown,
    ItemBundle,
    RecordBundle,
    RecordShown,
    SignedShown,
)
from tallystick.proofs.closure import INPUT_DEPTH, NotShown, walk
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.pieces import Cutter
from tallystick.records.base import Record, key_hash
from tallystick.records.goods import (
    Correction,
    History,
    HistoryEntry,
    HistoryKind,
    ItemPublic,
    correction_key,
    inspection_key,
    item_key,
    session_key,
    transformation_key,
)
from tallystick.records.members import member_key
from tallystick.records.reading import public_of
from tallystick.transactions import SignedTransaction


class CertifiedState(Protocol):
    """A node's state as of an executed height that a final header certifies."""

    def anchor(self) -> AnchorShown:
        """The certified header."""

    def record(self, key: bytes) -> Record | None:
        """A record as of that height."""

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """The partial trie that shows these keys under the certified state root."""

    def entries(self, owner: bytes, count: int) -> list[HistoryEntry]:
        """The first ``count`` entries of a record's history."""

    def transaction(self, height: int, index: int) -> SignedTransaction:
        """An executed transaction by its place."""


@dataclass(frozen=True, slots=True)
class _Placed:
    transaction: SignedTransaction
    index: int


class _Recorder:
    """A ``closure.Source`` over a certified state that remembers what it was asked."""

    def __init__(self, state: CertifiedState) -> None:
        self.state = state
        self.records: dict[bytes, Record | None] = {}
        self.histories: dict[bytes, tuple[HistoryEntry, ...]] = {}
        self.events: dict[bytes, _Placed] = {}
        self._keys: dict[bytes, bytes] = {}  # what links may lead to, by hash: sessions are hashed once a container
        self._read: dict[tuple[int, int], SignedTransaction] = {}  # by place: many events may be of one capture

    def public(self, key: bytes) -> bytes | None:
        if key not in self.records:
            self.records[key] = self.state.record(key)
        record = self.records[key]
        return None if record is None else record.public

    def linked_key(self, link: bytes, entry: HistoryEntry) -> bytes:
        if link not in self._keys:
            self._keys.update((key_hash(key), key) for key in self._candidates(entry))
        if link not in self._keys:
            raise NotShown
        return self._keys[link]

    def _candidates(self, entry: HistoryEntry) -> list[bytes]:
        if entry.kind in (HistoryKind.CONSUME, HistoryKind.PRODUCE):
            return [transformation_key(entry.commitment)]
        placed = self._placed(entry)
        event = placed.transaction.events[placed.index]
        parsed = parse_parts(event.public, event.members)
        if entry.kind is HistoryKind.INSPECT:
            return [inspection_key(identifier.key) for identifier in parsed.epcs]
        if parsed.parent is None:
            return []
        container = public_of(self.public, item_key(parsed.parent.key), ItemPublic)
        count = container.session_count if container is not None else 0
        return [session_key(parsed.parent.key, number) for number in range(count + 1)]

    def entries(self, owner: bytes, history: History) -> tuple[HistoryEntry, ...]:
        self.histories[owner] = tuple(self.state.entries(owner, history.count))
        return self.histories[owner]

    def event(self, entry: HistoryEntry) -> None:
        self.events[entry.commitment] = self._placed(entry)

    def signer(self, placed: _Placed) -> None:
        """Touch the records that show whose keys signed a capture."""
        for signer in placed.transaction.head.signers:
            self.public(member_key(signer))

    def existing(self) -> list[tuple[bytes, Record]]:
        """Every record touched that exists, by key."""
        return [(key, record) for key, record in sorted(self.records.items()) if record is not None]

    def shown_state(self) -> bytes:
        """The partial trie over every key touched, present or absent."""
        return self.state.prove([key_hash(key) for key in self.records])

    def _placed(self, entry: HistoryEntry) -> _Placed:
        place = entry.height, entry.transaction_index
        if place not in self._read:
            self._read[place] = self.state.transaction(*place)
        return _Placed(self._read[place], entry.event_index)


def build_item(subject: str, state: CertifiedState, as_of: HeightShown | None = None) -> ItemBundle:
    """The bundle of an identifier's closure; of an unknown identifier it proves the absence.

    Args:
        as_of: the height of ``state``, where that is earlier than the one which its anchor certifies.
    """
    recorder = _Recorder(state)
    walk(subject, recorder, INPUT_DEPTH)
    anchor, captures = state.anchor(), _Captures()
    events = []
    for placed in recorder.events.values():
        recorder.signer(placed)
        events.append(captures.show(placed))
    cutter = Cutter(anchor.chain_id, captures.public_keys())
    cutter.add(recorder.events)
    cutter.add(key_hash(key) for key, _ in recorder.existing())
    histories = [
        HistoryShown(cutter.key(owner), [cutter.message(encode(entry)) for entry in entries])
        for owner, entries in sorted(recorder.histories.items())
    ]
    for _, entries in sorted(recorder.histories.items()):
        cutter.add(append_all((), 0, [entry.leaf_hash() for entry in entries]))
    return ItemBundle(
        format=FORMAT,
        subject=subject,
        anchor=anchor,
        state=recorder.shown_state(),
        records=[show_record(key, record, cutter) for key, record in recorder.existing()],
        histories=histories,
        events=events,
        signed=captures.signed(cutter),
        hashes=captures.public_keys(),
        as_of=as_of,
    )


def build_event(
    commitment: bytes, subject: str, state: CertifiedState, as_of: HeightShown | None = None
) -> EventBundle:
    """The bundle of one event in one item's history.

    Raises:
        ProofError: ``unknown-item`` when the item or the event in its history does not exist.
    """
    recorder = _Recorder(state)
    item = public_of(recorder.public, item_key(subject), ItemPublic)
    entries = recorder.entries(item_key(subject), item.history) if item is not None else ()
    index = next((i for i, entry in enumerate(entries) if entry.commitment == commitment), None)
    if index is None or entries[index].kind is HistoryKind.RECALL:
        raise ProofError(ProofCode.UNKNOWN, f"no such event in the history of {subject}")
    entry = entries[index]
    recorder.event(entry)
    public_of(recorder.public, correction_key(entry.organisation, commitment), Correction)
    placed = recorder.events[commitment]
    recorder.signer(placed)
    anchor, captures = state.anchor(), _Captures()
    shown = captures.show(placed)
    cutter = Cutter(anchor.chain_id, captures.public_keys())
    cutter.add((commitment, *(key_hash(key) for key, _ in recorder.existing())))
    return EventBundle(
        format=FORMAT,
        subject=subject,
        anchor=anchor,
        state=recorder.shown_state(),
        records=[show_record(key, record, cutter) for key, record in recorder.existing()],
        event=shown,
        signed=captures.signed(cutter),
        entry=cutter.message(encode(entry)),
        index=index,
        path=list(inclusion_path([e.leaf_hash() for e in entries], index)),
        hashes=captures.public_keys(),
        as_of=as_of,
    )


def build_record(key: bytes, state: CertifiedState, as_of: HeightShown | None = None) -> RecordBundle:
    """The bundle of one record's public half, or of its absence."""
    recorder = _Recorder(state)
    recorder.public(key)
    anchor = state.anchor()
    cutter = Cutter(anchor.chain_id, (key,))
    shown = [show_record(key, record, cutter) for key, record in recorder.existing()]
    return RecordBundle(
        format=FORMAT,
        key=key,
        anchor=anchor,
        state=recorder.shown_state(),
        record=shown[0] if shown else None,
        as_of=as_of,
    )


class _Captures:
    """The signed heads of a bundle, each once, with the places of their events that are shown."""

    def __init__(self) -> None:
        self._transactions: dict[bytes, tuple[SignedTransaction, list[int]]] = {}

    def show(self, placed: _Placed) -> EventShown:
        transaction = placed.transaction
        _, places = self._transactions.setdefault(transaction.id, (transaction, []))
        places.append(placed.index)
        _, members, sealed = transaction.events[placed.index].slots()
        return EventShown(
            public=transaction.events[placed.index].public,
            members=members,
            sealed=sealed,
            signed=list(self._transactions).index(transaction.id),
            index=placed.index,
        )

    def public_keys(self) -> list[bytes]:
        """Who signed them, each key once."""
        heads = [transaction.head for transaction, _ in self._transactions.values()]
        return list(dict.fromkeys(signer for head in heads for signer in head.signers))

    def signed(self, cutter: Cutter) -> list[SignedShown]:
        """The captures of all events shown so far."""
        return [
            SignedShown(
                cutter.head(transaction.head_bytes),
                list(transaction.signatures),
                list(shared_path([leaf_hash(one) for one in transaction.commitments], places)),
            )
            for transaction, places in self._transactions.values()
        ]


def show_record(key: bytes, record: Record, cutter: Cutter | None = None) -> RecordShown:
    """A record's public half as bundles show it, in pieces where there is a cutter."""
    if cutter is None:
        return RecordShown(key, record.public, record.members_hash())
    return RecordShown(cutter.key(key), cutter.message(record.public), record.members_hash())
