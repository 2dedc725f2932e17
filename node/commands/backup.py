"""``tallystick-node backup``: everything that a node has stored in one file, without the record of its own votes."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from node.backup.archive import BackupHead, BackupReader, backup_rows, write_backup
from node.backup.control import CONTROL, ask_for_backup
from node.commands import Subparsers, add_config_option, new_parser, print_json
from node.config import NodeConfig, load_config
from node.folder import DATABASE, FolderLock
from node.ledger import Ledger
from node.snapshots.install import sync_folder
from node.storage import LevelStore
from tallystick.errors import ConfigError

EXAMPLES = """
tallystick-node backup /backups/grower.backup --config grower/node.toml
tallystick-node backup /backups --config grower/node.toml --json     # a folder: the file is named by its height
"""


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_parser(commands, "backup", backup, "write a backup of a node, running or stopped", EXAMPLES)
    parser.add_argument("out", type=Path, metavar="FILE", help="new file, or a folder to put one into")
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def backup(options: argparse.Namespace) -> int:
    """Write it, check it while it is written, and name it only when it is whole.

    Raises:
        ConfigError: there is nothing to back up, the file exists, or the disk is full.
        UnavailableError: a node runs on the folder and does not answer.
        StorageError: the database is damaged.
    """
    config = load_config(options.config)
    if not (config.data / DATABASE).is_dir():
        raise ConfigError(f"{config.data}: there is no database here; start the node first")
    if options.out.exists() and not options.out.is_dir():
        raise ConfigError(f"{options.out}: the file exists; name another, nothing is overwritten")
    folder = options.out if options.out.is_dir() else options.out.absolute().parent
    name = config.organisation.replace(":", "-")
    temporary: Path | None = None
    try:
        descriptor, temporary = _new_part(folder, name)
        head, size = _write(descriptor, _pieces(config))
        out = options.out
        if out.is_dir():
            out = out / f"{name}-{head.height}.backup"
            if out.exists():
                raise ConfigError(f"{out}: the file exists; a backup of this height was made before")
        os.link(temporary, out)  # unlike a rename, never over another file
        sync_folder(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: the backup cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    if options.json:
        print_json(
            {"file": str(out), "height": head.height, "state_root": head.state_root.hex(), "size": size, "whole": True}
        )
    else:
        print(f"{out}: everything up to height {head.height}, {size:,} bytes, without keys and record of own votes.")
    return 0


def _new_part(folder: Path, name: str) -> tuple[int, Path]:
    """A new file to write to, open, locked and for nobody else; what a killed backup left over is thrown away.

    Raises:
        OSError: the folder cannot be written.
    """
    for left in folder.glob(f".{name}.backup.*.part"):
        with contextlib.suppress(OSError), left.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # of a backup that is being written it fails
            left.unlink()
    descriptor, path = tempfile.mkstemp(prefix=f".{name}.backup.", suffix=".part", dir=folder)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor, Path(path)


def _write(descriptor: int, pieces: Iterator[bytes]) -> tuple[BackupHead, int]:
    """Write a backup through to the disk; its head and size."""
    reader = BackupReader()
    size = 0
    with os.fdopen(descriptor, "wb") as stream:
        for piece in pieces:
            reader.feed(piece)
            stream.write(piece)
            size += len(piece)
        head = reader.end()
        stream.flush()
        os.fsync(stream.fileno())
    return head, size


def _pieces(config: NodeConfig) -> Iterator[bytes]:
    """From the folder where no node runs on it, else from the running node."""
    try:
        lock = FolderLock(config.data)
    except ConfigError:
        if not (config.data / CONTROL).exists():
            raise
        yield from ask_for_backup(config.data)
        return
    with lock:
        store = LevelStore(config.data / DATABASE)
        try:
            Ledger(store)  # a damaged floor is told before anything is written
            view = store.view()
            yield from write_backup(view, backup_rows(view))
            view.close()
        finally:
            store.close()
