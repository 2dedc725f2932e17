"""What executing one final block gives: everything the shell stores, and nothing it has to work out."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.goods import HistoryEntry


class HistoryAppend(msgspec.Struct, frozen=True, gc=False):
    """One new leaf of a history: which record's (item, session, statements), at which index, what."""

    owner: bytes
    index: int
    entry: HistoryEntry


@dataclass(frozen=True, slots=True)
class BlockResult:
    """The outcome of one height.

    Attributes:
        receipts: due work first, then transactions in order, then the system receipt.
        writes: every record changed at this height with its final value, None for a deletion.
        replaced: what stood under each of these keys before.
        histories: leaves appended, in order.
        executed_ids: (transaction id, valid_until_ms) of every transaction executed for the first time.
        next_due_ms: time of the earliest due work that is left, or None.
        faults: for the operator's log, one text per rule that had a fault (RULE_FAULT); no part of the ledger.
    """

    receipts: tuple[Receipt, ...]
    writes: dict[bytes, Record | None]
    replaced: dict[bytes, Record | None]
    histories: tuple[HistoryAppend, ...]
    executed_ids: tuple[tuple[bytes, int], ...]
    next_due_ms: int | None
    faults: tuple[str, ...] = ()

    def leaves(self) -> dict[bytes, bytes]:
        """Leaf hash of every changed key at the end of the height, out of the receipts; 32 zero bytes: deleted."""
        return {change.key: change.leaf for receipt in self.receipts for change in receipt.changes}
