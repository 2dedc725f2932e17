"""Following a chain without trusting who tells it: every height is checked before a row of it is written.

From the pinned genesis on, a height is taken only when
- its header continues the chain (height, parent, view, time, validator set) and it or a descendant was finalised by a
  quorum of the validators,
- its transactions give its transaction root, and each one's structure, signatures and events hold,
- its receipts, one after another, turn the state of the height before into a state whose root, with the receipts' root
  and the history's root, stands in the executed tuple of a later finalised header.
No rule of the ledger is run: receipts list every changed record, so the state root follows from them alone.

Pure: no network, no disk. Specification: docs/spec/explorer.md, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explorer.validator_book import ValidatorBook
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.api import BlockAnswer
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf, check_contents
from tallystick.encoding import ZERO32, decode
from tallystick.errors import CertificateError, DecodeError, TallystickError, VerificationError
from tallystick.merkle import append_all, peaks_root
from tallystick.receipts import Receipt, ReceiptKind, receipts_root
from tallystick.records.base import key_hash
from tallystick.trie import Trie
from tallystick.votes import Certificate, VoteKind, verify_certificate

HEADER_SIZE_MAX = 4_096  # bytes of an encoded header; it has a fixed set of fields
RECEIPT_SIZE_MAX = 4 * 1_048_576  # bytes; a receipt of a thousand events with all records they changed


class CopyError(TallystickError):
    """What the node told does not verify. Nothing of it was kept.

    Args:
        code: short stable name: ``fork-seen``, ``unknown-validators``, ``not-in-block`` …
        height: where.
    """

    def __init__(self, code: str, height: int, detail: str) -> None:
        super().__init__(f"height {height}: {detail} [{code}]")
        self.code = code
        self.height = height
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Position:
    """The newest height that was checked, and all that checking the next one needs.

    Attributes:
        view: of its block; 0 for genesis.
        peaks: compact range of the history tree over heights 0 to ``height``.
        state: trie after this height.
    """

    height: int
    block_hash: bytes
    view: int
    time_ms: int
    peaks: tuple[bytes, ...]
    state: Trie
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class CheckedHeight:
    """One height of which everything was checked."""

    header: Header
    header_bytes: bytes
    block_hash: bytes
    finalisation: Certificate | None
    transactions: tuple[VerifiedTransaction, ...]
    receipts: tuple[Receipt, ...]
    receipt_bytes: tuple[bytes, ...]
    state_root: bytes
    receipts_root: bytes

    @property
    def transaction_receipts(self) -> tuple[Receipt, ...]:
        """The receipts of the transactions, in block order."""
        return tuple(receipt for receipt in self.receipts if receipt.kind is ReceiptKind.TRANSACTION)


class EpochEndedError(Exception):
    """A block is of a later epoch: who votes there must be learnt first, from the proof that ``epoch`` has ended."""

    def __init__(self, epoch: int, height: int) -> None:
        super().__init__(f"height {height} is beyond epoch {epoch}")
        self.epoch = epoch
        self.height = height


class ChainCopy:
    """Takes blocks in order and gives back those heights that are checked through and through.

    Args:
        chain_id: of the pinned genesis.
        validators: sets by epoch, from the pinned one on.
        position: the newest checked height, genesis at first.
    Attributes:
        tail: blocks above the position up to the finalised one whose header certifies it, of the last ``accept`` that
            moved on.
    """

    def __init__(self, chain_id: bytes, validators: ValidatorBook, position: Position) -> None:
        self._chain_id = chain_id
        self._validators = validators
        self.position = position
        self.tail: tuple[BlockAnswer, ...] = ()

    def accept(self, answers: Sequence[BlockAnswer]) -> list[CheckedHeight]:
        """Check blocks that follow the position, and move on over those that a finalised header certifies.

        Args:
            answers: consecutive, the first one at ``position.height + 1``. Blocks above the newest certified height
                are looked at and left for the next call.
        Raises:
            CopyError: something does not hold; the position stays where it was.
            EpochEndedError: the proof of an epoch's end is needed before.
        """
        headers = self._check_headers(answers)
        last_final = self._last_final(answers, headers)
        if last_final is None:
            return []
        certified = {header.executed.height: header.executed for header, _ in headers[: last_final + 1]}
        target = headers[last_final][0].executed.height
        position = self.position
        checked: list[CheckedHeight] = []
        for answer, (header, block_hash) in zip(answers, headers, strict=True):
            if header.height > target:
                break
            height, position = self._check_height(answer, header, block_hash, position, certified.get(header.height))
            checked.append(height)
        self.position = position
        self.tail = tuple(answers[len(checked) : last_final + 1])
        return checked

    def _check_headers(self, answers: Sequence[BlockAnswer]) -> list[tuple[Header, bytes]]:
        found: list[tuple[Header, bytes]] = []
        height, parent_hash = self.position.height, self.position.block_hash
        view, time_ms, executed_height = self.position.view, self.position.time_ms, -1
        epoch = self.position.epoch
        for answer in answers:
            height += 1
            try:
                header = decode(answer.header, Header, size_max=HEADER_SIZE_MAX)
            except DecodeError as error:
                raise CopyError("unreadable", height, f"the header cannot be read: {error}") from error
            if header.chain_id != self._chain_id or header.protocol_version != PROTOCOL_VERSION:
                raise CopyError("not-our-chain", height, "the header is of another chain or protocol version")
            if header.height != height:
                raise CopyError("not-in-block", height, f"the node answered height {header.height}")
            if self._validators.ends_with(epoch, parent_hash):
                epoch, view = epoch + 1, 0
            if header.epoch > epoch:
                raise EpochEndedError(epoch, height)
            if header.parent_hash != parent_hash or header.parent_view != view:
                raise CopyError("fork-seen", height, "the block does not continue the chain that was checked before")
            if not (header.view > view and header.time_ms > time_ms):
                raise CopyError("not-in-block", height, "view or time does not grow")
            if not executed_height <= header.executed.height < height:
                raise CopyError("not-in-block", height, "the executed tuple goes back or is of the block itself")
            validators = self._validators.validators_of(epoch)
            if validators is None or header.epoch != epoch or header.validators_hash != validators.digest():
                raise CopyError("unknown-validators", height, "not the validators of the block's epoch")
            block_hash = header.block_hash()
            found.append((header, block_hash))
            parent_hash, view, time_ms = block_hash, header.view, header.time_ms
            executed_height = header.executed.height
        return found

    def _last_final(self, answers: Sequence[BlockAnswer], headers: list[tuple[Header, bytes]]) -> int | None:
        """Index of the newest block that was finalised itself; every finalisation that is there is checked."""
        newest = None
        for index, (answer, (header, block_hash)) in enumerate(zip(answers, headers, strict=True)):
            certificate = answer.finalisation
            if certificate is None:
                continue
            statement = certificate.statement
            names = (statement.kind, statement.epoch, statement.view, statement.block_hash)
            if names != (VoteKind.FINALIZE, header.epoch, header.view, block_hash):
                raise CopyError("not-in-block", header.height, "the certificate is about another block")
            validators = self._validators.validators_of(header.epoch)
            assert validators is not None, "headers were checked first"
            try:
                verify_certificate(certificate, validators, self._chain_id)
            except CertificateError as error:
                raise CopyError(error.code, header.height, error.detail) from error
            newest = index
        return newest

    def _check_height(
        self, answer: BlockAnswer, header: Header, block_hash: bytes, position: Position, certified: Executed | None
    ) -> tuple[CheckedHeight, Position]:
        transactions = self._read_transactions(answer, header)
        receipts = _read_receipts(answer, header, transactions)
        leaves = {key_hash(c.key): None if c.leaf == ZERO32 else c.leaf for r in receipts for c in r.changes}
        state, root = position.state.update(leaves), receipts_root(receipts)
        leaf = HistoryLeaf(header.height, block_hash, header.time_ms, state.root, root, len(receipts))
        peaks = append_all(position.peaks, header.height, (leaf.leaf_hash(),))
        if certified is not None:
            ours = Executed(header.height, header.time_ms, state.root, root, peaks_root(peaks))
            if ours != certified:
                raise CopyError("not-certified", header.height, f"{_difference(ours, certified)} is not as certified")
        checked = CheckedHeight(
            header, answer.header, block_hash, answer.finalisation, transactions, receipts, answer.receipts,
            state.root, root,
        )  # fmt: skip
        next_position = replace(
            position, height=header.height, block_hash=block_hash, view=header.view, time_ms=header.time_ms,
            peaks=peaks, state=state, epoch=header.epoch,
        )  # fmt: skip
        return checked, next_position

    def _read_transactions(self, answer: BlockAnswer, header: Header) -> tuple[VerifiedTransaction, ...]:
        try:
            transactions = tuple(verify_transaction(raw, self._chain_id) for raw in answer.transactions)
            check_contents(header, [transaction.signed for transaction in transactions])
        except (DecodeError, VerificationError) as error:
            raise CopyError("bad-transaction", header.height, str(error)) from error
        return transactions


def _difference(ours: Executed, certified: Executed) -> str:
    """Name of the first field in which two tuples differ."""
    fields = Executed.__struct_fields__
    return next(name for name in fields if getattr(ours, name) != getattr(certified, name))


def _read_receipts(
    answer: BlockAnswer, header: Header, transactions: Sequence[VerifiedTransaction]
) -> tuple[Receipt, ...]:
    """Decode a height's receipts; they must be the height's own, in order, one per transaction with its events."""
    try:
        receipts = tuple(decode(raw, Receipt, size_max=RECEIPT_SIZE_MAX) for raw in answer.receipts)
    except DecodeError as error:
        raise CopyError("bad-receipt", header.height, str(error)) from error
    kinds = [receipt.kind for receipt in receipts]
    if kinds != sorted(kinds) or any(receipt.height != header.height for receipt in receipts):
        raise CopyError("bad-receipt", header.height, "receipts out of order or of another height")
    of_transactions = [receipt for receipt in receipts if receipt.kind is ReceiptKind.TRANSACTION]
    if [receipt.subject for receipt in of_transactions] != [transaction.id for transaction in transactions]:
        raise CopyError("bad-receipt", header.height, "not one receipt per transaction, in block order")
    for receipt, transaction in zip(of_transactions, transactions, strict=True):
        outcomes = tuple(outcome.commitment for outcome in receipt.events)
        if outcomes and outcomes != transaction.signed.commitments:
            raise CopyError("bad-receipt", header.height, "a receipt's events are not its transaction's")
    return receipts
