"""Resumable bulk capture: chunks signed, noted in a journal, sent in bulk, followed until proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from client_sdk.capture import chunks
from client_sdk.client import Client
from client_sdk.journal import FORMAT, Journal, JournalHead, Settled, Signed
from client_sdk.outcome import Outcome
from tallystick import keys
from tallystick.api import TransactionState
from tallystick.errors import ConfigError
from tallystick.limits import BULK_SIZE_MAX, EVENTS_PER_TRANSACTION_MAX, NONCE_SIZE
from tallystick.records.goods import EventStatus
from tallystick.transactions import Event, SignedTransaction, events_digest, sign_transaction

WINDOW = 8  # chunks under way at once
_ROOM = BULK_SIZE_MAX - 65_536  # bytes of transactions in one bulk submission


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of an upload.

    Attributes:
        settled: one line per chunk, in order, refused ones included.
        sizes: events per chunk.
        resumed: chunks that an earlier run had recorded.
        refused: outcome by chunk of those that were refused; a later run tries them again.
        stated: events of this run that are kept as their signer's word alone, since nothing of them is under control.
    """

    settled: tuple[Settled, ...]
    sizes: tuple[int, ...]
    resumed: int
    refused: dict[int, Outcome]
    stated: int = 0

    @property
    def events_recorded(self) -> int:
        """Events that stand on the ledger now."""
        return sum(
            size for line, size in zip(self.settled, self.sizes, strict=True) if line.reason == "NONE" or line.before
        )


class BulkCapture:
    """One upload of many events.

    Args:
        seeds: signers of every chunk.
        journal: where to note progress; a second run with the same journal goes on where the first was cut off.
        events_max: events per chunk.
        on_progress: called with the number of events settled.
    Raises:
        ConfigError: the journal is another upload's.
    """

    def __init__(
        self,
        client: Client,
        events: Sequence[Event],
        seeds: Sequence[bytes],
        journal: Path,
        *,
        events_max: int = EVENTS_PER_TRANSACTION_MAX,
        on_progress: Callable[[int], None] = lambda count: None,
    ) -> None:
        if not events:
            raise ConfigError("there is no event to capture")
        self._client = client
        self._seeds = tuple(seeds)
        self._chunks = tuple(chunks(events, events_max=events_max))
        self._on_progress = on_progress
        self._refused: dict[int, Outcome] = {}
        self._stated = 0
        self._settled: dict[int, Settled] = {}
        head = JournalHead(
            FORMAT,
            client.chain_id.hex(),
            events_digest([event.commitment() for event in events]).hex(),
            [keys.public_key_of(seed).hex() for seed in seeds],
            [len(chunk) for chunk in self._chunks],
        )
        self._journal = Journal(journal, head)

    def run(self) -> BulkResult:
        """Send what is not settled yet, window by window.

        Raises:
            UnavailableError, DoorError: as ``Client.submit``; run again to go on.
        """
        try:
            self._settled = dict(self._journal.settled)
            resumed = len(self._settled)
            for chunk in self._settled:
                self._on_progress(len(self._chunks[chunk]))
            open_chunks = [chunk for chunk in range(len(self._chunks)) if chunk not in self._settled]
            for start in range(0, len(open_chunks), WINDOW):
                self._run_window(open_chunks[start : start + WINDOW])
            settled = tuple(self._settled[chunk] for chunk in range(len(self._chunks)))
            return BulkResult(settled, tuple(map(len, self._chunks)), resumed, self._refused, self._stated)
        finally:
            self._journal.close()

    def _run_window(self, window: list[int]) -> None:
        transactions = {chunk: self._signed(chunk) for chunk in window}
        for group in _groups(list(transactions.values())):
            self._client.submit_many(group)  # what the door refuses here, submit below finds out one by one
        for chunk, transaction in transactions.items():
            self._settle(chunk, self._client.submit(transaction, wait=TransactionState.PROVEN))

    def _settle(self, chunk: int, outcome: Outcome) -> None:
        assert outcome.height is not None and outcome.index is not None and outcome.receipt is not None
        line = Settled(
            chunk,
            outcome.id.hex(),
            outcome.height,
            outcome.index,
            outcome.receipt.reason.name,
            outcome.receipt.detail,
            outcome.recorded_before,
        )
        if not line.recorded:
            self._refused[chunk] = outcome
        self._stated += sum(event.status is EventStatus.STATED for event in outcome.events)
        self._journal.write_settled(line)
        self._settled[chunk] = line
        self._on_progress(len(self._chunks[chunk]))

    def _signed(self, chunk: int) -> SignedTransaction:
        """The chunk's transaction: as it was signed before, if that can still take effect or has; else anew."""
        noted = self._journal.signed.get(chunk)
        if noted is not None:
            transaction = self._sign(chunk, bytes.fromhex(noted.nonce), noted.valid_until_ms)
            if transaction.id.hex() != noted.id:
                raise ConfigError(f"{self._journal.path}: chunk {chunk} does not come to the id that was noted for it")
            if noted.valid_until_ms >= self._client.chain_time_ms():
                return transaction
            if self._client.status(transaction.id).state is not TransactionState.UNKNOWN:
                return transaction
        nonce = self._client.environment.random_bytes(NONCE_SIZE)
        transaction = self._sign(chunk, nonce, self._client.valid_until_ms())
        self._journal.write_signed(Signed(chunk, transaction.id.hex(), nonce.hex(), transaction.head.valid_until_ms))
        return transaction

    def _sign(self, chunk: int, nonce: bytes, valid_until_ms: int) -> SignedTransaction:
        return sign_transaction(
            chain_id=self._client.chain_id,
            nonce=nonce,
            valid_until_ms=valid_until_ms,
            seeds=self._seeds,
            events=self._chunks[chunk],
        )


def _groups(transactions: list[SignedTransaction]) -> list[list[SignedTransaction]]:
    """Cut into bulk submissions that fit."""
    groups: list[list[SignedTransaction]] = [[]]
    size = 0
    for transaction in transactions:
        if groups[-1] and size + transaction.size > _ROOM:
            groups.append([])
            size = 0
        groups[-1].append(transaction)
        size += transaction.size
    return groups
