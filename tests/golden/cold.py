"""A state with no index, no cache and no memory: the judge of ``MemoryState``, overlays and decoded halves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tallystick.encoding import decode, encode
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.records.base import Record, Space
from tallystick.records.chain import due_ms_of


class ColdState:
    """A ``StateView`` made anew from stored bytes for one block."""

    def __init__(self, rows: Mapping[bytes, bytes], executed: frozenset[bytes]) -> None:
        self._rows = rows
        self._executed = executed

    def get(self, key: bytes) -> Record | None:
        """The record of a key, decoded each time it is asked for."""
        data = self._rows.get(key)
        return None if data is None else decode(data, Record, size_max=3 * RECORD_SIZE_MAX)

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """Items of due work up to a time, in key order, by looking at every key there is."""
        found = []
        for key in sorted(self._rows):
            if key[0] == Space.DUE and due_ms_of(key) <= until_ms:
                record = self.get(key)
                assert record is not None
                found.append((key, record))
        return found

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        """Whether a transaction was executed before."""
        return transaction_id in self._executed


def rows_of(records: Mapping[bytes, Record]) -> dict[bytes, bytes]:
    """Records as a disk would hold them, in an order of its own."""
    return {key: encode(record) for key, record in sorted(records.items(), reverse=True)}
