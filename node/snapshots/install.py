"""Putting a rebuilt database in the place of the old one: before a node opens it, in steps that a crash may part.

``database-joined`` exists only when it is complete: it is built under another name. What the old database knows of the
signer's logs and of earlier epochs is copied first; then two renames. docs/spec/snapshots.md, section 8.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from node.folder import DATABASE
from node.ledger import Ledger
from node.logs import log_fields
from node.snapshots.joining_folder import JOINING
from node.snapshots.service import SNAPSHOTS
from node.storage import LevelStore, Put
from node.tables import SIGNER_PREFIX, Table, after_prefix
from node.tree_file import TREE_FILE

BUILDING = "database-building"
JOINED = "database-joined"
OLD = "database-old"
# Rows of the old database that the new one gets, unless it has them.
KEPT_PREFIXES = (SIGNER_PREFIX, bytes((Table.EPOCHS,)), bytes((Table.RECOVERIES,)))

logger = logging.getLogger("tallystick.snapshots")


def install_joined(data: Path) -> None:
    """Finish what a join has prepared, if it has; the caller holds the lock of the data folder.

    Raises:
        StorageError: one of the databases cannot be read.
        OSError: the folder cannot be changed.
    """
    joined, database, old = data / JOINED, data / DATABASE, data / OLD
    if joined.is_dir():
        if database.is_dir():
            if not _carry_over(database, joined):
                logger.info("the snapshot is behind the blocks and is dropped")
                shutil.rmtree(joined)
                return
            shutil.rmtree(old, ignore_errors=True)
            database.rename(old)
            sync_folder(data)
        tree = joined / TREE_FILE
        if tree.is_file():  # the next start spares building it
            tree.replace(data / TREE_FILE)
        joined.rename(database)
        sync_folder(data)
        for name in (SNAPSHOTS, JOINING):  # older than what we stand on now
            shutil.rmtree(data / name, ignore_errors=True)
        logger.info("starting from a snapshot")
    if database.is_dir():
        shutil.rmtree(old, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _carry_over(database: Path, joined: Path) -> bool:
    """Copy what must not be forgotten; False when the old database is not behind the new one."""
    store = LevelStore(database)
    try:
        new = LevelStore(joined)
        try:
            was, now = Ledger(store).tip().executed.height, Ledger(new).tip().executed.height
            if was >= now:
                return False
            rows: list[Put] = []
            for prefix in KEPT_PREFIXES:
                pairs = store.range(prefix, after_prefix(prefix))
                rows += [(key, value) for key, value in pairs if new.get(key) is None]
            new.write(rows)
            logger.info("the snapshot takes over", extra=log_fields(from_height=was, height=now))
            return True
        finally:
            new.close()
    finally:
        store.close()
