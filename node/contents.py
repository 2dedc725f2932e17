"""Contents of blocks that are not executed yet: at hand, or still being collected by witness leaf.

What is at hand has been verified: every transaction by itself, and all of them against the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from node.mempool import Mempool
from tallystick.admission import VerifiedTransaction
from tallystick.blocks import Header, check_contents
from tallystick.errors import DecodeError
from tallystick.merkle import EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block with its transactions at hand."""

    header: Header
    block_hash: bytes
    transactions: tuple[VerifiedTransaction, ...]
    leaves: dict[bytes, VerifiedTransaction]


@dataclass(slots=True)
class Awaited:
    """A block some of whose transactions are missing.

    Attributes:
        asked: indices of peers that were asked, in order.
    """

    header: Header
    block_hash: bytes
    witness_leaves: tuple[bytes, ...]
    leader: int
    found: dict[bytes, VerifiedTransaction]
    missing: set[bytes]
    asked: list[int] = field(default_factory=list)


class Contents:
    """Blocks above the executed height, by hash."""

    def __init__(self, mempool: Mempool, answer: Callable[[bytes, bool], None]) -> None:
        """``answer`` is called with a block's hash and whether its contents are valid, once they were awaited."""
        self._mempool = mempool
        self._answer = answer
        self._known: dict[bytes, KnownBlock] = {}
        self._awaited: dict[bytes, Awaited] = {}
        self._built: dict[tuple[int, bytes], tuple[VerifiedTransaction, ...]] = {}

    def get(self, block_hash: bytes) -> KnownBlock | None:
        """A block at hand, or None."""
        return self._known.get(block_hash)

    def awaited(self, block_hash: bytes) -> Awaited | None:
        """A block whose transactions are being collected, or None."""
        return self._awaited.get(block_hash)

    def transactions_of(self, header: Header, block_hash: bytes) -> tuple[VerifiedTransaction, ...] | None:
        """The transactions of a block, or None when they are not at hand; an empty block always is."""
        known = self._known.get(block_hash)
        if known is not None:
            return known.transactions
        return () if header.transaction_count == 0 and header.transaction_root == EMPTY_ROOT else None

    def by_leaf(self, leaf: bytes) -> VerifiedTransaction | None:
        """A transaction that a block at hand, or one being collected, brought; None for those of the mempool alone."""
        for known in self._known.values():
            if leaf in known.leaves:
                return known.leaves[leaf]
        for awaited in self._awaited.values():
            if leaf in awaited.found:
                return awaited.found[leaf]
        return None

    def by_leaves(self, witness_leaves: Iterable[bytes]) -> list[VerifiedTransaction]:
        """Those of the named transactions that are in the mempool or in a block at hand."""
        found: list[VerifiedTransaction] = []
        for leaf in witness_leaves:
            transaction = self._mempool.by_leaf(leaf)
            if transaction is None:
                transaction = next((b.leaves[leaf] for b in self._known.values() if leaf in b.leaves), None)
            if transaction is not None:
                found.append(transaction)
        return found

    def ids_above(self, block_hash: bytes, executed_height: int) -> set[bytes]:
        """Ids of transactions in this block and its ancestors down to, not including, the executed height."""
        ids: set[bytes] = set()
        while True:
            known, awaited = self._known.get(block_hash), self._awaited.get(block_hash)
            block = known or awaited
            if block is None or block.header.height <= executed_height:
                return ids
            found = known.transactions if known is not None else awaited.found.values() if awaited is not None else ()
            ids.update(transaction.id for transaction in found)
            block_hash = block.header.parent_hash

    # --- our own blocks -----------------------------------------------------------------------------------

    def keep_built(self, view: int, parent_hash: bytes, transactions: Sequence[VerifiedTransaction]) -> None:
        """What we chose for our block of a view, until its header is known."""
        self._built = {key: value for key, value in self._built.items() if key[0] >= view - 1}
        self._built[view, parent_hash] = tuple(transactions)

    def claim_built(self, header: Header, block_hash: bytes) -> None:
        """The header of our own block is made: its contents are at hand."""
        self.add(header, block_hash, self._built.pop((header.view, header.parent_hash), ()))

    # --- others' ------------------------------------------------------------------------------------------

    def add(self, header: Header, block_hash: bytes, transactions: Sequence[VerifiedTransaction]) -> None:
        """A block whose contents were checked."""
        if block_hash in self._known:
            return
        leaves = {transaction.signed.witness_leaf: transaction for transaction in transactions}
        self._known[block_hash] = KnownBlock(header, block_hash, tuple(transactions), leaves)
        self._mempool.place(transaction.id for transaction in transactions)
        self._awaited.pop(block_hash, None)

    def check(self, header: Header, block_hash: bytes, witness_leaves: tuple[bytes, ...], leader: int) -> bool:
        """Collect and check the contents of a proposed block; whether it was answered at once."""
        if block_hash in self._known:
            self._answer(block_hash, True)
            return True
        awaited = self._awaited.get(block_hash)
        if awaited is None:
            found = {item.signed.witness_leaf: item for item in self.by_leaves(witness_leaves)}
            missing = set(witness_leaves) - found.keys()
            awaited = Awaited(header, block_hash, witness_leaves, leader, found, missing)
            self._awaited[block_hash] = awaited
        if awaited.missing:
            return False
        self._complete(awaited)
        return True

    def wanted(self, witness_leaf: bytes) -> bool:
        """Whether a block waits for this transaction."""
        return any(witness_leaf in awaited.missing for awaited in self._awaited.values())

    def arrived(self, transactions: Iterable[VerifiedTransaction]) -> None:
        """Transactions became available; blocks that waited for them may be complete now."""
        if not self._awaited:
            return
        for transaction in transactions:
            leaf = transaction.signed.witness_leaf
            for awaited in self._awaited.values():
                if leaf in awaited.missing:
                    awaited.missing.discard(leaf)
                    awaited.found[leaf] = transaction
        for awaited in [awaited for awaited in self._awaited.values() if not awaited.missing]:
            self._complete(awaited)

    def condemn(self, witness_leaf: bytes) -> None:
        """The transaction of this leaf is invalid, whoever sends it: so is every block that names it."""
        for awaited in [a for a in self._awaited.values() if witness_leaf in a.missing]:
            del self._awaited[awaited.block_hash]
            self._answer(awaited.block_hash, False)

    def prune(self, executed_height: int) -> None:
        """Forget blocks at and below a height: executed, or given up."""
        for block in [b for b in self._known.values() if b.header.height <= executed_height]:
            del self._known[block.block_hash]
            self._mempool.unplace(transaction.id for transaction in block.transactions)
        for awaited in [a for a in self._awaited.values() if a.header.height <= executed_height]:
            del self._awaited[awaited.block_hash]

    def _complete(self, awaited: Awaited) -> None:
        del self._awaited[awaited.block_hash]
        transactions = [awaited.found[leaf] for leaf in awaited.witness_leaves]
        try:
            check_contents(awaited.header, [transaction.signed for transaction in transactions])
        except DecodeError:
            self._answer(awaited.block_hash, False)
            return
        self.add(awaited.header, awaited.block_hash, transactions)
        self._answer(awaited.block_hash, True)
