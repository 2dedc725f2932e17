"""Checking what a database still holds that has pruned old blocks, or that began with a snapshot.

The state before the oldest kept receipts is not known, so it is not computed again height by height. What is left is
held together otherwise: headers by their hashes and certificates, executed tuples by the history tree, bodies and
receipts by what headers and tuples say of them, and in the end the records by the newest state root.
"""

from __future__ import annotations

from node.ledger import Ledger
from node.record_check import Disagreement, Progress, check_records
from node.snapshots.maker import peaks_at
from node.store_check import RECEIPT_SIZE_MAX, CheckReport
from node.tables import BlockRow
from tallystick.blocks import Executed, Header, HistoryLeaf, check_contents
from tallystick.encoding import decode
from tallystick.epochs import verify_epoch_proof
from tallystick.errors import TallystickError
from tallystick.genesis import Genesis
from tallystick.merkle import append_all, leaf_hash, peaks_root, root_of
from tallystick.receipts import Receipt
from tallystick.recovery import next_validators
from tallystick.transactions import decode_transaction
from tallystick.validators import ValidatorSet
from tallystick.votes import VoteKind, verify_certificate


class PrunedCheck:
    """One walk over the kept part of a stored chain; arguments as of ``store_check.StoreCheck``."""

    def __init__(self, ledger: Ledger, genesis: Genesis, *, signatures: bool, progress: Progress) -> None:
        self._ledger = ledger
        self._genesis = genesis
        self._chain_id = genesis.chain_id()
        self._signatures = signatures
        self._progress = progress
        self._first = max(1, ledger.floor.headers_from)
        self._peaks = peaks_at(ledger, self._first)
        self._epoch = 0
        self._validators = genesis.validators()
        self._transactions = self._receipts = self._certificates = 0

    def run(self) -> CheckReport:
        """Check everything that is kept.

        Raises:
            Disagreement: at the first thing that does not hold.
            StorageError: a row is missing or damaged.
        """
        tip = self._ledger.tip()
        last = tip.executed.height
        previous = self._row(self._first - 1)
        for height in range(self._first, last + 1):
            try:
                previous = self._check_height(height, previous)
            except Disagreement:
                raise
            except TallystickError as error:
                raise Disagreement(str(error), height) from error
            self._progress("heights", height, last)
        if previous.executed != tip.executed or previous.block_hash != tip.block_hash:
            raise Disagreement("the newest height is not the one that the database names as its tip", last)
        at = last.to_bytes(8, "big")
        leaves = {key: record.leaf_hash() + at for key, record in self._ledger.records()}
        root = tip.executed.state_root
        records = check_records(self._ledger, leaves, root, last, self._progress)
        return CheckReport(
            self._chain_id.hex(),
            last,
            root.hex(),
            self._transactions,
            self._receipts,
            self._certificates,
            records,
        )

    def _check_height(self, height: int, previous: BlockRow) -> BlockRow:
        row = self._row(height)
        header = row.header
        if header is None or row.block_hash != header.block_hash() or header.parent_hash != previous.block_hash:
            raise Disagreement("the header is not the one that follows from the chain", height)
        if header.epoch > self._epoch:
            self._walk(header.epoch)
        if header.chain_id != self._chain_id or header.height != height:
            raise Disagreement("the header is of another chain or height", height)
        if header.epoch != self._epoch or header.validators_hash != self._validators.digest():
            raise Disagreement("the header's validator set is not the one of its epoch", height)
        self._check_certificate(height, row, header)
        executed = row.executed
        leaf = HistoryLeaf(
            height, row.block_hash, header.time_ms, executed.state_root, executed.receipts_root, row.receipt_count
        )
        self._peaks = append_all(self._peaks, height, (leaf.leaf_hash(),))
        roots = (executed.state_root, executed.receipts_root, peaks_root(self._peaks))
        if executed != Executed(height, header.time_ms, *roots):
            raise Disagreement("the stored executed tuple is not that of the history", height)
        certified = self._ledger.block(header.executed.height)
        if certified is not None and certified.executed != header.executed:
            raise Disagreement(f"the header certifies other roots of height {header.executed.height}", height)
        if height >= self._ledger.floor.bodies_from:
            self._check_body(height, row, header)
        return row

    def _check_certificate(self, height: int, row: BlockRow, header: Header) -> None:
        if row.finalisation is None:
            return
        statement = row.finalisation.statement
        told = (statement.kind, statement.epoch, statement.view, statement.block_hash)
        if told != (VoteKind.FINALIZE, header.epoch, header.view, row.block_hash):
            raise Disagreement("the certificate is about something else than this block", height)
        verify_certificate(row.finalisation, self._validators, self._chain_id)
        self._certificates += 1

    def _check_body(self, height: int, row: BlockRow, header: Header) -> None:
        """Transactions are the header's, receipts the executed tuple's."""
        transactions = [decode_transaction(raw, self._chain_id) for raw in self._ledger.transactions(height)]
        check_contents(header, transactions)
        for transaction in transactions if self._signatures else ():
            transaction.verify_signatures()
        receipts = self._ledger.receipts(height)
        for data in receipts:
            if decode(data, Receipt, size_max=RECEIPT_SIZE_MAX).height != height:
                raise Disagreement("a receipt says another height", height)
        if len(receipts) != row.receipt_count or root_of(list(map(leaf_hash, receipts))) != row.executed.receipts_root:
            raise Disagreement("the stored receipts are not those of the executed tuple", height)
        self._transactions += len(transactions)
        self._receipts += len(receipts)

    def _walk(self, epoch: int) -> None:
        """Follow the ends of epochs to this one."""
        while self._epoch < epoch:
            self._validators = self._next_validators()
            self._epoch += 1

    def _next_validators(self) -> ValidatorSet:
        proof = self._ledger.epoch_proof(self._epoch)
        if proof is not None:
            return verify_epoch_proof(proof, self._validators, self._chain_id)
        recovery = self._ledger.recovery(self._epoch)
        if recovery is None:
            raise Disagreement(f"the proof that epoch {self._epoch} ended is missing", -1)
        return next_validators(recovery, self._validators)

    def _row(self, height: int) -> BlockRow:
        row = self._ledger.block(height)
        if row is None:
            raise Disagreement("the block is missing", height)
        return row
