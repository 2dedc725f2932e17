"""Transactions that wait to be put into a block: verified once, bounded, in order of arrival.

A transaction stays, with its decoded events and hashes, until it is executed or expires. Those that stand in a block
that is not executed yet are *placed*: another block on the same chain does not take them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from heapq import heappop, heappush

from tallystick import limits
from tallystick.admission import VerifiedTransaction
from tallystick.errors import DecodeError, UnavailableError
from tallystick.transactions import check_validity


@dataclass(frozen=True, slots=True)
class MempoolLimits:
    """Bounds of one mempool, see ``tallystick.limits``."""

    transactions_max: int = limits.MEMPOOL_TRANSACTIONS_MAX
    size_max: int = limits.MEMPOOL_SIZE_MAX
    per_signer_max: int = limits.MEMPOOL_PER_ORGANISATION_MAX


class Mempool:
    """The waiting room of one node.

    Attributes:
        size: bytes of all transactions in it.
    """

    def __init__(self, bounds: MempoolLimits | None = None) -> None:
        self._bounds = bounds or MempoolLimits()
        self._by_id: dict[bytes, VerifiedTransaction] = {}
        self._by_leaf: dict[bytes, VerifiedTransaction] = {}
        self._by_signer: dict[bytes, int] = {}
        self._expiries: list[tuple[int, bytes]] = []
        self._placed: dict[bytes, int] = {}
        self._unplaced = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._by_id

    @property
    def unplaced(self) -> int:
        """How many are in no block that we know of."""
        return self._unplaced

    def by_leaf(self, witness_leaf: bytes) -> VerifiedTransaction | None:
        """The transaction of a witness leaf, or None."""
        return self._by_leaf.get(witness_leaf)

    def check_room(self, signer: bytes, size: int) -> None:
        """Check that one more would fit; ``add`` itself does not.

        Raises:
            UnavailableError: the room, or this signer's share of it, is full.
        """
        bounds = self._bounds
        if len(self._by_id) >= bounds.transactions_max or self.size + size > bounds.size_max:
            raise UnavailableError(
                f"this node's mempool is full ({len(self._by_id)} transactions, {self.size} bytes); try again shortly"
            )
        if self._by_signer.get(signer, 0) >= bounds.per_signer_max:
            raise UnavailableError(
                f"{bounds.per_signer_max} transactions of this signer wait already; try again when they are executed"
            )

    def add(self, transaction: VerifiedTransaction) -> bool:
        """Take a transaction in; False when its id is here already."""
        signed = transaction.signed
        if signed.id in self._by_id:
            return False
        self._by_id[signed.id] = transaction
        self._by_leaf[signed.witness_leaf] = transaction
        signer = signed.head.signers[0]
        self._by_signer[signer] = self._by_signer.get(signer, 0) + 1
        heappush(self._expiries, (signed.head.valid_until_ms, signed.id))
        self.size += signed.size
        if signed.id not in self._placed:
            self._unplaced += 1
        return True

    def remove(self, transaction_ids: Iterable[bytes]) -> None:
        """Let executed transactions go; ids that are not here are ignored."""
        for id_ in transaction_ids:
            transaction = self._by_id.pop(id_, None)
            if transaction is None:
                continue
            signed = transaction.signed
            del self._by_leaf[signed.witness_leaf]
            signer = signed.head.signers[0]
            self._by_signer[signer] -= 1
            if not self._by_signer[signer]:
                del self._by_signer[signer]
            self.size -= signed.size
            if id_ not in self._placed:
                self._unplaced -= 1

    def place(self, transaction_ids: Iterable[bytes]) -> None:
        """These stand in a block that we know of."""
        for id_ in transaction_ids:
            count = self._placed.get(id_, 0)
            self._placed[id_] = count + 1
            if not count and id_ in self._by_id:
                self._unplaced -= 1

    def unplace(self, transaction_ids: Iterable[bytes]) -> None:
        """A block with these was executed or given up; each ``place`` has one ``unplace``."""
        for id_ in transaction_ids:
            count = self._placed[id_] - 1
            if count:
                self._placed[id_] = count
                continue
            del self._placed[id_]
            if id_ in self._by_id:
                self._unplaced += 1

    def evict_expired(self, block_time_ms: int) -> list[bytes]:
        """Drop what no later block may include; returns the ids."""
        expired = []
        while self._expiries and self._expiries[0][0] <= block_time_ms:
            _, id_ = heappop(self._expiries)
            if id_ in self._by_id:
                expired.append(id_)
        self.remove(expired)
        if len(self._expiries) > 2 * len(self._by_id) + 1_000:  # executed long before they would have expired
            self._expiries = sorted((item.signed.head.valid_until_ms, id_) for id_, item in self._by_id.items())
        return expired

    def take(self, block_time_ms: int, taken: Set[bytes]) -> list[VerifiedTransaction]:
        """The oldest transactions that fit into one block of this time.

        Args:
            taken: ids in ancestors that are not executed yet.
        """
        chosen: list[VerifiedTransaction] = []
        events = size = 0
        for id_, transaction in self._by_id.items():
            head = transaction.signed.head
            if id_ in taken or not _valid_at(transaction, block_time_ms):
                continue
            events += head.event_count
            size += transaction.signed.size
            if events > limits.BLOCK_EVENTS_MAX or size > limits.BLOCK_SIZE_MAX:
                break
            chosen.append(transaction)
            if len(chosen) == limits.BLOCK_TRANSACTIONS_MAX:
                break
        return chosen

    def oldest(self, count: int) -> list[VerifiedTransaction]:
        """Up to ``count`` transactions that are in no block that we know of, oldest first."""
        found: list[VerifiedTransaction] = []
        for id_, transaction in self._by_id.items():
            if id_ not in self._placed:
                found.append(transaction)
                if len(found) == count:
                    break
        return found


def _valid_at(transaction: VerifiedTransaction, block_time_ms: int) -> bool:
    try:
        check_validity(transaction.signed.head, block_time_ms)
    except DecodeError:
        return False
    return True
