"""Questions to the read model. Every one takes the height as of which it is asked; none can see a member's part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, func, or_, select

from explorer import schema
from tallystick.epcis import IdentifierKind, parse_key

Fact = Mapping[str, Any]
PAGE_MAX = 100  # rows of one list


class ReadModel:
    """Reads on one connection, as of one height.

    Args:
        connection: of the pages' engine (``database.open_public``).
        at: height; the newest checked one when None.
    Attributes:
        newest: the newest checked height.
        at: the height as of which everything is answered.
    """

    def __init__(self, connection: Connection, at: int | None = None) -> None:
        self._connection = connection
        self.newest = int(connection.execute(select(func.max(schema.blocks.c.height))).scalar_one() or 0)
        self.at = self.newest if at is None else min(at, self.newest)

    # --- things -------------------------------------------------------------------------------------------

    def item(self, identifier: str) -> Fact | None:
        """The row of a thing under control, with its status."""
        table, states = schema.items, schema.item_states
        row = self._first(select(table).where(table.c.identifier == identifier, table.c.from_height <= self.at))
        if row is None:
            return None
        status = self._first(select(states.c.status).where(states.c.identifier == identifier, self._holds(states)))
        return {**row, "status": status["status"] if status else 1}

    def events_of(self, identifier: str, *, first: int = 0, last: int | None = None) -> list[Fact]:
        """The effective events in a thing's own history, oldest first, between two heights (both included)."""
        return self._placed_events(schema.item_events, identifier, first, last)

    def statements_about(self, identifier: str) -> list[Fact]:
        """The stated events about an identifier."""
        return self._placed_events(schema.statements, identifier, 0, None)

    def lots_of(self, identifier: str) -> list[str]:
        """Key texts of the lots a serial belongs to."""
        table = schema.item_lots
        query = select(table.c.lot).where(table.c.identifier == identifier, table.c.from_height <= self.at)
        return [row["lot"] for row in self._rows(query.order_by(table.c.lot))]

    def containers_of(self, identifier: str) -> list[Fact]:
        """Containers a thing was in by public events: ``container``, ``from_height``, ``to_height``."""
        table = schema.session_contents
        query = select(table).where(table.c.identifier == identifier, table.c.from_height <= self.at)
        return [self._ended(row) for row in self._rows(query.order_by(table.c.from_height))]

    def contents_of(self, container: str) -> list[str]:
        """Things that are in a container by public events."""
        table = schema.session_contents
        query = select(table.c.identifier).where(table.c.container == container, self._holds(table))
        return [row["identifier"] for row in self._rows(query.order_by(table.c.identifier).limit(PAGE_MAX))]

    def made_from(self, identifier: str) -> list[str]:
        """Inputs of the transformation that a thing came out of."""
        return self._across(identifier, "output", "input")

    def used_for(self, identifier: str) -> list[str]:
        """Outputs of the transformations that a thing went into."""
        return self._across(identifier, "input", "output")

    def inspection(self, identifier: str) -> Fact | None:
        """The newest inspection."""
        table = schema.inspections
        return self._first(select(table).where(table.c.identifier == identifier, self._holds(table)))

    def recalls_on(self, identifiers: Iterable[str]) -> list[Fact]:
        """Recalls in force that reached any of these things, the newest first."""
        items, recalls = schema.item_recalls, schema.recalls
        reached = select(items.c.recall_id).where(
            items.c.identifier.in_(sorted(set(identifiers))), items.c.from_height <= self.at
        )
        query = select(recalls).where(recalls.c.recall_id.in_(reached), self._holds(recalls))
        return self._rows(query.order_by(recalls.c.from_height.desc()))

    def recalls_named(self, recall_ids: Iterable[str]) -> list[str]:
        """Those of these ids under which a recall is on record, in force or not."""
        table = schema.recalls
        query = select(table.c.recall_id).where(table.c.recall_id.in_(sorted(set(recall_ids)))).distinct()
        return sorted(row["recall_id"] for row in self._rows(query))

    def issued_under(self, gtin: str) -> int:
        """How many lots and serials of a GTIN are under control."""
        table = schema.items
        query = select(func.count()).select_from(table)
        return self._count(query.where(table.c.gtin == gtin, table.c.from_height <= self.at))

    def lots_under(self, gtin: str) -> list[str]:
        """Key texts of the newest lots of a GTIN. Serials are not listed: whoever has one knows its number."""
        table = schema.items
        query = select(table.c.identifier).where(
            table.c.gtin == gtin, table.c.kind == int(IdentifierKind.LOT), table.c.from_height <= self.at
        )
        return [row["identifier"] for row in self._rows(query.order_by(table.c.from_height.desc()).limit(PAGE_MAX))]

    # --- events -------------------------------------------------------------------------------------------

    def event(self, commitment: bytes) -> Fact | None:
        """An event by its commitment: where it took effect, else where it was first refused."""
        events = schema.events
        query = self._with_signer(events.c.commitment == commitment, events.c.height <= self.at)
        return self._first(query.order_by(events.c.status, events.c.height, events.c.transaction_index))

    def event_by_id(self, event_id: str) -> bytes | None:
        """Commitment of the newest event in effect with an ``eventID`` that is no error declaration."""
        events, declared = schema.events, schema.corrections
        query = select(events.c.commitment).where(
            events.c.event_id == event_id,
            events.c.status < 3,
            events.c.height <= self.at,
            events.c.commitment.not_in(select(declared.c.declared_by)),
        )
        row = self._first(query.order_by(events.c.height.desc()))
        return row["commitment"] if row else None

    def things_of(self, commitment: bytes) -> list[str]:
        """Things whose histories or statements hold an event."""
        found: set[str] = set()
        for table in (schema.item_events, schema.statements):
            query = select(table.c.identifier).where(table.c.commitment == commitment, table.c.height <= self.at)
            found.update(row["identifier"] for row in self._rows(query.limit(PAGE_MAX)))
        return sorted(found)

    def correction_of(self, commitment: bytes, organisation: str) -> Fact | None:
        """The declaration that an event was erroneous as ``organisation`` recorded it."""
        table = schema.corrections
        same = (table.c.commitment == commitment, table.c.organisation == organisation)
        row = self._first(select(table).where(*same, table.c.from_height <= self.at))
        return row and {**row, "corrective_event_ids": json.loads(row["corrective_event_ids"])}

    def corrected_by(self, commitment: bytes, organisation: str) -> bytes | None:
        """Commitment of the event that this one, recorded by ``organisation``, declares erroneous."""
        table = schema.corrections
        same = (table.c.declared_by == commitment, table.c.organisation == organisation)
        row = self._first(select(table.c.commitment).where(*same, table.c.from_height <= self.at))
        return row["commitment"] if row else None

    # --- chain --------------------------------------------------------------------------------------------

    def block(self, height: int) -> Fact | None:
        """One block."""
        table = schema.blocks
        return self._first(select(table).where(table.c.height == height, table.c.height <= self.at))

    def blocks(self, below: int, limit: int, *, with_transactions: bool = False) -> list[Fact]:
        """Blocks under a height, newest first."""
        table = schema.blocks
        query = select(table).where(table.c.height < below, table.c.height <= self.at)
        if with_transactions:
            query = query.where(table.c.transaction_count > 0)
        return self._rows(query.order_by(table.c.height.desc()).limit(min(limit, PAGE_MAX)))

    def transactions(self, height: int) -> list[Fact]:
        """A block's transactions in order."""
        table = schema.transactions
        return self._rows(select(table).where(table.c.height == height).order_by(table.c.transaction_index))

    def events_in(self, height: int) -> list[Fact]:
        """A block's events in order, without their contents."""
        table = schema.events
        columns = (table.c.transaction_index, table.c.event_index, table.c.commitment, table.c.status, table.c.biz_step)
        query = select(*columns).where(table.c.height == height)
        return self._rows(query.order_by(table.c.transaction_index, table.c.event_index).limit(1_000))

    def block_times(self, heights: Iterable[int]) -> dict[int, int]:
        """Block times, milliseconds since 1970, by height."""
        table = schema.blocks
        query = select(table.c.height, table.c.time_ms).where(table.c.height.in_(sorted(set(heights))))
        return {row["height"]: row["time_ms"] for row in self._rows(query)}

    def counts(self) -> dict[str, int]:
        """How many things and events there are."""
        items, events = schema.items, schema.events
        return {
            "items": self._count(select(func.count()).select_from(items).where(items.c.from_height <= self.at)),
            "events": self._count(select(func.count()).select_from(events).where(events.c.height <= self.at)),
        }

    # --- who ----------------------------------------------------------------------------------------------

    def organisations(self) -> dict[str, Fact]:
        """Organisations by id, as they are at the height."""
        table = schema.organisations
        rows = self._rows(select(table).where(self._holds(table)).order_by(table.c.organisation))
        lists = ("roles", "prefixes")
        return {row["organisation"]: {**row, **{name: json.loads(row[name]) for name in lists}} for row in rows}

    def issuer_of(self, identifier: str) -> Fact | None:
        """The organisation that holds the GS1 company prefix of a key."""
        key = parse_key(identifier)
        for organisation in self.organisations().values():
            if any(key.gs1_company_prefix_matches(prefix) for prefix in organisation["prefixes"]):
                return organisation
        return None

    # --- how ----------------------------------------------------------------------------------------------

    def _placed_events(self, table: Table, identifier: str, first: int, last: int | None) -> list[Fact]:
        events = schema.events
        until = self.at if last is None else min(last, self.at)
        place = and_(
            events.c.height == table.c.height,
            events.c.transaction_index == table.c.transaction_index,
            events.c.event_index == table.c.event_index,
        )
        query = self._with_signer(table.c.identifier == identifier, table.c.height.between(first, until))
        query = query.join(table, place)
        if "kind" in table.c:
            query = query.add_columns(table.c.kind)
        order = (events.c.height, events.c.transaction_index, events.c.event_index)
        return self._rows(query.order_by(*order))

    def _with_signer(self, *conditions: Any) -> Select[Any]:
        events, transactions, blocks = schema.events, schema.transactions, schema.blocks
        same = and_(
            events.c.height == transactions.c.height, events.c.transaction_index == transactions.c.transaction_index
        )
        query = select(events, transactions.c.organisation, blocks.c.time_ms.label("block_time_ms"))
        query = query.select_from(events).join(transactions, same).join(blocks, blocks.c.height == events.c.height)
        return query.where(*conditions)

    def _across(self, identifier: str, here: str, there: str) -> list[str]:
        table, other = schema.lineage, schema.lineage.alias()
        query = (
            select(other.c.identifier)
            .distinct()
            .join(table, table.c.commitment == other.c.commitment)
            .where(
                table.c.identifier == identifier,
                table.c.side == here,
                other.c.side == there,
                other.c.from_height <= self.at,
            )
        )
        return [row["identifier"] for row in self._rows(query.order_by(other.c.identifier).limit(PAGE_MAX))]

    def _holds(self, table: Table) -> Any:
        """The condition that a row holds at the height."""
        ends = or_(table.c.to_height.is_(None), table.c.to_height > self.at)
        return and_(table.c.from_height <= self.at, ends)

    def _ended(self, row: Fact) -> Fact:
        """A row whose end lies after the height, shown as without end."""
        ends = row["to_height"]
        return {**row, "to_height": ends if ends is not None and ends <= self.at else None}

    def _rows(self, query: Select[Any]) -> list[Fact]:
        return [dict(row._mapping) for row in self._connection.execute(query)]

    def _first(self, query: Select[Any]) -> Fact | None:
        row = self._connection.execute(query.limit(1)).first()
        return None if row is None else dict(row._mapping)

    def _count(self, query: Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())
