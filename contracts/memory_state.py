"""The state in two dictionaries: for tests, and for replaying a chain without a disk."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping

from contracts.result import BlockResult
from tallystick.records.base import Record, Space
from tallystick.records.chain import due_key
from tallystick.records.goods import HistoryEntry


class MemoryState:
    """A ``StateView`` over dictionaries, changed only by whole blocks.

    Attributes:
        records: every record by its key.
        histories: every history entry by the key of the record that counts it, in order.
    """

    def __init__(self, records: Mapping[bytes, Record]) -> None:
        self.records = dict(records)
        self.histories: dict[bytes, list[HistoryEntry]] = {}
        self._executed: set[bytes] = set()
        self._due = sorted(key for key in self.records if key[0] == Space.DUE)

    def get(self, key: bytes) -> Record | None:
        """The record of a key."""
        return self.records.get(key)

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """Items of due work up to a time, in key order."""
        end = bisect_right(self._due, due_key(until_ms, 2**64 - 1))
        return [(key, self.records[key]) for key in self._due[:end]]

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        """Whether a transaction was executed."""
        return transaction_id in self._executed

    def apply(self, result: BlockResult) -> None:
        """Make a block's outcome the state."""
        for key, record in result.writes.items():
            known = key in self.records
            if record is None:
                self.records.pop(key, None)
                if known and key[0] == Space.DUE:
                    self._due.remove(key)
            else:
                self.records[key] = record
                if not known and key[0] == Space.DUE:
                    insort(self._due, key)
        for append in result.histories:
            entries = self.histories.setdefault(append.owner, [])
            assert append.index == len(entries)
            entries.append(append.entry)
        self._executed.update(transaction_id for transaction_id, _ in result.executed_ids)
