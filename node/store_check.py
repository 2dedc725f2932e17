"""Checking a stored chain from nothing but genesis: what ``tallystick-node check`` does.

Everything is computed again: hash chain, certificates, transactions and their signatures, receipts, the state after
every height from receipts alone, the indices, what each height overwrote, the history tree, and in the end the records
themselves with the histories they own.
No rule runs, so a fault of a rule cannot hide behind itself. The first disagreement ends the check.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from contracts.genesis_state import genesis_writes
from node.history_tree import Node, append_leaf
from node.ledger import Ledger
from node.record_check import Disagreement, Progress, check_records
from node.tables import BlockRow, Place, TipRow
from tallystick.blocks import Executed, Header, HistoryLeaf, check_contents
from tallystick.encoding import ZERO32, decode
from tallystick.epochs import verify_epoch_proof
from tallystick.errors import CertificateError, TallystickError
from tallystick.genesis import Genesis
from tallystick.merkle import EMPTY_ROOT, leaf_hash, peaks_root, root_of
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.base import key_hash, read_public
from tallystick.records.goods import EventStatus
from tallystick.records.members import Key, KeyStatus, member_key
from tallystick.recovery import Recovery, boundary_header, verify_recovery
from tallystick.transactions import decode_transaction
from tallystick.trie import Trie
from tallystick.votes import VoteKind, verify_certificate

RECEIPT_SIZE_MAX = 64 * 1_048_576  # bytes; our own rows


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked and held.

    Attributes:
        certificates: heights that carry a finalisation of their own; the others are below one.
    """

    chain_id: str
    height: int
    state_root: str
    transactions: int
    receipts: int
    certificates: int
    records: int


class StoreCheck:
    """One walk over a stored chain.

    Args:
        progress: told what is being done, how far it is, and of how many.
        signatures: also check every transaction's signatures.
    """

    def __init__(self, ledger: Ledger, genesis: Genesis, *, signatures: bool, progress: Progress) -> None:
        self._ledger = ledger
        self._genesis = genesis
        self._chain_id = genesis.chain_id()
        self._validators = genesis.validators()
        self._epoch = 0
        self._boundary = False  # whether the height before ended its epoch
        self._signatures = signatures
        self._progress = progress
        self._leaves: dict[bytes, bytes] = {}  # record key -> leaf hash || height that wrote it last
        self._trie = Trie()
        self._peaks: tuple[bytes, ...] = ()
        self._nodes: list[Node] = []
        self._executed: dict[int, Executed] = {}  # heights that a later header may still certify
        self._transactions = self._receipts = self._certificates = 0
        self._newest_certified = 0
        self._wrong_replaced: bytes | None = None

    def run(self) -> CheckReport:
        """Check everything.

        Raises:
            Disagreement: at the first thing that does not hold.
            StorageError: a row is missing or damaged.
        """
        tip = self._ledger.tip()
        last = tip.executed.height
        previous = self._check_genesis()
        for height in range(1, last + 1):
            previous = self._check_height(height, previous)
            self._progress("heights", height, last)
        if previous.executed != tip.executed or previous.block_hash != tip.block_hash:
            raise Disagreement("the newest height is not the one that the database names as its tip", last)
        if tip.history_peaks != self._peaks:
            raise Disagreement("the stored peaks of the history tree are not those of its leaves", last)
        self._check_tip_proof(tip, last)
        records = check_records(self._ledger, self._leaves, self._trie.root, last, self._progress)
        return CheckReport(
            self._chain_id.hex(),
            last,
            self._trie.root.hex(),
            self._transactions,
            self._receipts,
            self._certificates,
            records,
        )

    # --- heights ------------------------------------------------------------------------------------------

    def _check_genesis(self) -> BlockRow:
        row = self._ledger.block(0)
        if row is None:
            raise Disagreement("height 0 is missing", 0)
        writes = genesis_writes(self._genesis)
        self._leaves = {key: record.leaf_hash() + bytes(8) for key, record in writes.items()}
        self._trie = Trie().update({key_hash(key): leaf[:32] for key, leaf in self._leaves.items()})
        time_ms = self._genesis.time_ms
        executed = self._execute(0, self._chain_id, time_ms, EMPTY_ROOT, 0)
        if row.header is not None or row.block_hash != self._chain_id or row.executed != executed:
            raise Disagreement("height 0 is not what the genesis file gives", 0)
        self._check_nodes(0)
        return row

    def _check_height(self, height: int, previous: BlockRow) -> BlockRow:
        """One height; whatever is wrong with it, also what the disk says, names it."""
        try:
            row = self._ledger.block(height)
            if row is None or row.header is None:
                raise Disagreement("the block is missing", height)
            self._check_header(height, row, row.header, previous)
            ids = self._check_transactions(height, row.header)
            receipts = self._check_receipts(height, ids)
            executed = self._execute(height, row.block_hash, row.header.time_ms, root_of(receipts), len(receipts))
            if row.executed != executed or row.receipt_count != len(receipts):
                raise Disagreement(_difference(row.executed, executed), height)
            if self._wrong_replaced is not None:  # told after the roots, which are nearer to the cause
                raise Disagreement("what it overwrote is not what was there before", height, self._wrong_replaced)
            if self._ledger.height_of(row.block_hash) != height:
                raise Disagreement("the index of block hashes does not lead to the block", height)
            self._check_nodes(height)
        except Disagreement:
            raise
        except TallystickError as error:
            raise Disagreement(str(error), height) from error
        return row

    def _check_header(self, height: int, row: BlockRow, header: Header, previous: BlockRow) -> None:
        validators = self._validators.digest()
        parent_view = previous.header.view if previous.header is not None and not self._boundary else 0
        for what, stored, computed in (
            ("chain id", header.chain_id, self._chain_id),
            ("epoch", header.epoch, self._epoch),
            ("height", header.height, height),
            ("block hash", row.block_hash, header.block_hash()),
            ("parent", header.parent_hash, previous.block_hash),
            ("parent's view", header.parent_view, parent_view),
            ("validator set", header.validators_hash, validators),
            ("proposer", header.proposer, self._validators.leader_of(header.view)),
        ):
            if stored != computed:
                raise Disagreement(f"the header's {what} is not the one that follows from the chain", height)
        if header.time_ms <= previous.executed.time_ms or header.view <= parent_view:
            raise Disagreement("the header's time or view is not later than its parent's", height)
        certified = header.executed
        if self._executed.get(certified.height) != certified:
            raise Disagreement(
                f"the header certifies other roots of height {certified.height} than the receipts give", height
            )
        for earlier in [number for number in self._executed if number < certified.height]:
            del self._executed[earlier]  # a later header never certifies less than its parent
        if row.finalisation is not None:
            statement = row.finalisation.statement
            told = (statement.kind, statement.epoch, statement.view, statement.block_hash)
            if told != (VoteKind.FINALIZE, header.epoch, header.view, row.block_hash):
                raise Disagreement("the certificate is about something else than this block", height)
            verify_certificate(row.finalisation, self._validators, self._chain_id)
            self._certificates += 1
            self._newest_certified = height
        self._boundary = header.next_validators_hash != validators
        if self._boundary:
            self._check_epoch_end(height, header, previous.header)

    def _check_epoch_end(self, height: int, boundary: Header, parent: Header | None) -> None:
        """The stored proof is of this boundary block; what follows is held against the next epoch's validators."""
        proof = self._ledger.epoch_proof(self._epoch)
        recovery = self._ledger.recovery(self._epoch)
        if proof is None and recovery is not None:
            self._check_recovery(recovery, boundary, parent)
            self._epoch += 1
            self._newest_certified = height
            return
        if proof is None or proof.boundary != boundary:
            raise Disagreement(f"the proof that epoch {self._epoch} ended is missing, or is of another block", height)
        self._validators = verify_epoch_proof(proof, self._validators, self._chain_id)
        self._epoch += 1
        self._newest_certified = height

    def _check_recovery(self, recovery: Recovery, boundary: Header, parent: Header | None) -> None:
        """The boundary block is the one that the heads make, signed with keys that the records call root keys."""

        def key_of(public_key: bytes) -> Key | None:
            record = self._ledger.record(member_key(public_key))
            key = None if record is None else read_public(record, Key)
            if key is None or key.since_height >= boundary.height:
                return None
            later = key.until_height >= boundary.height  # revoked since then
            return msgspec.structs.replace(key, status=KeyStatus.ACTIVE) if later else key

        genesis = self._ledger.block(0)
        assert genesis is not None, "height 0 was checked"
        if boundary_header(recovery, self._validators, parent, genesis.executed) != boundary:
            raise Disagreement("the boundary block is not the one that its recovery makes", boundary.height)
        self._validators = verify_recovery(recovery, self._validators, self._epoch, self._chain_id, key_of)

    def _check_tip_proof(self, tip: TipRow, last: int) -> None:
        """The newest height is final: by its own certificate, or by one of a descendant that is not executed yet.

        A descendant is not stored, so that it descends cannot be checked here; its certificate and its view can.
        """
        if last == 0 or self._newest_certified == last:
            return
        proof = tip.proof
        if proof is None or proof.statement.kind is not VoteKind.FINALIZE or proof.statement.view <= tip.view:
            raise Disagreement("no stored certificate covers the newest height", last)
        try:
            verify_certificate(proof, self._validators, self._chain_id)
        except CertificateError as error:
            raise Disagreement(f"the certificate of the newest height: {error}", last) from error

    def _check_transactions(self, height: int, header: Header) -> list[bytes]:
        """The body is the header's; returns the transactions' ids in order."""
        transactions = [decode_transaction(raw, self._chain_id) for raw in self._ledger.transactions(height)]
        check_contents(header, transactions)
        if self._signatures:
            for transaction in transactions:
                transaction.verify_signatures()
        self._transactions += len(transactions)
        return [transaction.id for transaction in transactions]

    def _check_receipts(self, height: int, ids: list[bytes]) -> list[bytes]:
        """Leaf hashes of a height's receipts; their changes are applied to the state."""
        encoded = self._ledger.receipts(height)
        stated: dict[bytes, bytes] = {}
        index = 0
        for data in encoded:
            receipt = decode(data, Receipt, size_max=RECEIPT_SIZE_MAX)
            if receipt.height != height:
                raise Disagreement(f"a receipt says height {receipt.height}", height)
            stated |= {change.key: change.leaf for change in receipt.changes}
            if receipt.kind is ReceiptKind.TRANSACTION:
                if index >= len(ids) or receipt.subject != ids[index]:
                    raise Disagreement(f"receipt {index} is not about the transaction of that place", height)
                self._check_index(receipt, Place(height, index))
                index += 1
        self._wrong_replaced = self._key_wrongly_replaced(height, stated)
        changes: dict[bytes, bytes | None] = {}
        for key, leaf in stated.items():
            changes[key_hash(key)] = None if leaf == ZERO32 else leaf
            if leaf == ZERO32:
                self._leaves.pop(key, None)
            else:
                self._leaves[key] = leaf + height.to_bytes(8, "big")
        self._trie = self._trie.update(changes)
        self._receipts += len(encoded)
        return [leaf_hash(data) for data in encoded]

    def _check_index(self, receipt: Receipt, place: Place) -> None:
        """Id and events of a transaction lead to where it was executed first."""
        known = self._ledger.place(receipt.subject)
        if known != place and (known is None or receipt.reason is not Reason.REPLAYED):
            raise Disagreement(f"the index does not lead to transaction {receipt.subject.hex()}", place.height)
        for event in receipt.events:
            first = self._ledger.event_place(event.commitment)
            if event.status is not EventStatus.REFUSED and (first is None or first[:2] > (place.height, place.index)):
                raise Disagreement(f"the index does not lead to event {event.commitment.hex()}", place.height)

    def _key_wrongly_replaced(self, height: int, stated: dict[bytes, bytes]) -> bytes | None:
        """A key of which the height's row of what it overwrote does not say what the state before it held."""
        replaced = self._ledger.replaced(height)
        if replaced is None:
            return None
        for key in sorted(replaced.keys() | stated.keys()):
            record = replaced.get(key)
            leaf = None if record is None else record.leaf_hash()
            before = self._leaves.get(key)
            if key not in replaced or key not in stated or leaf != (None if before is None else before[:32]):
                return key
        return None

    def _execute(self, height: int, block_hash: bytes, time_ms: int, receipts_root: bytes, count: int) -> Executed:
        """The executed tuple that follows from receipts and the history so far."""
        leaf = HistoryLeaf(height, block_hash, time_ms, self._trie.root, receipts_root, count).leaf_hash()
        self._peaks, self._nodes = append_leaf(self._peaks, height, leaf)
        executed = Executed(height, time_ms, self._trie.root, receipts_root, peaks_root(self._peaks))
        self._executed[height] = executed
        return executed

    def _check_nodes(self, height: int) -> None:
        """The subtrees of the history tree that this height completed are stored as they are."""
        for level, index, hash_ in self._nodes:
            if self._ledger.history_node(level, index) != hash_:
                raise Disagreement(f"node {index} of level {level} of the history tree differs", height)


def _difference(stored: Executed, computed: Executed) -> str:
    for name in Executed.__struct_fields__:
        ours, theirs = getattr(computed, name), getattr(stored, name)
        if ours != theirs:
            shown = (value.hex() if isinstance(value, bytes) else value for value in (theirs, ours))
            return "the stored {} is {}, the receipts give {}".format(name.replace("_", " "), *shown)
    return "the count of receipts is not the stored one"
