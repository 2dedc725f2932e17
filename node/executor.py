"""Execution of final blocks: contracts, tree, roots, and one synced batch for heights that became final together.

Nothing here waits: ``execute`` advances the state in memory and collects rows, ``take_batch`` hands over one batch that
the caller makes durable before it tells anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from consensus.config import Switch
from contracts.interface import BlockContext, StateView, context_of
from contracts.result import BlockResult
from contracts.switch import planned_change, sitting_validators
from node.height_rows import (
    block_rows,
    epoch_row,
    event_row,
    expiring_rows,
    founding_rows,
    history_node_rows,
    history_row,
    record_rows,
    recovery_row,
    tip_row,
    transaction_row,
)
from node.history_tree import append_leaf
from node.ledger import Ledger
from node.state import State
from node.storage import Put
from node.tables import BlockRow, TipRow
from node.tree_file import TreeFile
from tallystick.admission import VerifiedTransaction
from tallystick.blocks import Executed, Header, HistoryLeaf
from tallystick.encoding import encode
from tallystick.epochs import ClosingHeader, EpochProof
from tallystick.errors import StorageError
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.merkle import EMPTY_ROOT, leaf_hash, peaks_root, root_of
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.base import Record, key_hash
from tallystick.records.chain import ValidatorsRecord
from tallystick.records.goods import EventStatus
from tallystick.recovery import Recovery
from tallystick.trie import Trie
from tallystick.votes import Certificate, VoteKind

ExecuteBlock: TypeAlias = Callable[[StateView, BlockContext, Sequence[VerifiedTransaction]], BlockResult]

EXPIRY_SWEEP_HEIGHTS = 16  # heights between two deletions of ids that expired


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A final block with its transactions, ready to be executed.

    Attributes:
        proof: a finalisation of this block or of a descendant; None where a recovery stands behind it.
        closing: for a boundary block: the closing header that ``proof`` names, if it names one.
        recovery: of the boundary block with which one begins.
    """

    header: Header
    block_hash: bytes
    transactions: tuple[VerifiedTransaction, ...]
    proof: Certificate | None
    closing: ClosingHeader | None = None
    recovery: Recovery | None = None

    @property
    def finalisation(self) -> Certificate | None:
        """The finalisation of this very block, or None when only a descendant was finalised directly."""
        proof = self.proof
        if proof is None or proof.statement.kind is not VoteKind.FINALIZE:
            return None
        return proof if proof.statement.block_hash == self.block_hash else None


@dataclass(frozen=True, slots=True)
class ExecutedHeight:
    """What executing one block gave.

    Attributes:
        first_executed: ids of transactions that were not executed before.
        faults: one text per rule that had a fault, for the log.
        switch: the change of validators that the state of this height has decided, if any.
    """

    block: FinalBlock
    executed: Executed
    receipts: tuple[Receipt, ...]
    first_executed: tuple[bytes, ...]
    faults: tuple[str, ...]
    switch: Switch | None = None


class Executor:
    """The newest executed height and the way to the next one."""

    def __init__(
        self,
        ledger: Ledger,
        execute_block: ExecuteBlock,
        *,
        tree: TreeFile | None = None,
        versions: int | None = PROVABLE_HEIGHTS,
    ) -> None:
        """Read the state of the newest height; ``tree`` and ``versions`` as in ``State``.

        Raises:
            StorageError: the root of the records is not the one stored with the newest height.
        """
        self._ledger = ledger
        self._execute_block = execute_block
        self.tip = ledger.tip()
        newest = self.tip.executed
        self.state = State(ledger, newest.height, newest.state_root, tree=tree, versions=versions)
        root = self.state.trie.root
        if root != self.tip.executed.state_root:
            raise StorageError(
                f"the records in the database give state root {root.hex()} at height {self.tip.executed.height}, "
                f"where {self.tip.executed.state_root.hex()} was stored; restore the data folder or start it anew"
            )
        self._rows: list[Put] = []

    def execute(self, block: FinalBlock) -> ExecutedHeight:
        """Execute the next height in memory and collect its rows."""
        header = block.header
        assert header.height == self.tip.executed.height + 1
        seats = block.recovery.seats if block.recovery is not None else ()
        result = self._execute_block(self.state, context_of(header, seats), block.transactions)
        encoded = tuple(encode(receipt) for receipt in result.receipts)
        first_executed = tuple(id_ for id_, _ in result.executed_ids)
        leaves = result.leaves()
        assert leaves.keys() >= result.writes.keys(), "a write that no receipt states"
        trie = self.state.advance(header.height, result.writes, result.replaced, leaves, first_executed)
        receipts_root = root_of([leaf_hash(data) for data in encoded])
        leaf = HistoryLeaf(
            header.height, block.block_hash, header.time_ms, trie.root, receipts_root, len(encoded)
        ).leaf_hash()
        peaks, nodes = append_leaf(self.tip.history_peaks, header.height, leaf)
        executed = Executed(header.height, header.time_ms, trie.root, receipts_root, peaks_root(peaks))
        self._advance_tip(block, executed, peaks, result)
        row = BlockRow(header, block.block_hash, block.finalisation, executed, len(encoded))
        self._rows += block_rows(row, tuple(item.signed.raw for item in block.transactions), encoded)
        self._rows += history_node_rows(nodes)
        self._rows += _index_rows(block, result)
        self._rows += self.state.past_rows()
        return ExecutedHeight(block, executed, result.receipts, first_executed, result.faults, self.switch())

    def switch(self) -> Switch | None:
        """What the newest state has decided about the next epoch's validators, for the engine."""
        plan = planned_change(self.state)
        if plan is None or plan.next_validators is None:
            return None
        return Switch(plan.switch_height, plan.next_validators.digest())

    def change_is_planned(self) -> bool:
        """Whether the newest state plans a change of validators."""
        return planned_change(self.state) is not None

    def validators(self) -> ValidatorsRecord:
        """Number and validators of the epoch that the next block belongs to."""
        return sitting_validators(self.state)

    def _advance_tip(
        self, block: FinalBlock, executed: Executed, peaks: tuple[bytes, ...], result: BlockResult
    ) -> None:
        """The new tip; where a boundary block ended its epoch, with the proof of that and as floor of the next one."""
        header = block.header
        certificate: Certificate | None
        if header.next_validators_hash == header.validators_hash:
            view, certificate, epoch = header.view, block.proof, header.epoch
        else:
            following = self.validators()
            if following.validators.digest() != header.next_validators_hash:
                raise StorageError(f"the state of height {header.height} has other validators than its boundary block")
            if block.recovery is not None:
                self._rows.append(recovery_row(header.epoch, block.recovery))
            else:
                assert block.proof is not None, "an epoch ends with a finalisation or a recovery"
                proof = EpochProof(header, block.closing, block.proof, following.validators)
                self._rows.append(epoch_row(header.epoch, proof))
            view, certificate, epoch = 0, None, following.epoch
        self.tip = TipRow(executed, block.block_hash, view, certificate, peaks, result.next_due_ms, epoch)

    def take_batch(self, signer: Put | None = None) -> list[Put]:
        """All rows since the last batch, with the row about the signer's log; once durable call ``state.written``."""
        rows, self._rows = self._rows, []
        if self.tip.executed.height % EXPIRY_SWEEP_HEIGHTS == 0:
            rows += self._ledger.expired_ids(self.tip.executed.time_ms)
        rows.append(tip_row(self.tip))
        if signer is not None:
            rows.append(signer)
        return rows


def found(ledger: Ledger, chain_id: bytes, time_ms: int, writes: dict[bytes, Record]) -> None:
    """Write genesis into an empty database: height 0, whose block hash is the chain id."""
    trie = Trie().update({key_hash(key): record.leaf_hash() for key, record in writes.items()})
    leaf = HistoryLeaf(0, chain_id, time_ms, trie.root, EMPTY_ROOT, 0).leaf_hash()
    peaks, nodes = append_leaf((), 0, leaf)
    executed = Executed(0, time_ms, trie.root, EMPTY_ROOT, peaks_root(peaks))
    tip = TipRow(executed, chain_id, 0, None, peaks, None)
    block = BlockRow(None, chain_id, None, executed, 0)
    ledger.write(founding_rows(chain_id, tip, block, writes) + history_node_rows(nodes))


def _index_rows(block: FinalBlock, result: BlockResult) -> list[Put]:
    height = block.header.height
    rows = record_rows(result.writes)
    rows += [history_row(append.owner, append.index, append.entry) for append in result.histories]
    index_of = {transaction.id: index for index, transaction in enumerate(block.transactions)}
    rows += [transaction_row(id_, height, index_of[id_]) for id_, _ in result.executed_ids]
    rows += expiring_rows(result.executed_ids, height)
    index = -1
    for receipt in result.receipts:
        if receipt.kind is not ReceiptKind.TRANSACTION:
            continue
        index += 1
        for event_index, outcome in enumerate(receipt.events):
            if outcome.status is not EventStatus.REFUSED:
                rows.append(event_row(outcome.commitment, height, index, event_index))
    return rows
