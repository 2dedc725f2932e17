"""Writing rows that never change but for their end: collected, written in bulk, closed once."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import ColumnElement, Connection, Row, Table, insert, select, update

Values = dict[str, object]


class RowWriter:
    """Collects the rows of one height and writes them on one connection; the caller commits.

    Attributes:
        height: the height that is being written.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.height = 0
        self._waiting: dict[Table, list[Values]] = defaultdict(list)

    def add(self, table: Table, **values: object) -> None:
        """A row; ``height`` or ``from_height`` is filled in."""
        columns = table.c
        if "from_height" in columns:
            values.setdefault("from_height", self.height)
        elif "height" in columns:
            values.setdefault("height", self.height)
        if "to_height" in columns:
            values.setdefault("to_height", None)
        self._waiting[table].append(values)

    def flush(self, table: Table | None = None) -> None:
        """Write what waits, of one table or of all."""
        for each in [table] if table is not None else list(self._waiting):
            rows = self._waiting.pop(each, [])
            if rows:
                self.connection.execute(insert(each), rows)

    def open_rows(self, table: Table, *conditions: ColumnElement[bool]) -> list[Row[tuple[object, ...]]]:
        """Rows without an end that match."""
        self.flush(table)
        return list(self.connection.execute(select(table).where(table.c.to_height.is_(None), *conditions)))

    def exists(self, table: Table, *conditions: ColumnElement[bool]) -> bool:
        """Whether a row matches."""
        self.flush(table)
        return self.connection.execute(select(1).select_from(table).where(*conditions).limit(1)).first() is not None

    def close(self, table: Table, *conditions: ColumnElement[bool]) -> None:
        """End the open rows that match at this height; one that began at this very height is taken back.

        Such a row was never visible as of any height, because a height is shown whole or not at all.
        """
        self.flush(table)
        open_now = (table.c.to_height.is_(None), *conditions)
        self.connection.execute(table.delete().where(table.c.from_height == self.height, *open_now))
        self.connection.execute(update(table).where(*open_now).values(to_height=self.height))
