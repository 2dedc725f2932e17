"""The tree of the newest height at a start: from the saved tree and the receipts since, or from all records."""

from __future__ import annotations

import logging

from node.ledger import Ledger, PrunedError
from node.logs import log_fields
from node.tree_file import SavedTree, TreeFile, TreeFileError
from tallystick.encoding import ZERO32
from tallystick.errors import StorageError
from tallystick.receipts import Receipt
from tallystick.records.base import key_hash, read_stored
from tallystick.trie import Trie

KEYS_PER_UPDATE = 32_768  # larger batches share more hashes; this many take about 10 MB

logger = logging.getLogger("tallystick.node")


def newest_trie(ledger: Ledger, height: int, state_root: bytes, file: TreeFile | None) -> Trie:
    """The tree after ``height``. Its root is ``state_root`` unless the records in the database are damaged.

    Raises:
        StorageError: the database lacks something, or a row of it is damaged.
    """
    saved = None if file is None else _saved(file)
    if file is not None and saved is not None:
        trie = _brought_forward(ledger, saved, height, file)
        if trie is not None and trie.root == state_root:
            return trie
        logger.warning("the saved state tree does not agree with the blocks; building it from the records")
    trie = rebuilt(ledger, file)
    if file is not None and trie.root == state_root:
        file.changed(len(trie), height, trie)
    return trie


def rebuilt(ledger: Ledger, file: TreeFile | None = None) -> Trie:
    """The tree over all records: slow, and needs nothing else."""
    trie = Trie()
    changes: dict[bytes, bytes | None] = {}
    for key, record in ledger.records():
        changes[key_hash(key)] = record.leaf_hash()
        if len(changes) == KEYS_PER_UPDATE:
            trie, changes = _laid(trie.update(changes), file), {}
    return _laid(trie.update(changes), file)


def _laid(trie: Trie, file: TreeFile | None) -> Trie:
    return trie if file is None or trie.has_shelf else file.laid(trie)


def changes_of(ledger: Ledger, height: int) -> dict[bytes, bytes | None]:
    """Key hash to leaf hash (None: deleted) of every record that a height changed, out of its receipts."""
    changes: dict[bytes, bytes | None] = {}
    for data in ledger.receipts(height):
        for change in read_stored(data, Receipt).changes:
            changes[key_hash(change.key)] = None if change.leaf == ZERO32 else change.leaf
    return changes


def _saved(file: TreeFile) -> SavedTree | None:
    try:
        return file.read()
    except TreeFileError as error:
        logger.warning("the saved state tree is of no use", extra=log_fields(error=str(error)))
        return None


def _brought_forward(ledger: Ledger, saved: SavedTree, height: int, file: TreeFile) -> Trie | None:
    """The saved tree with the receipts since applied; None when it is not the tree of the height it names."""
    row = ledger.block(saved.height) if saved.height <= height else None
    if row is None or row.executed.state_root != saved.trie.root:
        return None
    trie, changes, count = saved.trie, dict[bytes, bytes | None](), 0
    try:
        for later in range(saved.height + 1, height + 1):
            changes.update(changes_of(ledger, later))
            if len(changes) >= KEYS_PER_UPDATE or later == height:
                count += len(changes)
                trie, changes = trie.update(changes), {}
    except (
        StorageError,
        PrunedError,
    ):  # receipts of heights that are not kept any more, or damage that the records will show
        return None
    file.replayed(count)
    return trie
