"""Goods beside events: opening an identifier with a declared origin, recalls."""

from __future__ import annotations

from collections.abc import Sequence

from client_sdk.intents.intent import Intent
from tallystick.payloads.goods import LiftRecall, OpenItem, RecallItems
from tallystick.records.members import KeyUse


def open_item(identifier: str, holder: str, origin: str, *, lot: str = "", quantity: int = 0, unit: str = "") -> Intent:
    """Bring an identifier under control that existed before. The holder of its GS1 company prefix signs.

    Args:
        identifier, lot: key texts.
        quantity: millionths of ``unit``, for a lot.
        origin: words or a URI, shown to everybody.
    """
    return Intent(OpenItem(identifier, holder, lot, quantity, unit, origin), (KeyUse.CAPTURE,))


def recall(recall_id: str, identifiers: Sequence[str], reason: str, *, severity: int) -> Intent:
    """Recall lots, serials or classes and everything made from them.

    Args:
        reason: a sentence for consumers.
        severity: 1 (danger) to 3 (quality).
    """
    return Intent(RecallItems(recall_id, tuple(sorted(set(identifiers))), reason, severity), (KeyUse.TRADE,))


def lift_recall(recall_id: str) -> Intent:
    """End a recall."""
    return Intent(LiftRecall(recall_id), (KeyUse.TRADE,))
