"""The state in memory: tree versions of the newest heights, what they overwrote, the due queue, recent records.

It is the ``contracts.interface.StateView`` that rules read.

Records live in the ledger; here is what must be fast or must be known as of an earlier height. At a start the newest
tree comes from ``tree_start``, and trees before it, once asked for, from what each height overwrote (``past``).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from node.height_rows import replaced_row
from node.ledger import Ledger
from node.past import Past, rewound
from node.storage import Put
from node.tables import Table, number_key
from node.tree_file import TreeFile
from node.tree_start import newest_trie
from tallystick.errors import StorageError
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.records.base import Record, Space, key_hash, read_public
from tallystick.records.chain import DueItem, due_key
from tallystick.trie import Trie

RECORDS_CACHED_MAX = 50_000  # records kept decoded; about 0.4 kB each
PASTS_MAX = 4  # states of heights before the window that are kept once they were asked for
REWOUND_ON_LOOP = 4  # heights that a question may lay back at once: what a restarted node certifies is that near
ROWS_PER_SWEEP = 16  # rows of heights that are not kept any more, deleted per height
ABSENT_MAX = 100_000  # ids known not to be executed, and keys known not to be there, that are remembered

_DUE = bytes((Space.DUE,))


class State:
    """What rules and proofs read, at the newest executed height and at those shortly before it."""

    def __init__(
        self,
        ledger: Ledger,
        height: int,
        state_root: bytes,
        *,
        tree: TreeFile | None = None,
        versions: int | None = PROVABLE_HEIGHTS,
    ) -> None:
        """Read what a start needs.

        Args:
            state_root: what the tree's root must be; it is for the caller to compare.
            tree: where the tree is saved now and then; None: nowhere.
            versions: newest heights whose states are kept; None: of all that this node executes.
        """
        self._ledger = ledger
        self.height = height
        # Not a plain dict: finding the first entry of one that is emptied from the front takes longer and longer.
        self._cache: OrderedDict[bytes, Record | None] = OrderedDict()
        self._unwritten: dict[bytes, Record | None] = {}
        self._ids: set[bytes] = set()
        self._absent: set[bytes] = set()
        self._hashes: dict[bytes, bytes] = {}  # of keys not in the tree, asked for since the last height: many are next
        self._undo: dict[int, Mapping[bytes, Record | None]] = {}
        self._pasts: OrderedDict[int, Past] = OrderedDict()
        self._versions = versions
        self._tree_file = tree
        self._changed = 0
        self._due = [key for key, record in ledger.records(Space.DUE) if _waits(key, record)]
        self._tries = {height: newest_trie(ledger, height, state_root, tree)}
        oldest = ledger.oldest_replaced()
        self._oldest_row = height + 1 if oldest is None else oldest

    # --- the newest height --------------------------------------------------------------------------------

    @property
    def trie(self) -> Trie:
        """The tree of the newest height."""
        return self._tries[self.height]

    def get(self, key: bytes) -> Record | None:
        """The record of a key, or None.

        Absence is told by the tree, which is in memory and is what was agreed on. A disk is not asked for what is not
        there, as most keys of a new item are not: LevelDB would pass over every such question with its filters and yet
        count it as a seek, and rewrite twenty megabytes of tables for every hundred of them.

        Raises:
            StorageError: the tree has the key and the database does not.
        """
        if key in self._unwritten:
            return self._unwritten[key]
        if key in self._cache:
            return self._cache[key]
        hash_ = key_hash(key)
        if self._tries[self.height].get(hash_) is None:
            if len(self._hashes) >= ABSENT_MAX:
                self._hashes.clear()
            self._hashes[key] = hash_
            return None
        record = self._ledger.record(key)
        if record is None:
            raise StorageError(
                f"the database lacks the record of key {key.hex()}, which the state tree of height {self.height} has; "
                "restore the data folder or start it anew"
            )
        self._remember({key: record})
        return record

    def executed(self, transaction_id: bytes, valid_until_ms: int = 0) -> bool:
        """See ``StateView``; the index by id alone answers, since an id's head names its own expiry."""
        if transaction_id in self._absent:  # asked at the door, and again when its block is executed
            return False
        if transaction_id in self._ids or self._ledger.place(transaction_id) is not None:
            return True
        if len(self._absent) >= ABSENT_MAX:
            self._absent.clear()
        self._absent.add(transaction_id)
        return False

    def due(self, until_ms: int) -> Iterator[tuple[bytes, Record]]:
        """Waiting due items up to a time, in key order; parked ones wait for nothing and are left out."""
        for at in range(bisect_left(self._due, due_key(until_ms + 1, 0))):
            key = self._due[at]
            record = self.get(key)
            assert record is not None, "the due index names a record that is not there"
            yield key, record

    def advance(
        self,
        height: int,
        writes: Mapping[bytes, Record | None],
        replaced: Mapping[bytes, Record | None],
        leaves: Mapping[bytes, bytes],
        ids: Collection[bytes],
    ) -> Trie:
        """Move to the next height.

        Args:
            writes: every record changed, None for a deletion.
            replaced: what stood under each of these keys before.
            leaves: leaf hash of each of these keys; zeros for a deletion.
            ids: transactions executed for the first time.
        Returns:
            The tree after it.
        """
        assert height == self.height + 1
        self._undo[height] = replaced
        self._changed += len(writes)
        known = self._hashes.get
        changes = {
            known(key) or key_hash(key): None if record is None else leaves[key] for key, record in writes.items()
        }
        self._hashes.clear()
        self._tries[height] = self.trie.update(changes)
        self._unwritten.update(writes)
        self._ids.update(ids)
        self._absent.difference_update(ids)
        for key, record in writes.items():
            if key[:1] == _DUE:
                self._index_due(key, record)
        self.height = height
        self._tries.pop(height - PROVABLE_HEIGHTS, None)
        self._undo.pop(height - PROVABLE_HEIGHTS + 1, None)
        return self._tries[height]

    def past_rows(self) -> list[Put]:
        """The row of what the newest height overwrote, and deletions of rows that need not be kept any more."""
        rows: list[Put] = [replaced_row(self.height, self._undo[self.height])]
        if self._versions is not None:
            kept_from = self.height - self._versions + 2
            while self._oldest_row < kept_from and len(rows) <= ROWS_PER_SWEEP:
                rows.append((number_key(Table.REPLACED, self._oldest_row), None))
                self._oldest_row += 1
        return rows

    def written(self) -> None:
        """What was advanced to is in the ledger now."""
        self._remember(self._unwritten)
        self._unwritten.clear()
        self._ids.clear()
        if self._tree_file is not None:
            self._tree_file.changed(self._changed, self.height, self.trie)
        self._changed = 0

    # --- earlier heights ----------------------------------------------------------------------------------

    def oldest_height(self) -> int:
        """The oldest height whose state is kept."""
        return self._oldest_row - 1

    def trie_at(self, height: int) -> Trie | None:
        """The tree after a height; None when it is not kept or not executed yet, or while it ``is_far``."""
        trie = self._tries.get(height)
        if trie is not None or not self.oldest_height() <= height < self.height:
            return trie
        past = self._past(height)
        if past is not None:
            return past.trie
        if self.is_far(height):
            return None
        for earlier in range(min(self._tries) - 1, height - 1, -1):
            near = rewound(self._ledger, self._tries[earlier + 1], earlier + 1, earlier)
            self._tries[earlier], self._undo[earlier + 1] = near.trie, near.overwritten
        return self._tries[height]

    def record_at(self, key: bytes, height: int) -> Record | None:
        """The record of a key after a height, which ``trie_at`` must have answered."""
        first = height + 1
        past = self._past(height)
        if past is not None:
            if key in past.overwritten:
                return past.overwritten[key]
            first = past.up_to + 1
        for later in range(first, self.height + 1):
            overwritten = self._undo[later]
            if key in overwritten:
                return overwritten[key]
        return self.get(key)

    def is_far(self, height: int) -> bool:
        """Whether the state of a height is kept, but too far before those at hand to be laid back on the loop."""
        at_hand = max(min(self._tries) - REWOUND_ON_LOOP, self.height - PROVABLE_HEIGHTS + 1) <= height
        return self.oldest_height() <= height and not at_hand and self._past(height) is None

    def rewinding(self, height: int) -> Callable[[], Past]:
        """What lays the state of a height that ``is_far`` back, to be called in another thread; then ``keep`` it.

        It raises ``TooFarError`` when more has changed since than one question may cost.
        """
        from_height = min(self._tries)
        return partial(rewound, self._ledger, self._tries[from_height], from_height, height)

    def keep(self, past: Past) -> None:
        """Keep a state that was laid back at hand for a while."""
        self._pasts[past.height] = past
        self._pasts.move_to_end(past.height)
        while len(self._pasts) > PASTS_MAX:
            self._pasts.popitem(last=False)

    def _past(self, height: int) -> Past | None:
        """A state that was laid back, as long as everything that changed since it was is in memory."""
        past = self._pasts.get(height)
        return past if past is not None and past.up_to >= min(self._tries) else None

    def changed_at(self, height: int) -> Collection[bytes] | None:
        """Keys of the records that a height changed; None when it is too old."""
        changed = self._undo.get(height)
        return None if changed is None else changed.keys()

    # --- inside -------------------------------------------------------------------------------------------

    def _remember(self, records: Mapping[bytes, Record | None]) -> None:
        self._cache.update(records)
        for _ in range(len(self._cache) - RECORDS_CACHED_MAX):
            self._cache.popitem(last=False)

    def _index_due(self, key: bytes, record: Record | None) -> None:
        at = bisect_left(self._due, key)
        there = at < len(self._due) and self._due[at] == key
        waits = record is not None and _waits(key, record)
        if waits and not there:
            insort(self._due, key)
        elif there and not waits:
            del self._due[at]


def _waits(key: bytes, record: Record) -> bool:
    return key[:1] == _DUE and not read_public(record, DueItem).parked
