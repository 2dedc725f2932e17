"""Receipts: what a height did. Every change of state is in exactly one receipt.

Per height: one receipt per item of due work, then one per transaction in block order, then one system receipt. The
receipts root is RFC 6962 over their encodings. So the state root can be recomputed from receipts alone.
Specification: docs/spec/receipts.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick.encoding import Bytes32, Hash, Message, Natural, encode
from tallystick.limits import EVENTS_PER_TRANSACTION_MAX
from tallystick.merkle import leaf_hash, root_of
from tallystick.reasons import Reason
from tallystick.records.goods import EventStatus


class ReceiptKind(IntEnum):
    """What a receipt is about."""

    DUE_WORK = 1
    TRANSACTION = 2
    SYSTEM = 3


class EventOutcome(Message, frozen=True):
    """What became of one event of a capture.

    Attributes:
        first_height, first_transaction_index: place of the first receipt when the reason is DUPLICATE, else 0.
    """

    commitment: Hash
    status: EventStatus
    reason: Reason
    first_height: Natural = 0
    first_transaction_index: Natural = 0


class Change(Message, frozen=True):
    """One record changed: its key, and the leaf hash of its new value (32 zero bytes: deleted)."""

    key: Annotated[bytes, msgspec.Meta(min_length=1, max_length=512)]
    leaf: Bytes32


class Receipt(Message, frozen=True):
    """What one transaction, one item of due work, or the system did at one height.

    Attributes:
        subject: transaction id, or SHA-256 of the due item's key, or zeros for the system.
        reason: ``NONE`` when it took effect (a capture with every event effective or stated takes effect).
        detail: JSON pointer, id or short word that says what the reason is about; never personal data.
        changes: sorted by key.
    """

    kind: ReceiptKind
    height: Natural
    index: Natural
    subject: Hash
    reason: Reason
    detail: Annotated[str, msgspec.Meta(max_length=256)]
    events: Annotated[tuple[EventOutcome, ...], msgspec.Meta(max_length=EVENTS_PER_TRANSACTION_MAX)]
    changes: tuple[Change, ...]

    def leaf_hash(self) -> bytes:
        """Leaf hash in the height's receipts tree."""
        return leaf_hash(encode(self))


def receipts_root(receipts: tuple[Receipt, ...]) -> bytes:
    """RFC 6962 root over a height's receipts."""
    return root_of([receipt.leaf_hash() for receipt in receipts])
