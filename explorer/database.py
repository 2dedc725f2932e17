"""Opening the read model: once with all rights for the follower, once for the pages, which cannot see members' tables.

With SQLite the pages' connections carry an authoriser: the engine itself refuses to prepare a statement that reads a
members' table or writes anything. With another database give the pages a user without those rights
(``public_database``).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from explorer import schema
from tallystick.errors import ConfigError, StorageError

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_TRANSACTION = sqlite3.SQLITE_TRANSACTION


def open_database(address: str, chain_id: bytes, network: str) -> Engine:
    """The read model with all rights; its tables are made when they are missing.

    Raises:
        ConfigError: the address is wrong, the database is of another chain or of another version of this software.
    """
    try:
        _make_private(address)
        engine = _engine(address)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _tune)
        _make_or_check(engine, address, chain_id, network)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise ConfigError(f"cannot open the database {_shown(address)}: {_first_line(error)}") from error
    return engine


def open_existing(address: str, chain_id: bytes, network: str) -> Engine:
    """The same, of a read model that must be there already. Raises: ConfigError."""
    path = address.removeprefix("sqlite:///")
    if path != address and not Path(path).exists():
        raise ConfigError(f"{path}: no read model there; `tallystick-explorer run` makes one")
    return open_database(address, chain_id, network)


def open_public(address: str) -> Engine:
    """The read model for public pages: reading only, and without members' tables."""
    engine = _engine(address)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _guard)
    return engine


def _engine(address: str) -> Engine:
    if address in ("sqlite://", "sqlite:///:memory:"):
        return create_engine(address, poolclass=StaticPool, connect_args={"check_same_thread": False})
    return create_engine(address)


def _make_private(address: str) -> None:
    """A file of ours is for nobody else from its first byte on: members' parts stand in it. SQLite's files beside it
    get the same mode; one that is there keeps the mode that its owner gave it.

    Raises:
        ConfigError: it cannot be made.
    """
    path = address.removeprefix("sqlite:///")
    if path in (address, "", ":memory:") or path.startswith("file:") or "?" in path:
        return
    try:
        Path(path).touch(mode=0o600)
    except OSError as error:
        raise ConfigError(f"cannot open the database {_shown(address)}: {error.strerror}") from error


def _make_or_check(engine: Engine, address: str, chain_id: bytes, network: str) -> None:
    ours = {"chain_id": chain_id.hex(), "network": network, "schema_version": str(schema.SCHEMA_VERSION)}
    there = set(inspect(engine).get_table_names())
    if there and schema.copy_of.name not in there:
        raise ConfigError(f"{_shown(address)} holds tables that are not an explorer's; name another database")
    if not there:
        schema.metadata.create_all(engine)
        with engine.begin() as connection:
            connection.execute(insert(schema.copy_of), [{"name": name, "value": ours[name]} for name in ours])
        return
    with engine.connect() as connection:
        found = {row.name: row.value for row in connection.execute(select(schema.copy_of))}
    if found.get("schema_version") != ours["schema_version"]:
        version = found.get("schema_version")
        raise ConfigError(
            f"{_shown(address)} was made by another version (tables {version}, this software has "
            f"{schema.SCHEMA_VERSION}); name a new database, it is rebuilt from the chain"
        )
    if found.get("chain_id") != ours["chain_id"]:
        raise ConfigError(f"{_shown(address)} is a copy of another chain than the pinned genesis; name another one")


def _tune(connection: Any, _record: object) -> None:
    """Readers and the follower's writer do not wait for one another; a commit survives a crash of the process."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _guard(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout=2000")
    connection.set_authorizer(_authorise)


def _authorise(action: int, first: str | None, _second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action == _TRANSACTION:
        return sqlite3.SQLITE_OK
    if action not in _READS:
        return sqlite3.SQLITE_DENY
    hidden = action == sqlite3.SQLITE_READ and (first or "").startswith(schema.MEMBERS_PREFIX)
    return sqlite3.SQLITE_DENY if hidden else sqlite3.SQLITE_OK


def storage_error(error: SQLAlchemyError) -> StorageError:
    """The one sentence for a database that failed while running."""
    return StorageError(f"the read model failed: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _shown(address: str) -> str:
    """The address without a password."""
    scheme, separator, rest = address.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
