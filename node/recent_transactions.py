"""Executed transactions that proofs showed lately, decoded: scans of one batch ask for the same captures."""

from __future__ import annotations

from collections import OrderedDict

from node.ledger import Ledger
from tallystick.transactions import SignedTransaction, decode_transaction

SIZE_MAX = 4 * 1_048_576  # bytes as they were sent; decoded they take some three times as much


class RecentTransactions:
    """By their places, which never change; those that were not asked for the longest go first."""

    def __init__(self, size_max: int = SIZE_MAX) -> None:
        self._size_max = size_max
        self._size = 0
        self._kept: OrderedDict[tuple[int, int], SignedTransaction] = OrderedDict()

    def at(self, ledger: Ledger, chain_id: bytes, height: int, index: int) -> SignedTransaction:
        """The transaction of a place, which must have been executed.

        Raises:
            PrunedError: the contents of its height are not kept any more.
        """
        place = height, index
        found = self._kept.get(place)
        if found is not None:
            self._kept.move_to_end(place)
            return found
        found = self._kept[place] = decode_transaction(ledger.transactions(height)[index], chain_id)
        self._size += found.size
        while self._size > self._size_max:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size
        return found
