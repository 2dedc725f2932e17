"""``tallystick-node restore``: a node's database out of a backup, whole or not at all."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from node.backup.archive import BackupError, BackupHead, BackupReader
from node.commands import Subparsers, add_config_option, new_parser, print_json
from node.config import load_config
from node.folder import DATABASE, FolderLock
from node.founding import read_genesis
from node.ledger import Ledger, restored_row
from node.snapshots.install import BUILDING, JOINED, sync_folder
from node.storage import LevelStore, Put
from node.tables import STORE_FORMAT, RestoredRow
from node.tree_file import TREE_FILE
from tallystick.errors import ConfigError

READ_SIZE = 1_048_576
ROWS_PER_BATCH = 4_096
ROOM = 1.3  # bytes of a database, while it is written, per byte of its backup
EXAMPLES = """
tallystick-node restore /backups/grower.backup --config grower/node.toml
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "restore", restore, "make a node's database out of a backup", EXAMPLES)
    parser.add_argument("file", type=Path, metavar="FILE", help="what `tallystick-node backup` wrote")
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def restore(options: argparse.Namespace) -> int:
    """Restore into a data folder without a database; after any error there is still none.

    Raises:
        ConfigError: another chain's, not whole, no room, or a database is there already.
    """
    config = load_config(options.config)
    genesis, _ = read_genesis(config.genesis)
    head = restore_database(config.data, options.file, genesis.chain_id())
    if options.json:
        print_json({"height": head.height, "state_root": head.state_root.hex()})
    else:
        print(
            f"Restored up to height {head.height}. On its start the node asks the others what it signed last, and "
            "votes only if nobody knows of anything newer; else it says what to do."
        )
    return 0


def restore_database(data: Path, file: Path, chain_id: bytes) -> BackupHead:
    """Make the database of a data folder that has none.

    Raises:
        ConfigError: see ``restore``.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    with FolderLock(data):
        if (data / DATABASE).exists() or (data / JOINED).exists():
            raise ConfigError(f"{data}: there is a database here; move it away first, nothing is overwritten")
        free = shutil.disk_usage(data).free
        if free < size * ROOM:
            raise ConfigError(f"{data}: {free:,} bytes are free, restoring takes about {int(size * ROOM):,}; make room")
        building = data / BUILDING
        shutil.rmtree(building, ignore_errors=True)
        try:
            head = _fill(building, file, chain_id)
            (data / TREE_FILE).unlink(missing_ok=True)
            building.rename(data / DATABASE)
            sync_folder(data)
        except OSError as error:
            raise ConfigError(f"{data}: the backup cannot be restored: {error.strerror or error}") from error
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return head


def _fill(folder: Path, file: Path, chain_id: bytes) -> BackupHead:
    """Write all rows; the store is closed afterwards."""
    reader = BackupReader()
    store = LevelStore(folder)
    try:
        puts: list[Put] = []
        with file.open("rb") as stream:
            while data := stream.read(READ_SIZE):
                puts += _fed(reader, data, file, chain_id)
                if len(puts) >= ROWS_PER_BATCH:
                    store.write(puts)
                    puts = []
        store.write(puts)
        try:
            head = reader.end()
        except BackupError as error:
            raise BackupError(f"{file}: {error}") from error
        tip = Ledger(store).tip()
        if (tip.executed.height, tip.executed.state_root) != (head.height, head.state_root):
            raise BackupError(f"{file}: it is damaged: its newest height is not the one that its head names")
        store.write([restored_row(RestoredRow(tip.epoch, tip.view))])
    finally:
        store.close()
    return head


def _fed(reader: BackupReader, data: bytes, file: Path, chain_id: bytes) -> list[Put]:
    known = reader.head
    try:
        puts = reader.feed(data)
    except BackupError as error:
        raise BackupError(f"{file}: {error}") from error
    head = reader.head
    if head is not None and known is None:
        if head.chain_id != chain_id:
            raise BackupError(
                f"{file}: it is a backup of chain {head.chain_id.hex()[:16]}…, the genesis file is of chain "
                f"{chain_id.hex()[:16]}…; check `genesis` in the configuration"
            )
        if head.store_format != STORE_FORMAT:
            raise BackupError(f"{file}: it has format {head.store_format}, this software reads {STORE_FORMAT}")
    return puts
