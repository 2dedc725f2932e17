"""Checking a finished read model: its chain is checked again from genesis, and every row rebuilt and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, func, select
from sqlalchemy.pool import StaticPool

from explorer import schema
from explorer.chain_copy import ChainCopy, CopyError, EpochEndedError
from explorer.follower import restore, restore_validators
from explorer.founding import Founding
from explorer.projection import Projection
from tallystick.api import BlockAnswer
from tallystick.encoding import decode
from tallystick.errors import DecodeError
from tallystick.votes import Certificate

BATCH = 200  # heights checked at once
DIFFERENCES_MAX = 20  # named one by one; more are only counted


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        height: newest height that was rebuilt.
        rows: rows compared.
        differences: one sentence each.
    """

    height: int
    rows: int
    differences: tuple[str, ...]


def check(engine: Engine, founding: Founding) -> CheckResult:
    """Rebuild from the copied chain and compare every table."""
    twin = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    schema.metadata.create_all(twin)
    with engine.connect() as ours, twin.begin() as theirs:
        validators = restore_validators(ours, founding)
        copy = ChainCopy(founding.chain_id, validators, restore(theirs, founding, validators))
        differences: list[str] = []
        try:
            _rebuild(ours, copy, Projection(theirs, validators))
        except (CopyError, DecodeError, EpochEndedError) as error:
            differences.append(f"the copied chain does not verify: {error}")
        height = copy.position.height
        rows = 0
        for table in schema.metadata.sorted_tables:
            if table not in (schema.copy_of, schema.tail, schema.epochs):
                rows += _compare(table, ours, theirs, height, differences)
    twin.dispose()
    return CheckResult(height, rows, tuple(differences))


def _rebuild(connection: Connection, copy: ChainCopy, projection: Projection) -> None:
    """Check the copied chain from genesis on and project every height of it.

    Raises:
        CopyError: it does not verify, or ends without a header that certifies its newest heights.
    """
    newest = int(connection.execute(select(func.max(schema.blocks.c.height))).scalar_one() or 0)
    while copy.position.height < newest:
        checked = copy.accept(_blocks(connection, copy.position.height))
        if not checked:
            raise CopyError("not-certified", copy.position.height + 1, "no copied header certifies it")
        for height in checked:
            projection.height(height)


def _blocks(connection: Connection, above: int) -> list[BlockAnswer]:
    """Copied blocks in order; behind the last one the headers that certify it."""
    answers: list[BlockAnswer] = []
    for table in (schema.blocks, schema.tail):
        columns = (table.c.height, table.c.header, table.c.finalisation)
        query = select(*columns).where(table.c.height > above).order_by(table.c.height).limit(BATCH - len(answers))
        for row in connection.execute(query):
            certificate = row.finalisation and decode(row.finalisation, Certificate, size_max=8_192)
            raws = _column(connection, schema.members_transactions, row.height, "transaction_index")
            receipts = _column(connection, schema.members_receipts, row.height, "receipt_index")
            answers.append(BlockAnswer(row.header, certificate, raws, receipts))
    return answers


def _column(connection: Connection, table: Table, height: int, order: str) -> tuple[bytes, ...]:
    query = select(table.c.raw).where(table.c.height == height).order_by(table.c[order])
    return tuple(connection.execute(query).scalars())


def _compare(table: Table, ours: Connection, theirs: Connection, height: int, differences: list[str]) -> int:
    """Compare one table's rows up to a height; an end beyond the height counts as none."""
    found, rebuilt = _read(table, ours, height), _read(table, theirs, height)
    for key in sorted(found.keys() | rebuilt.keys(), key=repr):
        if found.get(key) == rebuilt.get(key):
            continue
        if key not in rebuilt:
            word = "is not on the chain"
        elif key not in found:
            word = "is missing"
        else:
            mine, chains = found[key], rebuilt[key]
            names = [column.name for column in table.c if mine[column.name] != chains[column.name]]
            word = f"differs in {', '.join(names)}"
        differences.append(f"{table.name}: row {_shown(key)} {word}")
    return len(found)


def _read(table: Table, connection: Connection, height: int) -> dict[tuple[object, ...], dict[str, Any]]:
    since = table.c["from_height"] if "from_height" in table.c else table.c["height"]
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in connection.execute(select(table).where(since <= height)):
        values: dict[str, Any] = dict(row._mapping)
        ends = values.get("to_height")
        if ends is not None and ends > height:
            values["to_height"] = None
        rows[tuple(values[column.name] for column in table.primary_key)] = values
    return rows


def _shown(key: tuple[object, ...]) -> str:
    return "/".join(part.hex()[:16] if isinstance(part, bytes) else str(part) for part in key)
