"""States of earlier heights out of what each later height overwrote.

Every height leaves one row with the records that it replaced (``ReplacedRow``), so the state of any height is the
newest one with the rows above it laid back. How many rows are kept is the operator's choice, ``tree_versions`` in the
configuration. Heights in the window that ``State`` keeps in memory never come by here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.ledger import Ledger
from tallystick.errors import StorageError
from tallystick.records.base import Record, key_hash
from tallystick.trie import Trie

REWIND_CHANGES_MAX = 500_000  # changed keys between a height and the window: some 20 s in a thread, and 200 MB
CHANGES_PER_UPDATE = 8_192


class TooFarError(Exception):
    """More has changed since that height than a running node lays back for one question."""


@dataclass(frozen=True, slots=True)
class Past:
    """The state of one height.

    Attributes:
        overwritten: the record that every key changed between the height and ``up_to`` had at the height.
    """

    height: int
    trie: Trie
    overwritten: Mapping[bytes, Record | None]
    up_to: int


def rewound(ledger: Ledger, trie: Trie, from_height: int, height: int) -> Past:
    """The state of ``height`` from the tree of a later height whose rows are kept. Safe in another thread.

    Raises:
        TooFarError: more than ``REWIND_CHANGES_MAX`` keys have changed since.
        StorageError: a row is missing or damaged.
    """
    overwritten: dict[bytes, Record | None] = {}
    changes: dict[bytes, bytes | None] = {}
    for later in range(from_height, height, -1):
        row = ledger.replaced(later)
        if row is None:
            raise StorageError(f"the database lacks what height {later} overwrote")
        overwritten.update(row)
        for key, record in row.items():
            changes[key_hash(key)] = None if record is None else record.leaf_hash()
        if len(overwritten) > REWIND_CHANGES_MAX:
            raise TooFarError(f"more than {REWIND_CHANGES_MAX:,} records have changed since height {height}")
        if len(changes) >= CHANGES_PER_UPDATE:
            trie, changes = trie.update(changes), {}
    return Past(height, trie.update(changes), overwritten, from_height)
