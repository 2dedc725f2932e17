"""Sign and submit: one transaction in, its outcome back, however many nodes fail on the way.

Nothing can be written twice: a transaction has one id, whoever takes it and however often; the same bytes are sent
until an answer is known. Only after its validity has passed unseen may a wish be signed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, DoorError, MissingError, StillWaitingError
from client_sdk.nodes import MSGPACK, Nodes, read_json
from client_sdk.outcome import Outcome, read_receipt, read_status
from tallystick import api
from tallystick.api import BulkAnswer, BulkItem, HeadAnswer, StatusAnswer, TransactionState, TransactionStatus
from tallystick.encoding import Message, encode
from tallystick.errors import ConfigError
from tallystick.limits import (
    BULK_SIZE_MAX,
    BULK_TRANSACTIONS_MAX,
    NONCE_SIZE,
    PAYLOAD_SIZE_MAX,
    SALT_SIZE,
    VALIDITY_MAX_MS,
)
from tallystick.payloads import decode_payload, encode_payload
from tallystick.receipts import Receipt
from tallystick.transactions import Event, SignedTransaction, sign_transaction

VALIDITY_MS = 3_600_000  # one hour: longer than any outage one waits out, far below what the ledger allows
POLL_MS = 5_000  # how long a node holds back an answer
POLL_PAUSE_S = 0.05  # between polls that came back at once


def payload_bytes(salt: bytes, payload: Message) -> bytes:
    """Salt and payload as a head binds them, read back once: what a node would refuse is refused here.

    Raises:
        ConfigError: a text that is not well formed, or more bytes than a payload may have.
        DecodeError: a field is too long, out of range, or not of its form; the message names it.
    """
    try:
        contents = encode_payload(salt, payload)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError) as error:
        raise ConfigError(f"this cannot be written as a payload: {error}") from error
    if len(contents) > PAYLOAD_SIZE_MAX:
        raise ConfigError(f"{len(contents)} bytes of payload, at most {PAYLOAD_SIZE_MAX} are allowed")
    decode_payload(contents)
    return contents


@dataclass(frozen=True, slots=True)
class Client:
    """One organisation's hand on the ledger.

    Attributes:
        nodes: where to send; signs requests with a key of its own.
        chain_id: 32 bytes, pinned.
        wait_s: how long ``submit`` waits for the wanted state.
        validity_ms: how long what is signed may still be included, in block time.
    """

    nodes: Nodes
    chain_id: bytes
    environment: Environment = SYSTEM
    wait_s: float = 30.0
    validity_ms: int = VALIDITY_MS

    # --- signing ------------------------------------------------------------------------------------------

    def sign_payload(self, payload: Message, seeds: Sequence[bytes]) -> SignedTransaction:
        """A payload under a fresh salt and nonce, signed by all ``seeds`` in order.

        Raises:
            ConfigError, DecodeError: no node would take the payload: a field is too long, out of range, misspelt.
            UnavailableError: no node answered what time it is on the chain.
        """
        return self.sign(seeds, payload=payload_bytes(self.environment.random_bytes(SALT_SIZE), payload))

    def sign_events(self, events: Sequence[Event], seeds: Sequence[bytes]) -> SignedTransaction:
        """Events under one signature. ``capture.prepare`` makes them from EPCIS."""
        return self.sign(seeds, events=tuple(events))

    def sign(
        self, seeds: Sequence[bytes], *, events: tuple[Event, ...] = (), payload: bytes = b""
    ) -> SignedTransaction:
        """Events, or a payload's bytes, with a fresh nonce and the validity of this client."""
        if not seeds:
            raise ConfigError("nobody signs: name a key (--key, or [keys] in the configuration)")
        return sign_transaction(
            chain_id=self.chain_id,
            nonce=self.environment.random_bytes(NONCE_SIZE),
            valid_until_ms=self.valid_until_ms(),
            seeds=seeds,
            events=events,
            payload=payload,
        )

    def valid_until_ms(self, validity_ms: int | None = None) -> int:
        """Last block time for what is signed now. The chain's clock counts: it may have been advanced.

        Args:
            validity_ms: instead of this client's own.
        """
        span_ms = self.validity_ms if validity_ms is None else validity_ms
        if not 0 < span_ms < VALIDITY_MAX_MS:
            raise ConfigError(f"a validity of {span_ms} ms; the ledger takes less than {VALIDITY_MAX_MS}")
        return self.chain_time_ms() + span_ms

    def chain_time_ms(self) -> int:
        """The newest block's time, or this machine's where that is later (an idle chain's newest block is old)."""
        now_ms = self.environment.now_ms()
        try:
            return max(now_ms, self.head().time_ms)
        except MissingError:  # nothing but genesis is final yet
            return now_ms

    # --- submitting ---------------------------------------------------------------------------------------

    def send(
        self, payload: Message, seeds: Sequence[bytes], *, wait: TransactionState = TransactionState.PROVEN
    ) -> Outcome:
        """Sign a payload, submit it, and insist on its effect. Raises: as ``submit``, and RefusedError."""
        return self.submit(self.sign_payload(payload, seeds), wait=wait).require_effect()

    def submit(self, transaction: SignedTransaction, *, wait: TransactionState = TransactionState.PROVEN) -> Outcome:
        """Hand a transaction in and follow it.

        Calling it again with the same transaction is always safe and gives the same outcome.

        Args:
            wait: how far it must have come. ``PROVEN`` (a quorum certified its receipt) unless there is a reason.
        Returns:
            The outcome, which may be a refusal: see ``Outcome.require_effect``.
        Raises:
            DoorError: malformed, expired or not allowed; it was not taken and will not take effect.
            StillWaitingError: taken, but not so far in time.
            UnavailableError: no node answered; whether one took it is unknown. Submit the same transaction again.
            AnswerError: a node's answer does not fit the transaction.
        """
        if transaction.head.chain_id != self.chain_id:
            raise ConfigError("the transaction was signed for another chain than this client's")
        outcome = self._post(transaction)
        return self._follow(transaction, outcome, wait)

    def submit_many(self, transactions: Sequence[SignedTransaction]) -> list[BulkItem]:
        """Hand many in at once; each is judged alone. Follow each with ``submit`` or ``status``.

        Raises:
            ConfigError: more than one bulk submission may hold.
            AnswerError: the answer is not about these transactions.
        """
        body = encode(tuple(transaction.raw for transaction in transactions))
        if len(transactions) > BULK_TRANSACTIONS_MAX or len(body) > BULK_SIZE_MAX:
            raise ConfigError(f"at most {BULK_TRANSACTIONS_MAX} transactions and {BULK_SIZE_MAX} bytes at once")
        answer = read_json(self.nodes.post(api.TRANSACTIONS_BULK, body), BulkAnswer)
        if [item.id for item in answer.items] != [transaction.id.hex() for transaction in transactions]:
            raise AnswerError("a node's answer to a bulk submission is about other transactions")
        return answer.items

    def status(
        self,
        id_: bytes,
        commitments: Sequence[bytes] | None = None,
        *,
        wait: TransactionState | None = None,
        timeout_ms: int = 0,
    ) -> Outcome:
        """Where a transaction is, as the node says; ``unknown`` when it never saw it."""
        query = {"wait": wait.value, "timeout_ms": str(timeout_ms)} if wait is not None else {}
        path = api.TRANSACTION.format(id=id_.hex())
        try:
            response = self.nodes.get(path, query, members=True, wait_s=timeout_ms / 1_000)
        except MissingError:
            return Outcome(id_, TransactionState.UNKNOWN)
        return read_status(read_json(response, TransactionStatus), id_, commitments)

    def receipt(self, id_: bytes, commitments: Sequence[bytes] | None = None) -> Receipt:
        """The receipt of an executed transaction. Raises: MissingError while there is none."""
        response = self.nodes.get(api.RECEIPT.format(id=id_.hex()), members=True, accept=MSGPACK)
        return read_receipt(response.body, id_, commitments)

    def _post(self, transaction: SignedTransaction) -> Outcome:
        try:
            response = self.nodes.post(api.TRANSACTIONS, transaction.raw)
        except DoorError as error:
            if error.status in (401, 403):
                raise
            known = self.status(transaction.id, transaction.commitments)  # an earlier try may have got through
            if known.state is TransactionState.UNKNOWN:
                raise
            return known
        return read_status(read_json(response, TransactionStatus), transaction.id, transaction.commitments)

    def _follow(self, transaction: SignedTransaction, outcome: Outcome, wait: TransactionState) -> Outcome:
        clock = self.environment.monotonic_s
        started = clock()
        while not outcome.reached(wait):
            left_s = self.wait_s - (clock() - started)
            if left_s <= 0:
                raise StillWaitingError(transaction.id, outcome.state, wait, self.wait_s)
            if outcome.state is TransactionState.UNKNOWN:  # another node answers now, or it restarted: hand in again
                self.environment.sleep(POLL_PAUSE_S)
                outcome = self._post(transaction)
                continue
            asked = clock()
            timeout_ms = max(1, min(POLL_MS, int(left_s * 1_000)))
            outcome = self.status(transaction.id, transaction.commitments, wait=wait, timeout_ms=timeout_ms)
            if not outcome.reached(wait) and clock() - asked < POLL_PAUSE_S:
                self.environment.sleep(POLL_PAUSE_S)
        return outcome

    # --- looking around -----------------------------------------------------------------------------------

    def head(self) -> HeadAnswer:
        """The newest final header as one node says; ``reader.Reader`` verifies."""
        return read_json(self.nodes.get(api.HEAD), HeadAnswer)

    def node_status(self) -> StatusAnswer:
        """What the node is doing and what it waits for."""
        return read_json(self.nodes.get(api.STATUS, members=True), StatusAnswer)
