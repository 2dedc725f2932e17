"""Payloads about goods that are not EPCIS events: opening an identifier with a declared origin, recalls."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Message, Name, Quantity, Text
from tallystick.limits import REASON_MAX


class OpenItem(Message, frozen=True, tag=20):
    """Bring an identifier under control that existed before the ledger knew it. Signed by the prefix holder (CAPTURE).

    Attributes:
        identifier: key text of a serial, lot or logistic unit.
        holder: organisation that has it; when that is another one, it takes the item over by receiving it.
        lot: key text of a serial's lot, or empty.
        quantity, unit: of a lot, in millionths; 0 and empty for a serial.
        origin: words or a URI saying where it comes from; shown to everybody.
    """

    identifier: Name
    holder: Name
    lot: Text
    quantity: Quantity
    unit: Text
    origin: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]


class RecallItems(Message, frozen=True, tag=21):
    """Recall lots, serials or classes, and what was made from them. Signed by prefix holder or regulator (TRADE)."""

    recall_id: Name
    identifiers: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]
    severity: Annotated[int, msgspec.Meta(ge=1, le=3)]


class LiftRecall(Message, frozen=True, tag=22):
    """End a recall. Signed by its issuer or a regulator (TRADE)."""

    recall_id: Name


PAYLOADS = (OpenItem, RecallItems, LiftRecall)
