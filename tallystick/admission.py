"""The one gate for transactions: bytes from anywhere become a ``VerifiedTransaction`` or one error.

Everything checked here is a function of the bytes and the chain id alone; whether a key *may* act is a rule, judged
when the block is executed, and answered by a receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tallystick.encoding import Message
from tallystick.epcis import ParsedEvent, parse_parts
from tallystick.errors import DecodeError, EventError, SignatureError
from tallystick.payloads import decode_payload
from tallystick.transactions import ContentKind, SignedTransaction, decode_transaction


class VerifiedTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose structure, signatures and contents hold. Only this module builds one.

    Attributes:
        id: the 32-byte transaction id; here once more, because it is asked for all the time.
        signed: the transaction with its derived hashes.
        events: one parsed event per event of a capture, in order; empty for a payload.
        payload: the payload's value; None for a capture.
    """

    id: bytes
    signed: SignedTransaction
    events: tuple[ParsedEvent, ...]
    payload: Message | None


def verify_transaction(raw: bytes, chain_id: bytes) -> VerifiedTransaction:
    """Decode one transaction, check its signatures, parse its contents.

    Raises:
        DecodeError: broken structure; the path names the event by its index.
        SignatureError: a signature does not verify.
    """
    return verify_decoded(decode_transaction(raw, chain_id))


def verify_decoded(signed: SignedTransaction) -> VerifiedTransaction:
    """The second half of ``verify_transaction``, for a caller that first asks whether it is worth the signature checks.

    Raises:
        DecodeError, SignatureError: as ``verify_transaction``.
    """
    signed.verify_signatures()
    return _read_contents(signed)


class Checked(NamedTuple):
    """Transactions whose signatures were checked, and which of them failed, by place; ``check_signatures`` makes it."""

    transactions: Sequence[SignedTransaction]
    failed: dict[int, SignatureError]


def check_signatures(transactions: Sequence[SignedTransaction]) -> Checked:
    """The first half of ``verify_decoded`` for many: nearly all of it is libsodium's time, so a thread may do it.

    One step for all transactions before the next step keeps its code in the processor's cache.
    """
    failed: dict[int, SignatureError] = {}
    for index, signed in enumerate(transactions):
        try:
            signed.verify_signatures()
        except SignatureError as error:
            failed[index] = error
    return Checked(transactions, failed)


def read_contents(checked: Checked) -> list[VerifiedTransaction | DecodeError | SignatureError]:
    """The second half of ``verify_decoded`` for many: the outcome of each in its place."""
    failed = checked.failed
    outcomes: list[VerifiedTransaction | DecodeError | SignatureError] = []
    for index, signed in enumerate(checked.transactions):
        if index in failed:
            outcomes.append(failed[index])
            continue
        try:
            outcomes.append(_read_contents(signed))
        except DecodeError as error:
            outcomes.append(error)
    return outcomes


def _read_contents(signed: SignedTransaction) -> VerifiedTransaction:
    if signed.head.kind is ContentKind.PAYLOAD:
        return VerifiedTransaction(signed.id, signed, (), decode_payload(signed.payload))
    events: list[ParsedEvent] = []
    for index, event in enumerate(signed.events):
        try:
            events.append(parse_parts(event.public, event.members))
        except EventError as error:
            raise EventError(error.rule, error.detail, f"/events/{index}{error.path}", error.remedy) from error
        except DecodeError as error:
            raise DecodeError(error.rule, error.detail, f"/events/{index}{error.path}") from error
    return VerifiedTransaction(signed.id, signed, tuple(events), None)
