"""Members' data is out of reach of every public answer: by the tables, and by the connection itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from explorer import schema
from explorer.database import open_database
from tests.proof_bytes import unb64
from tests.proof_entries import written_out
from tests.unit.explorer.chain import BATCH, FOREIGN, LOT_A, NEVER, PACK, PALLET, PRODUCT, SECRET_WORDS
from tests.unit.explorer.sites import Explorer


def test_members_parts_are_in_members_tables(recalled: Explorer) -> None:
    with recalled.engine.connect() as connection:
        parts = b"".join(connection.execute(select(schema.members_events.c.members)).scalars())
    for word in ("SECRET-ORDER-77", "possessing_party", "bizLocation", '"quantity"'):
        assert word.encode() in parts


def test_the_copy_on_the_disk_is_for_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        engine = open_database(f"sqlite:///{tmp_path / 'copy.db'}", bytes(32), "test")
        with engine.connect():
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert "copy.db-wal" in modes and set(modes.values()) == {0o600}


@pytest.mark.parametrize("table", schema.MEMBERS_TABLES, ids=lambda table: table.name)
def test_the_pages_connection_cannot_read_a_members_table(recalled: Explorer, table: object) -> None:
    with recalled.site.engine.connect() as connection, pytest.raises(DatabaseError):
        connection.execute(select(table)).all()  # type: ignore[call-overload]


def test_the_pages_connection_cannot_write(recalled: Explorer) -> None:
    row = {"name": "x", "value": "y"}
    for statement in (
        insert(schema.copy_of).values(**row),
        update(schema.copy_of).values(value="y"),
        delete(schema.blocks),
        text("DROP TABLE blocks"),
        text("ATTACH DATABASE ':memory:' AS other"),
        text("PRAGMA writable_schema=ON"),
    ):
        with recalled.site.engine.connect() as connection, pytest.raises(DatabaseError):
            connection.execute(statement)  # type: ignore[call-overload]


def opened(bundle: str) -> str:
    """The byte strings of a proof bundle, read as text."""
    value = written_out(json.loads(bundle))
    parts = [shown["public"] for kind in ("events", "records") for shown in value[kind]]
    return "".join(unb64(part).decode(errors="replace") for part in parts)


def test_no_public_answer_holds_a_members_word(recalled: Explorer) -> None:
    with recalled.engine.connect() as connection:
        raws = connection.execute(select(schema.members_transactions.c.raw)).scalars().all()
        commitments = [row.hex() for row in connection.execute(select(schema.events.c.commitment)).scalars()]
        members = connection.execute(select(schema.members_events.c.members)).scalars().all()
    things = (PACK, BATCH, LOT_A, PALLET, PRODUCT, FOREIGN, NEVER)
    paths = [f"/{language}{path}" for language in ("en", "zh") for path in ("/", "/blocks", "/about/checking")]
    paths += [f"/{language}/{thing}{at}" for language in ("en", "zh") for thing in things for at in ("", "?at=25")]
    paths += [f"/v1/items/{thing}" for thing in things] + [f"/v1/proofs/item?id={thing}" for thing in things]
    paths += [f"/en/event/{commitment}" for commitment in commitments]
    paths += [f"/v1/events/{commitment}" for commitment in commitments]
    paths += [f"/{kind}/{height}" for kind in ("en/block", "v1/blocks") for height in range(15, 36, 2)]
    paths += ["/health", "/.well-known/head", "/openapi.json", "/v1/blocks?limit=100"]
    hidden = [*SECRET_WORDS, "possessing_party", "destinationList", "bizTransactionList", "bizLocation", '"quantity"']
    whole = {part.decode() for part in members}
    assert len(raws) > 30
    for path in paths:
        body = recalled.get(path).text
        shown = body + opened(body) if path.startswith("/v1/proofs/") else body
        for word in (*hidden, *whole):
            assert word not in shown, (path, word)
