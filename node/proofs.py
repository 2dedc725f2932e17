"""Proof bundles out of a node's state, as of the newest height that a final header certifies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from node.entitled import check_entitled
from node.epochs import Epochs
from node.history_tree import history_path
from node.ledger import Ledger
from node.past import Past, TooFarError
from node.recent_transactions import RecentTransactions
from node.state import State
from node.tables import BlockRow
from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode
from tallystick.epcis import parse_key
from tallystick.epochs import EpochStep
from tallystick.errors import ProofError, StorageError, UnavailableError
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.proofs import (
    BlockBundle,
    EventBundle,
    EvidenceBundle,
    ItemBundle,
    ProofCode,
    ReceiptBundle,
    ReceivableBundle,
    RecordBundle,
    build_block,
    build_event,
    build_evidence,
    build_item,
    build_receipt,
    build_receivable,
    build_record,
    show_anchor,
    show_height,
)
from tallystick.proofs.bundle import AnchorShown, HeightShown
from tallystick.records.base import Record, Space, read_public
from tallystick.records.finance import obligation_key
from tallystick.records.goods import HistoryEntry
from tallystick.records.membership import EvidenceRecord
from tallystick.transactions import SignedTransaction
from tallystick.trie import Trie
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate

EPOCHS_SHOWN = 2  # newest ends of epochs that a bundle carries; who pinned an older one asks for the others


@dataclass(frozen=True, slots=True)
class CertifiedHeight:
    """A ``tallystick.proofs.CertifiedState``: everything as of the height that ``header.executed`` names.

    It is a ``CertifiedHistory`` too, of all heights up to that one. The state may also be that of an earlier height.

    Attributes:
        height: whose state ``trie`` and ``record`` are.
        book: who sat in earlier epochs.
        read: transactions that were read before.
    """

    ledger: Ledger
    state: State
    header: Header
    finalisation: Certificate
    validators: ValidatorSet
    trie: Trie
    height: int
    epochs: tuple[EpochStep, ...] = ()
    book: Epochs | None = None
    read: RecentTransactions = field(default_factory=RecentTransactions)

    def anchor(self) -> AnchorShown:
        """See ``CertifiedState``."""
        header = self.header
        return show_anchor(header.chain_id, header, (), self.finalisation, self.validators, self.epochs)

    def record(self, key: bytes) -> Record | None:
        """See ``CertifiedState``."""
        return self.state.record_at(key, self.height)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """See ``CertifiedState``."""
        return self.trie.prove(key_hashes)

    def entries(self, owner: bytes, count: int) -> list[HistoryEntry]:
        """See ``CertifiedState``; a history only grows, so its first entries are those of any earlier height."""
        entries = [decode(data, HistoryEntry, size_max=256) for data in self.ledger.history(owner, 0, count)]
        if len(entries) != count:
            raise StorageError(f"a history has {len(entries)} entries where its record counts {count}")
        return entries

    def transaction(self, height: int, index: int) -> SignedTransaction:
        """See ``CertifiedState``."""
        return self.read.at(self.ledger, self.header.chain_id, height, index)

    def history_leaf(self, height: int) -> HistoryLeaf:
        """See ``CertifiedHistory``."""
        row = self._row(height)
        executed = row.executed
        return HistoryLeaf(
            height, row.block_hash, executed.time_ms, executed.state_root, executed.receipts_root, row.receipt_count
        )

    def history_path(self, height: int) -> tuple[bytes, ...]:
        """See ``CertifiedHistory``."""
        self.ledger.check_header_kept(height)
        return history_path(height, self.header.executed.height + 1, self.ledger.history_node)

    def block_header(self, height: int) -> Header | None:
        """See ``CertifiedHistory``."""
        return self._row(height).header

    def receipts(self, height: int) -> tuple[bytes, ...]:
        """See ``CertifiedHistory``."""
        return self.ledger.receipts(height)

    def header_of_epoch(self, epoch: int) -> tuple[Header, ValidatorSet] | None:
        """See ``CertifiedSeats``: the epoch's last block that this header proves."""
        if epoch == self.header.epoch:
            return None
        proof = self.book.proof(epoch) if self.book is not None and epoch < self.header.epoch else None
        if self.book is None or proof is None:
            raise UnavailableError(f"no block of epoch {epoch} is certified yet; try again in a second")
        header = self.block_header(min(proof.boundary.height, self.header.executed.height))
        if header is None or header.epoch != epoch:
            raise UnavailableError(f"no block of epoch {epoch} is certified yet; try again in a second")
        return header, self.book.validators_of(epoch)

    def _row(self, height: int) -> BlockRow:
        self.ledger.check_header_kept(height)
        row = self.ledger.block(height)
        if row is None:
            raise StorageError(f"the database lacks the block of height {height}")
        return row


class StatePrunedError(ProofError):
    """What records were at a height is not kept here any more, or lies too far back.

    Attributes:
        keepers: organisations whose nodes say that they can prove as of it.
    """

    def __init__(self, height: int, oldest: int, keepers: Sequence[str]) -> None:
        why = "is not kept any more" if height < oldest else "lies too many changes back"
        super().__init__(ProofCode.PRUNED, f"the state of height {height} {why}; {max(oldest, 0)} is the oldest kept")
        self.keepers = tuple(keepers)


class ProofService:
    """Makes bundles for the public door. Answers ``UnavailableError`` while nothing but genesis is certified."""

    _keepers: Callable[[int], Sequence[str]] = staticmethod(lambda height: ())
    _laying: asyncio.Future[Past] | None = None
    _too_far = -1

    def __init__(
        self, ledger: Ledger, state: State, epochs: Epochs, keepers: Callable[[int], Sequence[str]] | None = None
    ) -> None:
        """``keepers``: answers who else can prove as of a height."""
        self._ledger = ledger
        self._state = state
        self._epochs = epochs
        self._read = RecentTransactions()
        if keepers is not None:
            self._keepers = keepers

    def item(self, identifier: str, at: int | None = None) -> ItemBundle:
        """The closure of an identifier, given as key text.

        Args:
            at: the height whose state is asked for; None: the newest that is certified.
        Raises:
            DecodeError: not a key text.
            ProofError: ``not-in-history`` or ``pruned``, as ``certified``.
        """
        certified, as_of = self._shown(at)
        return build_item(parse_key(identifier).key, certified, as_of)

    def event(self, commitment: bytes, identifier: str, at: int | None = None) -> EventBundle:
        """One event in the history of an item.

        Raises:
            DecodeError: not a key text.
            ProofError: ``unknown-item``, the item or the event in its history does not exist.
        """
        certified, as_of = self._shown(at)
        return build_event(commitment, parse_key(identifier).key, certified, as_of)

    def record(self, key: bytes, at: int | None = None) -> RecordBundle:
        """One record's public half, or its absence."""
        certified, as_of = self._shown(at)
        return build_record(key, certified, as_of)

    def _shown(self, at: int | None) -> tuple[CertifiedHeight, HeightShown | None]:
        """The state of a height, and how a bundle shows that it is that height's."""
        certified = self.certified(at)
        return certified, show_height(certified, at) if at is not None else None

    def block(self, height: int) -> BlockBundle:
        """The block of an executed height belongs to the chain.

        Raises:
            ProofError: ``not-in-history``, no header certifies that height yet.
        """
        certified = self.certified()
        if height > certified.header.executed.height:
            newest = certified.header.executed.height
            raise ProofError(ProofCode.NOT_IN_HISTORY, f"height {height} is not certified; {newest} is the newest")
        return build_block(height, certified)

    def receipt(self, transaction_id: bytes) -> ReceiptBundle:
        """The first receipt of an executed transaction.

        Raises:
            ProofError: ``not-in-history``, it was never executed here.
            PrunedError: this node does not keep it any more.
            UnavailableError: no header certifies its height yet.
        """
        place = self._ledger.executed_place(transaction_id)
        if place is None:
            raise ProofError(ProofCode.NOT_IN_HISTORY, "no transaction of this id was executed here")
        certified = self.certified()
        if place.height > certified.header.executed.height:
            raise UnavailableError(f"height {place.height} is executed and not certified yet; try again in a second")
        row = self._ledger.block(place.height)
        assert row is not None and row.header is not None
        # Receipts of due work come first, the system's last; between them one per transaction.
        index = row.receipt_count - 1 - row.header.transaction_count + place.index
        return build_receipt(place.height, index, certified)

    def evidence(self, key: bytes, at: int | None = None) -> EvidenceBundle:
        """What convicts a validator, as the ledger recorded it.

        Args:
            key: of the record.
        Raises:
            ProofError: ``not-in-history``, nothing is recorded under this key.
            UnavailableError: no block of its epoch is certified yet.
        """
        certified, as_of = self._shown(at)
        record = certified.record(key) if key[:1] == bytes((Space.EVIDENCE,)) else None
        if record is None:
            raise ProofError(ProofCode.NOT_IN_HISTORY, "no evidence is recorded under this key")
        return build_evidence(read_public(record, EvidenceRecord).evidence, certified, as_of)

    def receivable(
        self, obligation: bytes, grant: bytes | None, organisation: str, at: int | None = None
    ) -> ReceivableBundle:
        """An obligation with its tag, slices and liens, both halves, for who may see it.

        Args:
            grant: id of the grant that the caller names, or None.
            organisation: the caller's.
            at: the height whose state is asked for; whether the caller may see it says the newest.
        Raises:
            ProofError: ``no-obligation``.
            RefusedError: GRANT_MISSING or GRANT_EXPIRED.
        """
        newest = self.certified()
        if newest.record(obligation_key(obligation)) is None:
            raise ProofError(ProofCode.NO_OBLIGATION, f"there is no obligation {obligation.hex()}")
        check_entitled(newest.record, obligation, grant, organisation, newest.header.executed.time_ms)
        certified, as_of = self._shown(at)
        return build_receivable(obligation, certified, as_of)

    def certified(self, at: int | None = None) -> CertifiedHeight:
        """The newest height that a final header certifies and whose state is kept; or an earlier one under its header.

        Args:
            at: the height whose state is asked for.
        Raises:
            UnavailableError: there is none yet.
            ProofError: ``not-in-history``, no header certifies ``at`` yet; ``pruned``, its state is not kept any more.
        """
        newest = self._newest()
        if at is None:
            return newest
        if at > newest.height:
            raise ProofError(ProofCode.NOT_IN_HISTORY, f"height {at} is not certified; {newest.height} is the newest")
        trie = self._state.trie_at(at)
        if trie is not None:
            return replace(newest, trie=trie, height=at)
        if self._state.is_far(at) and at > self._too_far:
            self._lay_back(at)
            raise UnavailableError(f"the state of height {at} is being laid back")
        raise StatePrunedError(at, self._state.oldest_height(), self._keepers(at))

    def _lay_back(self, at: int) -> None:
        """Begin to lay a state back in a thread, one at a time; who asks again finds it."""
        if self._laying is not None and not self._laying.done():
            return
        self._laying = asyncio.get_running_loop().run_in_executor(None, self._state.rewinding(at))
        self._laying.add_done_callback(partial(self._laid_back, at))

    async def close(self) -> None:
        """Wait for a state that is being laid back: nothing reads the database afterwards."""
        if self._laying is not None:
            await asyncio.wait((self._laying,))

    def _laid_back(self, at: int, done: asyncio.Future[Past]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, TooFarError):
            self._too_far = max(at, self._too_far)  # what lies before it lies further still
        elif error is not None:
            raise error  # the disk: it ends the node
        else:
            self._state.keep(done.result())

    def _newest(self) -> CertifiedHeight:
        height = self._ledger.tip().executed.height
        for candidate in range(height, max(0, height - PROVABLE_HEIGHTS), -1):
            row = self._ledger.block(candidate)
            if row is None or row.header is None or row.finalisation is None:
                continue
            trie = self._state.trie_at(row.header.executed.height)
            if trie is None:
                break
            if trie.root != row.header.executed.state_root:
                raise StorageError(
                    f"the state of height {row.header.executed.height} is not the one that was certified"
                )
            epoch = row.header.epoch
            validators = self._epochs.validators_of(epoch)
            ends = self._epochs.steps(max(0, epoch - EPOCHS_SHOWN), epoch)
            height = row.header.executed.height
            return CertifiedHeight(
                self._ledger,
                self._state,
                row.header,
                row.finalisation,
                validators,
                trie,
                height,
                ends,
                self._epochs,
                self._read,
            )
        raise UnavailableError("no height is certified yet; try again in a second")
