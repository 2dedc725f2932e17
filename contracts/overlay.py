"""The state as one block sees it: what it has written so far, laid over the state before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contracts.interface import StateView
from tallystick.records.base import Record, Space
from tallystick.records.chain import due_key


class BlockOverlay:
    """A ``StateView`` for the invocations of one block. Reads of the state below are made once.

    Attributes:
        writes: every record changed so far, None for a deletion.
        replaced: what stood under each of these keys before the block.
    """

    def __init__(self, view: StateView) -> None:
        self._view = view
        self._known: dict[bytes, Record | None] = {}
        self._ids: dict[bytes, int] = {}
        self.writes: dict[bytes, Record | None] = {}
        self.replaced: dict[bytes, Record | None] = {}

    def get(self, key: bytes) -> Record | None:
        """The record of a key."""
        known = self._known
        if key in known:
            return known[key]
        record = self._view.get(key)
        known[key] = record
        return record

    def keep(self, staged: Mapping[bytes, Record | None]) -> None:
        """Make the staged writes of one invocation part of the block."""
        known, replaced = self._known, self.replaced
        for key in staged:
            if key not in replaced:
                replaced[key] = known[key] if key in known else self._view.get(key)
        self.writes.update(staged)
        known.update(staged)

    def due(self, until_ms: int) -> Iterator[tuple[bytes, Record]]:
        """Items of due work in key order, those scheduled in this block included, those deleted left out."""
        end = due_key(until_ms, 2**64 - 1)
        added = {key: record for key, record in self.writes.items() if key[0] == Space.DUE and key <= end}
        if not added:
            yield from self._view.due(until_ms)
            return
        new = iter(sorted(key for key, record in added.items() if record is not None))
        next_new = next(new, None)
        for key, record in self._view.due(until_ms):
            while next_new is not None and next_new < key:
                yield next_new, _present(added[next_new])
                next_new = next(new, None)
            if key == next_new:
                next_new = next(new, None)
            current = added.get(key, record)
            if current is not None:
                yield key, current
        while next_new is not None:
            yield next_new, _present(added[next_new])
            next_new = next(new, None)

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        """Whether a transaction was executed, in an earlier block or in this one."""
        return transaction_id in self._ids or self._view.executed(transaction_id, valid_until_ms)

    def mark_executed(self, transaction_id: bytes, valid_until_ms: int) -> None:
        """Note that a transaction was executed in this block."""
        self._ids[transaction_id] = valid_until_ms

    def executed_ids(self) -> Iterable[tuple[bytes, int]]:
        """(id, valid_until_ms) of the transactions noted, in order."""
        return self._ids.items()


def _present(record: Record | None) -> Record:
    assert record is not None
    return record
