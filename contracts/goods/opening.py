"""How an identifier comes under control, and how it leaves: commissioning, opening, selling, taking out of use."""

from __future__ import annotations

import re

from contracts.authority import active_organisation, require_use
from contracts.goods.containers import require_empty
from contracts.goods.context import EventContext, Item
from contracts.goods.custody import quantity_for_milestone, require_custody
from contracts.goods.parties import CONTROLLABLE, holds_prefix
from contracts.goods.restrictions import require_inspection_not_failed, require_not_recalled
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.epcis import Identifier, IdentifierKind, parse_key
from tallystick.epcis.model import Quantity
from tallystick.errors import EventError
from tallystick.limits import QUANTITY_MAX
from tallystick.payloads.goods import OpenItem
from tallystick.reasons import Reason
from tallystick.records.goods import (
    History,
    HistoryKind,
    ItemMembers,
    ItemPublic,
    ItemStatus,
    Origin,
    item_key,
)
from tallystick.records.members import KeyUse

NO_HISTORY = History()
_UNIT = re.compile(r"[A-Z0-9]{2,3}")


def lot_of(identifier: Identifier) -> str:
    """Key text of the lot that a serial states; empty for anything else."""
    return (identifier.lot_key or "") if identifier.kind is IdentifierKind.ITEM else ""


def new_item(
    context: EventContext,
    identifier: Identifier,
    quantity: Quantity | None,
    origin: Origin,
    kind: HistoryKind,
    made_by: bytes = ZERO32,
) -> Item:
    """Bring an identifier under control, in the hands of the signers' organisation; its history begins with the event.

    Raises:
        Refusal: PROFILE_FIELD_MISSING when a lot has no quantity, RECORD_TOO_LARGE when it has too much.
    """
    amount, unit = 0, ""
    if identifier.kind is IdentifierKind.LOT:
        if quantity is None or not quantity.micro:
            raise Refusal(Reason.PROFILE_FIELD_MISSING, f"quantity of {identifier.key}")
        amount, unit = quantity.micro, quantity.uom or ""
        if amount > QUANTITY_MAX:
            raise Refusal(Reason.RECORD_TOO_LARGE, identifier.key)
    key = item_key(identifier.key)
    history = context.work.append_history(key, NO_HISTORY, context.entry(kind, made_by))
    public = ItemPublic(ItemStatus.ACTIVE, origin, history, lot_of(identifier), ZERO32, made_by, 0, ())
    members = ItemMembers(context.work.organisation, "", "", amount, amount, unit, b"")
    return context.add_item(Item(identifier.key, key, public, members, new=True))


def commission(context: EventContext, lines: list[tuple[Identifier, Quantity | None]]) -> None:
    """Commission identifiers under a prefix of the signers' organisation."""
    if not context.members_salt:
        raise Refusal(Reason.PROFILE_FIELD_MISSING, "members")
    for identifier, quantity in lines:
        if context.item(identifier.key) is not None:
            raise Refusal(Reason.ALREADY_COMMISSIONED, identifier.key)
        new_item(context, identifier, quantity, Origin.COMMISSIONED, HistoryKind.COMMISSION)


def sell(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Sell to a consumer: a serial is then sold; of a lot the quantity goes, and with the last of it the lot."""
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        require_custody(context, item)
        require_empty(context, item)
        require_not_recalled(context, item)
        require_inspection_not_failed(context, item)
        sold = quantity_for_milestone(item, quantity)
        take_from(item, quantity, ItemStatus.SOLD)
        context.append(item, HistoryKind.SELL)
        context.write_milestone(identifier, HistoryKind.SELL, sold)


def decommission(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Take out of use: destroyed, dispensed with, used up. Recalled goods may end so."""
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        require_custody(context, item)
        require_empty(context, item)
        take_from(item, quantity, ItemStatus.DECOMMISSIONED)
        context.append(item, HistoryKind.DECOMMISSION)


def take_from(item: Item, quantity: Quantity | None, end: ItemStatus) -> int:
    """Take a quantity off a lot, or a single thing as a whole; with nothing left the item has the status ``end``.

    Returns:
        What was taken, in millionths of the lot's unit; 0 for a single thing.
    Raises:
        Refusal: UNIT_MISMATCH or QUANTITY_SHORT.
    """
    members = item.members
    taken = members.remaining
    if quantity is not None and quantity.micro is not None:
        if (quantity.uom or "") != members.unit:
            raise Refusal(Reason.UNIT_MISMATCH, item.identifier)
        if quantity.micro > members.remaining:
            raise Refusal(Reason.QUANTITY_SHORT, item.identifier)
        taken = quantity.micro
    if taken:
        item.set_members(remaining=members.remaining - taken)
    if item.members.remaining == 0:
        item.set_public(status=end)
    return taken


def open_item(work: Workspace, payload: OpenItem) -> None:
    """Bring an identifier under control that existed before the ledger knew it.

    When another organisation has it, it is on its way to that one, which takes it over by receiving it: custody never
    falls to somebody unasked.
    """
    require_use(work, KeyUse.CAPTURE)
    identifier = _parse(payload.identifier)
    if identifier.kind not in CONTROLLABLE:
        raise Refusal(Reason.WRONG_KIND, payload.identifier)
    if not holds_prefix(work, identifier):
        raise Refusal(Reason.NOT_PREFIX_HOLDER, payload.identifier)
    key = item_key(payload.identifier)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_COMMISSIONED, payload.identifier)
    _require_quantity_of_kind(payload, identifier)
    if payload.lot:
        lot = _parse(payload.lot)
        fits = identifier.kind is IdentifierKind.ITEM and lot.kind is IdentifierKind.LOT and lot.gtin == identifier.gtin
        if not fits:
            raise Refusal(Reason.WRONG_KIND, payload.lot)
    active_organisation(work, payload.holder)
    heading_to = "" if payload.holder == work.organisation else payload.holder
    work.write(
        key,
        ItemPublic(ItemStatus.ACTIVE, Origin.DECLARED, NO_HISTORY, payload.lot, ZERO32, ZERO32, 0, (), payload.origin),
        ItemMembers(work.organisation, heading_to, "", payload.quantity, payload.quantity, payload.unit, b""),
    )


def _require_quantity_of_kind(payload: OpenItem, identifier: Identifier) -> None:
    if payload.unit and _UNIT.fullmatch(payload.unit) is None:
        raise Refusal(Reason.BAD_NAME, "unit")
    if identifier.kind is IdentifierKind.LOT:
        if not payload.quantity:
            raise Refusal(Reason.PROFILE_FIELD_MISSING, "quantity")
    elif payload.quantity or payload.unit:
        raise Refusal(Reason.WRONG_KIND, "quantity")


def _parse(key: str) -> Identifier:
    try:
        return parse_key(key)
    except EventError as error:
        raise Refusal(Reason.BAD_NAME, key) from error
