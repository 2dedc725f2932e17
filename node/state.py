"""The state in memory: tree versions of the newest heights, what they overwrote, the due queue, recent records.

It is the ``contracts.interface.StateView`` that rules read.

Records live in the ledger; here is what must be fast or must be known as of an earlier height. Nothing in here is
stored: a start rebuilds it from the records.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping

from node.ledger import Ledger
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.records.base import Record, Space, key_hash, read_public
from tallystick.records.chain import DueItem, due_key
from tallystick.trie import Trie

RECORDS_CACHED_MAX = 50_000  # records kept decoded; about 0.4 kB each
ABSENT_MAX = 100_000  # ids known not to be executed: those of the mempool, and what was looked up besides

_DUE = bytes((Space.DUE,))


class State:
    """What rules and proofs read, at the newest executed height and at those shortly before it."""

    def __init__(self, ledger: Ledger, height: int) -> None:
        self._ledger = ledger
        self.height = height
        # Not a plain dict: finding the first entry of one that is emptied from the front takes longer and longer.
        self._cache: OrderedDict[bytes, Record | None] = OrderedDict()
        self._unwritten: dict[bytes, Record | None] = {}
        self._ids: set[bytes] = set()
        self._absent: set[bytes] = set()
        self._due: list[bytes] = []
        self._undo: dict[int, Mapping[bytes, Record | None]] = {}
        leaves: dict[bytes, bytes | None] = {}
        for key, record in ledger.records():
            leaves[key_hash(key)] = record.leaf_hash()
            if _waits(key, record):
                self._due.append(key)
        self._tries = {height: Trie().update(leaves)}

    # --- the newest height --------------------------------------------------------------------------------

    @property
    def trie(self) -> Trie:
        """The tree of the newest height."""
        return self._tries[self.height]

    def get(self, key: bytes) -> Record | None:
        """The record of a key, or None."""
        if key in self._unwritten:
            return self._unwritten[key]
        if key in self._cache:
            return self._cache[key]
        record = self._ledger.record(key)
        if record is not None:  # what is not there is mostly about to be written
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
        changes = {key_hash(key): None if record is None else leaves[key] for key, record in writes.items()}
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

    def written(self) -> None:
        """What was advanced to is in the ledger now."""
        self._remember(self._unwritten)
        self._unwritten.clear()
        self._ids.clear()

    # --- earlier heights ----------------------------------------------------------------------------------

    def oldest_height(self) -> int:
        """The oldest height that ``trie_at`` and ``record_at`` know."""
        return next(iter(self._tries))

    def trie_at(self, height: int) -> Trie | None:
        """The tree after a height, or None when it is too old or not executed yet."""
        return self._tries.get(height)

    def record_at(self, key: bytes, height: int) -> Record | None:
        """The record of a key after a height, which ``trie_at`` must know."""
        assert height in self._tries
        for later in range(height + 1, self.height + 1):
            overwritten = self._undo[later]
            if key in overwritten:
                return overwritten[key]
        return self.get(key)

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
