"""Replaying a stored chain: bytes through admission, execution, tree, receipts and history. Nothing here builds any.

It imports what a replay needs and nothing else, so that any interpreter with msgspec and PyNaCl can run it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from contracts.interface import context_of
from contracts.memory_state import MemoryState
from contracts.result import BlockResult
from contracts.switch import decided_validators, sitting_validators
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf, check_contents, transaction_root
from tallystick.genesis import Genesis
from tallystick.merkle import EMPTY_ROOT, append_all, peaks_root
from tallystick.receipts import receipts_root
from tallystick.records.base import key_hash
from tallystick.trie import Trie
from tests.golden.stored import StoredBlock, StoredChain


@dataclass(frozen=True)
class Height:
    """One executed height: what it was given, what it gave, and the tuple that a later header would certify."""

    header: Header
    transactions: tuple[VerifiedTransaction, ...]
    result: BlockResult
    executed: Executed


class Replay:
    """A chain under execution, from genesis on.

    Attributes:
        state: after the newest height.
        trie: the tree over it.
        executed: the newest executed tuple.
    """

    def __init__(self, genesis: Genesis) -> None:
        self.chain_id = genesis.chain_id()
        self.genesis = genesis
        writes = genesis_writes(genesis)
        self.state = MemoryState(writes)
        self.trie = Trie().update({key_hash(key): record.leaf_hash() for key, record in writes.items()})
        self._epoch = 0
        self._view = 0
        self._parent = self.chain_id
        self._peaks: tuple[bytes, ...] = ()
        self.executed = self._append(0, self.chain_id, genesis.time_ms, EMPTY_ROOT, 0)

    def execute(self, block: StoredBlock) -> Height:
        """Admit a block's transactions, check it as a voter would, execute it, and make its outcome the state."""
        transactions = tuple(verify_transaction(raw, self.chain_id) for raw in block.transactions)
        header = self._header(block, transactions)
        check_contents(header, [transaction.signed for transaction in transactions])
        result = execute_block(self.state, context_of(header), transactions)
        self.state.apply(result)
        self.trie = self.trie.update(
            {key_hash(key): None if record is None else record.leaf_hash() for key, record in result.writes.items()}
        )
        self._parent = header.block_hash()
        self.executed = self._append(
            header.height, self._parent, header.time_ms, receipts_root(result.receipts), len(result.receipts)
        )
        return Height(header, transactions, result, self.executed)

    def _header(self, block: StoredBlock, transactions: tuple[VerifiedTransaction, ...]) -> Header:
        """The header that leaders of one block per view would write, each certifying its parent's execution."""
        sitting, following = sitting_validators(self.state), decided_validators(self.state)
        assert following is None or not transactions, "the boundary block of an epoch is empty"
        validators_hash = sitting.validators.digest()
        if sitting.epoch != self._epoch:
            self._epoch, self._view = sitting.epoch, 0
        self._view += 1
        return Header(
            protocol_version=PROTOCOL_VERSION,
            chain_id=self.chain_id,
            epoch=self._epoch,
            height=self.executed.height + 1,
            view=self._view,
            parent_hash=self._parent,
            parent_view=self._view - 1,
            proposer=sitting.validators.leader_of(self._view),
            time_ms=block.time_ms,
            transaction_count=len(transactions),
            transaction_root=transaction_root([transaction.signed for transaction in transactions]),
            due_work=block.due_work,
            validators_hash=validators_hash,
            next_validators_hash=validators_hash if following is None else following.digest(),
            executed=self.executed,
        )

    def _append(self, height: int, block_hash: bytes, time_ms: int, receipts: bytes, count: int) -> Executed:
        leaf = HistoryLeaf(height, block_hash, time_ms, self.trie.root, receipts, count)
        self._peaks = append_all(self._peaks, height, (leaf.leaf_hash(),))
        return Executed(height, time_ms, self.trie.root, receipts, peaks_root(self._peaks))


def replay(chain: StoredChain) -> Iterator[tuple[Replay, Height]]:
    """Execute every block of a chain in order, giving the state after each and its height."""
    run = Replay(chain.genesis)
    for block in chain.blocks:
        yield run, run.execute(block)
