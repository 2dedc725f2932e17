"""Rows about goods: items and what became of them, containers, lineage, inspections, corrections, recalls."""

from __future__ import annotations

import json

from sqlalchemy import select

from explorer import schema
from explorer.event_kinds import identifiers_of, kind_of_event, status_after, verdict_of
from explorer.rows import RowWriter
from tallystick.encoding import Message
from tallystick.epcis import Action, EventType, Identifier, ParsedEvent, parse_key
from tallystick.payloads import goods
from tallystick.receipts import Receipt
from tallystick.records.base import Space
from tallystick.records.goods import EventStatus, HistoryKind, ItemStatus, Origin, correction_key


class GoodsRows:
    """Writes them."""

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer
        self._known: set[str] = set()  # things that are known to have a row

    def effective(
        self, place: tuple[int, int], commitment: bytes, event: ParsedEvent, receipt: Receipt, organisation: str
    ) -> None:
        """An event that took effect: an entry for every thing that it names and its receipt says was changed."""
        changed = texts_changed(receipt, Space.ITEM)
        for identifier in (*identifiers_of(event), *self._emptied(event)):
            if identifier.key not in changed:
                continue
            kind = kind_of_event(event, identifier.key)
            self._writer.add(
                schema.item_events,
                identifier=identifier.key,
                transaction_index=place[0],
                event_index=place[1],
                commitment=commitment,
                kind=int(kind),
            )
            origin = Origin.PRODUCED if kind is HistoryKind.PRODUCE else Origin.COMMISSIONED
            if not self._open(identifier, origin):
                self._become(identifier, kind)
            if kind is HistoryKind.INSPECT:
                self._inspect(identifier.key, commitment, event, organisation)
        if event.error_declaration is not None:
            self._correct(commitment, event, receipt, organisation)
        elif event.type is EventType.TRANSFORMATION:
            self._transform(commitment, event)
        elif event.type is EventType.AGGREGATION and event.parent is not None:
            self._pack(event)

    def _emptied(self, event: ParsedEvent) -> list[Identifier]:
        """What an unpacking without names takes out: everything that was packed by public events."""
        if event.type is not EventType.AGGREGATION or event.action is not Action.DELETE or event.parent is None:
            return []
        if event.children or event.child_quantities:
            return []
        table = schema.session_contents
        inside = self._writer.open_rows(table, table.c.container == event.parent.key)
        return [parse_key(row._mapping["identifier"]) for row in inside]

    def stated(
        self, place: tuple[int, int], commitment: bytes, event: ParsedEvent, receipt: Receipt, organisation: str
    ) -> None:
        """An event about things that nobody controls here."""
        for identifier in identifiers_of(event):
            self._writer.add(
                schema.statements,
                identifier=identifier.key,
                transaction_index=place[0],
                event_index=place[1],
                commitment=commitment,
            )
        if event.error_declaration is not None:
            self._correct(commitment, event, receipt, organisation)

    def sessions(self, receipt: Receipt) -> None:
        """Container sessions that a receipt touched for the first time."""
        for change in receipt.changes:
            if change.key[0] != Space.SESSION:
                continue
            number, identifier = int.from_bytes(change.key[1:9], "big"), change.key[9:].decode()
            table = schema.sessions
            if not self._writer.exists(table, table.c.identifier == identifier, table.c.number == number):
                self._writer.add(table, identifier=identifier, number=number)

    def payload(self, payload: Message, organisation: str, receipt: Receipt) -> None:
        """What an effective payload about goods changed."""
        match payload:
            case goods.OpenItem():
                self._open(parse_key(payload.identifier), Origin.DECLARED, payload.origin, payload.lot)
            case goods.RecallItems():
                self._writer.add(
                    schema.recalls,
                    recall_id=payload.recall_id,
                    issuer=organisation,
                    reason=payload.reason,
                    severity=payload.severity,
                    roots=json.dumps(list(payload.identifiers)),
                )
                self.recall_spread(receipt)
            case goods.LiftRecall():
                table = schema.recalls
                self._writer.close(table, table.c.recall_id == payload.recall_id)
            case _:
                pass

    def recall_spread(self, receipt: Receipt) -> None:
        """Things that a recall reached: their records changed beside the recall's own."""
        items = schema.item_recalls
        for recall_id in sorted(texts_changed(receipt, Space.RECALL)):
            for identifier in sorted(texts_changed(receipt, Space.ITEM)):
                same = (items.c.identifier == identifier, items.c.recall_id == recall_id)
                if not self._writer.exists(items, *same):
                    self._writer.add(items, identifier=identifier, recall_id=recall_id)

    def _open(self, identifier: Identifier, origin: Origin, words: str = "", lot: str = "") -> bool:
        """Bring a thing under control, once; says whether this was the first time."""
        table = schema.items
        if identifier.key in self._known:
            return False
        self._known.add(identifier.key)
        if self._writer.exists(table, table.c.identifier == identifier.key):
            return False
        self._writer.add(
            table,
            identifier=identifier.key,
            kind=int(identifier.kind),
            gtin=identifier.gtin or "",
            origin=int(origin),
            origin_words=words,
        )
        self._writer.add(schema.item_states, identifier=identifier.key, status=int(ItemStatus.ACTIVE))
        if lot or identifier.lot_key:
            self._lot(identifier.key, lot or identifier.lot_key or "")
        return True

    def _lot(self, identifier: str, lot: str) -> None:
        table = schema.item_lots
        if lot != identifier and not self._writer.exists(table, table.c.identifier == identifier, table.c.lot == lot):
            self._writer.add(table, identifier=identifier, lot=lot)

    def _become(self, identifier: Identifier, kind: HistoryKind) -> None:
        status, table = status_after(kind, identifier), schema.item_states
        if status is None:
            return
        same = (table.c.identifier == identifier.key, table.c.status == int(status))
        if not self._writer.open_rows(table, *same):
            self._writer.close(table, table.c.identifier == identifier.key)
            self._writer.add(table, identifier=identifier.key, status=int(status))

    def _inspect(self, identifier: str, commitment: bytes, event: ParsedEvent, organisation: str) -> None:
        verdict, table = verdict_of(event), schema.inspections
        if verdict is not None:
            self._writer.close(table, table.c.identifier == identifier)
            self._writer.add(
                table, identifier=identifier, commitment=commitment, inspector=organisation, verdict=int(verdict)
            )

    def _transform(self, commitment: bytes, event: ParsedEvent) -> None:
        sides = {
            "input": (*event.inputs, *(quantity.item for quantity in event.input_quantities)),
            "output": (*event.outputs, *(quantity.item for quantity in event.output_quantities)),
        }
        for side, identifiers in sides.items():
            for key in sorted({identifier.key for identifier in identifiers}):
                self._writer.add(schema.lineage, commitment=commitment, side=side, identifier=key)

    def _pack(self, event: ParsedEvent) -> None:
        assert event.parent is not None
        table, container = schema.session_contents, event.parent.key
        children = {child.key for child in (*event.children, *(quantity.item for quantity in event.child_quantities))}
        for child in sorted(children):
            same = (table.c.container == container, table.c.identifier == child)
            inside = bool(self._writer.open_rows(table, *same))
            if event.action is Action.ADD and not inside:
                self._writer.add(table, container=container, identifier=child)
            elif event.action is Action.DELETE and inside:
                self._writer.close(table, *same)
        if event.action is Action.DELETE and not children:
            self._writer.close(table, table.c.container == container)

    def _correct(self, declared_by: bytes, event: ParsedEvent, receipt: Receipt, organisation: str) -> None:
        """The correction that this declaration made: of the organisation's event that carries the same id."""
        assert event.error_declaration is not None
        table = schema.corrections
        changed = {change.key for change in receipt.changes if change.key[0] == Space.CORRECTION}
        for commitment in self._with_id(event.event_id or "") if changed else ():
            if correction_key(organisation, commitment) not in changed:
                continue
            if self._writer.exists(table, table.c.commitment == commitment, table.c.organisation == organisation):
                continue
            self._writer.add(
                table,
                commitment=commitment,
                organisation=organisation,
                declared_by=declared_by,
                reason=event.error_declaration.reason or "",
                corrective_event_ids=json.dumps(list(event.error_declaration.corrective_event_ids)),
            )
            return

    def _with_id(self, event_id: str) -> list[bytes]:
        """Commitments of the events in effect or stated that carry an id: few, since an organisation uses it once."""
        table = schema.events
        self._writer.flush(table)
        query = (
            select(table.c.commitment)
            .distinct()
            .where(table.c.event_id == event_id, table.c.status < int(EventStatus.REFUSED))
        )
        return sorted(self._writer.connection.execute(query).scalars())


def texts_changed(receipt: Receipt, space: Space) -> set[str]:
    """The texts by which records of one space are keyed, of those that a receipt changed."""
    return {change.key[1:].decode() for change in receipt.changes if change.key[0] == space}
