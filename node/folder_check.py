"""Checking the files of a data folder beside the rows of its database.

They are LevelDB's own, the signer's logs, the saved tree, the newest seal, and snapshots.
"""

from __future__ import annotations

from pathlib import Path

from node.bls_store import SealStore
from node.folder import CLOSING_SEALS, DATABASE, NEWEST_SEAL, SIGNER_LOG
from node.ledger import Ledger
from node.leveldb_files import FileDamage, check_database
from node.record_check import Disagreement
from node.signer_log import LOG_FORMAT, Opening, read_entry
from node.snapshots.check import check_snapshots
from node.snapshots.service import SNAPSHOTS
from node.tables import RETIRED
from node.tree_file import TREE_FILE, TreeFile, TreeFileError
from node.wal import read_records
from tallystick.errors import DecodeError, StorageError

TREE_REMEDY = f"delete {TREE_FILE}: the next start builds it from the records"
SEAL_REMEDY = f"delete the file: the next seal takes the place of {NEWEST_SEAL}, other members have {CLOSING_SEALS}"
SIGNER_REMEDY = (
    "a start cuts off what was never durable; if it refuses to, register a new validator key for the organisation"
)


def check_before_opening(data: Path) -> None:
    """What must be read before LevelDB opens the database: opening it may tidy the damage away, and tables with it.

    Raises:
        Disagreement: a file is damaged or cannot be read.
    """
    try:
        check_database(data / DATABASE)
    except (FileDamage, OSError) as error:
        raise Disagreement(str(error), -1) from error


def check_files(data: Path, ledger: Ledger, chain_id: bytes) -> None:
    """Everything else: rows that nothing else reads, signer's logs, the saved tree, snapshots.

    Raises:
        Disagreement: at the first file that is damaged.
        StorageError: a row cannot be read.
    """
    ledger.read_everything()
    for folder in sorted(data.glob(SIGNER_LOG + "*")):
        if folder.is_dir():
            _check_signer_log(folder, ledger, chain_id)
    _check_tree(data, ledger, chain_id)
    _check_seal(data)
    check_snapshots(data / SNAPSHOTS, ledger, chain_id)


def _check_signer_log(folder: Path, ledger: Ledger, chain_id: bytes) -> None:
    """Every record of every segment checks, and the first says whose log it is."""
    segments = sorted(folder.glob("*.log"))
    for path in segments:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Disagreement(f"the signer's log: {path} cannot be read: {error.strerror}", -1) from error
        payloads, end = read_records(content)
        if end < len(content):
            raise Disagreement(f"the signer's log does not check at byte {end} of {path}", -1, remedy=SIGNER_REMEDY)
        try:
            entries = [read_entry(payload) for payload in payloads]
        except StorageError as error:
            raise Disagreement(f"{path}: {error}", -1, remedy=SIGNER_REMEDY) from error
        if path is not segments[0] and path is not segments[-1] and not entries:
            raise Disagreement(f"the signer's log: {path} is empty between others", -1, remedy=SIGNER_REMEDY)
        if entries:
            _check_opening(entries[0], path, ledger, chain_id)


def _check_opening(entry: object, path: Path, ledger: Ledger, chain_id: bytes) -> None:
    if not isinstance(entry, Opening) or entry.format != LOG_FORMAT or entry.chain_id != chain_id:
        raise Disagreement(f"the signer's log: {path} does not say whose it is", -1, remedy=SIGNER_REMEDY)
    known = ledger.signer(entry.key)
    if known is not None and known.instance not in (entry.instance, RETIRED):  # a retired key's log is any log
        raise Disagreement(f"the signer's log: {path} is not the one this database was written with", -1)


def _check_tree(data: Path, ledger: Ledger, chain_id: bytes) -> None:
    file = TreeFile(data, chain_id)
    try:
        saved = file.read()
    except TreeFileError as error:
        raise Disagreement(f"the file {TREE_FILE} is of no use: {error}", -1, remedy=TREE_REMEDY) from error
    finally:
        file.close()
    if saved is None:
        return
    row = ledger.block(saved.height)
    if row is None or row.executed.state_root != saved.trie.root:
        raise Disagreement(
            f"the file {TREE_FILE} does not hold the tree of the height it names", saved.height, remedy=TREE_REMEDY
        )


def _check_seal(data: Path) -> None:
    try:
        SealStore(data / NEWEST_SEAL, data / CLOSING_SEALS).check()
    except DecodeError as error:
        raise Disagreement(f"a seal: {error}", -1, remedy=SEAL_REMEDY) from error
