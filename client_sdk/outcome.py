"""What became of a transaction: a node's status, checked against the transaction and turned into values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from client_sdk.errors import AnswerError, refused
from tallystick.api import TransactionState, TransactionStatus, unb64
from tallystick.encoding import decode
from tallystick.errors import DecodeError
from tallystick.reasons import Reason
from tallystick.receipts import EventOutcome, Receipt, ReceiptKind

RECEIPT_SIZE_MAX = 4 * 1_048_576  # bytes; a thousand events with several changes each

ORDER = tuple(TransactionState)  # unknown, admitted, final, executed, proven: each includes those before it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a transaction has come and, once executed, what it did.

    Attributes:
        id: 32 bytes.
        height, index: its place on the chain, once final.
        receipt: what it changed, once executed.
    """

    id: bytes
    state: TransactionState
    height: int | None = None
    index: int | None = None
    receipt: Receipt | None = None

    @property
    def reason(self) -> Reason:
        """``NONE`` while unknown and when it took effect."""
        return self.receipt.reason if self.receipt is not None else Reason.NONE

    @property
    def events(self) -> tuple[EventOutcome, ...]:
        """What became of each event of a capture, once executed."""
        return self.receipt.events if self.receipt is not None else ()

    @property
    def recorded_before(self) -> bool:
        """Every event of the capture stands on the ledger already: sending it again changed nothing."""
        return bool(self.events) and all(event.reason is Reason.DUPLICATE for event in self.events)

    def reached(self, state: TransactionState) -> bool:
        """Whether it has come at least as far as ``state``."""
        return ORDER.index(self.state) >= ORDER.index(state)

    def require_effect(self) -> Outcome:
        """This outcome, if the transaction took effect or had taken it before.

        Raises:
            RefusedError: with the receipt's reason and detail, which for a capture names the event by its place.
        """
        if self.receipt is None or self.receipt.reason is Reason.NONE or self.recorded_before:
            return self
        raise refused(self.receipt.reason, self.receipt.detail)


def read_status(status: TransactionStatus, id_: bytes, commitments: Sequence[bytes] | None) -> Outcome:
    """A node's status as an outcome, if it is about this transaction and does not contradict itself.

    Args:
        id_: the transaction asked about.
        commitments: of its events, in order; empty for a payload, None when they are not known.
    Raises:
        AnswerError: it is about something else, or its parts do not fit together.
    """
    if status.id != id_.hex():
        raise AnswerError(f"asked about transaction {id_.hex()[:16]}…, a node answered about {status.id[:16]!r}")
    outcome = Outcome(id_, status.state, status.height, status.index)
    if not outcome.reached(TransactionState.FINAL):
        return Outcome(id_, status.state)
    if status.height is None or status.index is None:
        raise AnswerError(f"a node calls transaction {id_.hex()[:16]}… {status.state} but names no place for it")
    if not outcome.reached(TransactionState.EXECUTED):
        return outcome
    if status.receipt is None:
        raise AnswerError(f"a node calls transaction {id_.hex()[:16]}… {status.state} but shows no receipt")
    receipt = read_receipt(unb64_answer(status.receipt), id_, commitments)
    if receipt.height != status.height or receipt.reason.name != status.reason:
        raise AnswerError("a node's status and the receipt in it contradict each other")
    return Outcome(id_, status.state, status.height, status.index, receipt)


def read_receipt(data: bytes, id_: bytes, commitments: Sequence[bytes] | None) -> Receipt:
    """A receipt's bytes, if it is the receipt of this transaction.

    Raises:
        AnswerError: it is not.
    """
    try:
        receipt = decode(data, Receipt, size_max=RECEIPT_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"a node answered something that is no receipt: {error}") from error
    if receipt.kind is not ReceiptKind.TRANSACTION or receipt.subject != id_:
        raise AnswerError("a node answered with the receipt of something else")
    shown = tuple(event.commitment for event in receipt.events)
    if shown and commitments is not None and shown != tuple(commitments):
        raise AnswerError("the receipt's events are not those of the transaction")
    return receipt


def unb64_answer(text: str) -> bytes:
    """Bytes of an answer. Raises: AnswerError."""
    try:
        return unb64(text)
    except DecodeError as error:
        raise AnswerError(f"a node answered something that is not base64url: {error}") from error
