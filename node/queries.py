"""What the HTTP doors, the command line and tests ask of a running node: what is executed and durable.

``Queries`` is what ``node.api.source.NodeQueries`` asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from consensus.engine import Engine
from consensus.status import Waiting
from node.admission import Admission
from node.clock import ChainClock
from node.counters import Counters
from node.epochs import Epochs
from node.ledger import Ledger
from node.mempool import Mempool
from node.network.peers import Peers
from node.range_server import certify
from node.state import State
from node.tables import BlockRow, Place
from node.tracker import RANK, Tracker
from node.waiting_line import Admitted, Outcome
from tallystick.api import (
    BlockAnswer,
    BulkItem,
    CertifiedHeader,
    ExecutedAnswer,
    HeadAnswer,
    HistoryAnswer,
    PeerStatus,
    StatusAnswer,
    TransactionState,
    TransactionStatus,
    b64,
)
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochStep
from tallystick.errors import DecodeError, RefusedError, TallystickError
from tallystick.genesis import Genesis
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.goods import HistoryEntry
from tallystick.transactions import decode_transaction

BLOCKS_MAX = 256  # heights of one answer
BLOCKS_SIZE_MAX = 16 * 1_048_576  # bytes of transactions and receipts of one answer, unless one height is larger
HISTORY_MAX = 1_000  # entries of one answer
EPOCHS_SHOWN = 2  # newest ends of epochs that a head carries; who pinned an older one asks for the others
_RECEIPT_SIZE_MAX = 64 * 1_048_576
_ENTRY_SIZE_MAX = 256


class Queries:
    """Questions to one node; call them on its loop."""

    def __init__(
        self,
        *,
        genesis: Genesis,
        chain_id: bytes,
        organisation: str,
        epochs: Epochs,
        ledger: Ledger,
        state: State,
        mempool: Mempool,
        admission: Admission,
        tracker: Tracker,
        peers: Peers,
        counters: Counters,
        clock: ChainClock,
        engine: Callable[[], Engine | None],
        stored_height: Callable[[], int],
        joining: Callable[[], str | None] = lambda: None,
    ) -> None:
        """``joining`` answers what a join from a snapshot is doing, or None."""
        self.genesis = genesis
        self.chain_id = chain_id
        self._organisation = organisation
        self._epochs = epochs
        self._ledger = ledger
        self._state = state
        self._mempool = mempool
        self._admission = admission
        self._tracker = tracker
        self._peers = peers
        self._counters = counters
        self._clock = clock
        self._engine = engine
        self._stored_height = stored_height
        self._joining = joining

    # --- the node -----------------------------------------------------------------------------------------

    @property
    def counters(self) -> Mapping[str, float]:
        """Counts since the start, by name."""
        return self._counters.as_dict()

    def status(self) -> StatusAnswer:
        """What the node is doing and what it waits for."""
        engine = self._engine()
        stored = self._stored_height()
        names = [validator.organisation for validator in self._epochs.validators.members]
        view, leader, height, missing, waiting = 0, "", stored, [], "catching up with the others"
        if engine is not None:
            status = engine.status()
            view, height, leader = status.view, status.final_height, names[status.leader]
            waiting = status.waiting.value + (f" ({status.detail})" if status.detail else "")
            votes = next((votes for votes in status.votes if votes.kind == "notarize"), None)
            if votes is not None and status.waiting is not Waiting.REST:  # at rest nobody has anything to vote on
                missing = [names[index] for index in votes.missing]
        if self._epochs.asking:
            waiting = "a quorum's word on what this validator signed last"
        waiting = self._joining() or waiting
        return StatusAnswer(
            organisation=self._organisation,
            chain_id=self.chain_id.hex(),
            view=view,
            leader=leader,
            height=height,
            executed_height=stored,
            waiting_for=waiting,
            votes_missing=missing,
            mempool=len(self._mempool),
            chain_minus_clock_ms=self._ledger.tip().executed.time_ms - self._clock.chain_ms(),
            peers=[
                PeerStatus(
                    peer.organisation,
                    peer.connected,
                    peer.head.height if peer.head else None,
                    peer.head.view if peer.head else None,
                )
                for peer in self._peers
            ],
        )

    def head(self) -> HeadAnswer | None:
        """The newest final header that carries a certificate of its own, with it; None at genesis."""
        row = self._newest_certified()
        if row is None or row.header is None or row.finalisation is None:
            return None
        executed, epoch = row.header.executed, row.header.epoch
        ends = self._epochs.steps(max(0, epoch - EPOCHS_SHOWN), epoch)
        return HeadAnswer(
            chain_id=self.chain_id.hex(),
            network=self.genesis.network,
            organisation=self._organisation,
            height=row.header.height,
            time_ms=row.header.time_ms,
            header=b64(encode(row.header)),
            certificate=b64(encode(row.finalisation)),
            executed=ExecutedAnswer(
                executed.height,
                executed.time_ms,
                executed.state_root.hex(),
                executed.receipts_root.hex(),
                executed.history_root.hex(),
            ),
            states_from=self._state.oldest_height(),
            validators=b64(encode(self._epochs.validators_of(epoch))),
            epochs=[b64(encode(end)) for end in ends],
        )

    def _newest_certified(self) -> BlockRow | None:
        stored = self._stored_height()
        for height in range(stored, max(0, stored - 256), -1):
            row = self._ledger.block(height)
            if row is not None and row.finalisation is not None:
                return row
        return None

    # --- transactions -------------------------------------------------------------------------------------

    async def submit(self, raw: bytes) -> TransactionStatus:
        """Check and admit one transaction; one that is known already answers where it is.

        Raises:
            DecodeError, SignatureError: malformed, expired, or a signature does not verify.
            RefusedError: ``UNKNOWN_KEY`` or ``KEY_REVOKED``.
            UnavailableError: this node has no room; trying again is safe.
        """
        (outcome,) = await self._admission.submit((raw,))
        if isinstance(outcome, TallystickError):
            raise outcome
        return self.transaction_status(outcome.id)

    async def submit_many(self, raws: Sequence[bytes]) -> list[BulkItem]:
        """Many transactions, each judged alone, in the order given; one that is known already counts as admitted."""
        outcomes = await self._admission.submit(raws)
        return [self._bulk_item(raw, outcome) for raw, outcome in zip(raws, outcomes, strict=True)]

    def _bulk_item(self, raw: bytes, outcome: Outcome) -> BulkItem:
        if isinstance(outcome, Admitted):
            return BulkItem(outcome.id.hex(), True)
        code = "unavailable"
        if isinstance(outcome, DecodeError):
            code = outcome.rule
        elif isinstance(outcome, RefusedError):
            code = outcome.reason
        elif type(outcome).__name__ == "SignatureError":
            code = "signature"
        return BulkItem(self._id_of(raw), False, code, str(outcome))

    def _id_of(self, raw: bytes) -> str:
        """Id of a refused transaction, or nothing when it has none."""
        try:
            return decode_transaction(raw, self.chain_id).id.hex()
        except DecodeError:
            return ""

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        """Where a transaction is; state ``unknown`` when it was never seen here.

        Raises:
            PrunedError: it was executed at a height that this node does not keep any more.
        """
        id_ = transaction_id.hex()
        # First: what was ordered a second time stands where it was executed.
        place = self._ledger.executed_place(transaction_id)
        if place is None:
            place = self._tracker.final_place(transaction_id)
            if place is not None:
                return TransactionStatus(id_, TransactionState.FINAL, place.height, place.index)
            known = transaction_id in self._mempool
            return TransactionStatus(id_, TransactionState.ADMITTED if known else TransactionState.UNKNOWN)
        proven = place.height <= self._tracker.proven_height
        encoded = self._encoded_receipt(place)
        receipt = decode(encoded, Receipt, size_max=_RECEIPT_SIZE_MAX)
        return TransactionStatus(
            id_,
            TransactionState.PROVEN if proven else TransactionState.EXECUTED,
            place.height,
            place.index,
            receipt.reason.name,
            receipt.detail or None,
            b64(encoded),
        )

    async def wait(self, transaction_id: bytes, state: TransactionState, timeout_ms: int) -> TransactionStatus:
        """As ``transaction_status``, once the state is reached or the time is over."""
        status = self.transaction_status(transaction_id)
        if RANK[status.state] >= RANK[state]:
            return status
        if status.state is TransactionState.EXECUTED and status.height is not None:
            self._tracker.expect_proof(transaction_id, status.height)
        await self._tracker.wait(transaction_id, state, timeout_ms)
        return self.transaction_status(transaction_id)

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        """The first receipt of an executed transaction, or None."""
        place = self._ledger.executed_place(transaction_id)
        if place is None:
            return None
        return decode(self._encoded_receipt(place), Receipt, size_max=_RECEIPT_SIZE_MAX)

    def _encoded_receipt(self, place: Place) -> bytes:
        """Receipts of due work come first, the system's last; between them one per transaction."""
        receipts = self._ledger.receipts(place.height)
        row = self._ledger.block(place.height)
        assert row is not None and row.header is not None
        return receipts[len(receipts) - 1 - row.header.transaction_count + place.index]

    # --- the chain ----------------------------------------------------------------------------------------

    def blocks(self, from_height: int, limit: int) -> list[BlockAnswer]:
        """Executed heights in order, at most ``limit``, beginning with ``from_height``; genesis has no block.

        Raises:
            PrunedError: the first one is not kept any more.
        """
        answers: list[BlockAnswer] = []
        size = 0
        first = max(1, from_height)
        for height in range(first, min(self._stored_height(), first + min(limit, BLOCKS_MAX) - 1) + 1):
            transactions, receipts = self._ledger.transactions(height), self._ledger.receipts(height)
            row = self._ledger.block(height)
            assert row is not None and row.header is not None
            size += sum(map(len, transactions)) + sum(map(len, receipts))
            if answers and size > BLOCKS_SIZE_MAX:
                break
            answers.append(BlockAnswer(encode(row.header), row.finalisation, transactions, receipts))
        return answers

    def certified_header(self, height: int) -> CertifiedHeader | None:
        """A final header with what certifies it, or None.

        Raises:
            PrunedError: this node joined from a snapshot of a later height.
        """
        if height > 0:
            self._ledger.check_header_kept(height)
        row = self._ledger.block(height) if 0 < height <= self._stored_height() else None
        if row is None or row.header is None:
            return None
        proof = certify(self._ledger, height, self._stored_height())
        if proof is None or proof.finalisation is None:  # a recovery is no certificate: later headers prove this one
            return None
        descendants = tuple(encode(header) for header in proof.descendants)
        return CertifiedHeader(encode(row.header), descendants, proof.finalisation, proof.closing)

    def epoch(self, epoch: int) -> EpochStep | None:
        """How an epoch ended, or None while it goes on."""
        return self._epochs.step(epoch)

    def epoch_was_recovered(self, epoch: int) -> bool:
        """Whether a recovery ended an epoch, so that nobody can be led across its end."""
        return self._epochs.recovery(epoch) is not None

    # --- the state ----------------------------------------------------------------------------------------

    def record(self, key: bytes) -> Record | None:
        """The newest executed record of a key, or None."""
        return self._state.get(key)

    def history(self, key: bytes, from_index: int, limit: int) -> list[HistoryAnswer]:
        """Entries of the history that the record of ``key`` owns, in order, with the transactions that hold them.

        A transaction is empty where this node does not keep it any more.
        """
        answers: list[HistoryAnswer] = []
        for data in self._ledger.history(key, from_index, min(limit, HISTORY_MAX)):
            entry = decode(data, HistoryEntry, size_max=_ENTRY_SIZE_MAX)
            kept = entry.height >= self._ledger.floor.bodies_from
            transactions = self._ledger.transactions(entry.height) if kept else ()
            raw = transactions[entry.transaction_index] if entry.transaction_index < len(transactions) else b""
            answers.append(HistoryAnswer(data, raw))
        return answers
