"""Custody in two steps: the holder ships to a named organisation, and only that organisation receives.

Keeps: every item under control has exactly one custodian (``contracts/invariants.py``, 3). What is inside a container
goes with it by look-up; its own record is brought up to date when it is unpacked.
"""

from __future__ import annotations

from contracts.goods.context import EventContext, Item
from contracts.goods.parties import outermost, receiver_of
from contracts.goods.restrictions import contents_of, require_fit_to_leave
from contracts.interface import Refusal
from tallystick.epcis import parse_key
from tallystick.epcis.model import Quantity
from tallystick.reasons import Reason
from tallystick.records.goods import HistoryKind, ItemStatus
from tallystick.records.members import Organisation, organisation_key

ONE_PIECE = 1_000_000  # millionths: the quantity of a single thing


def require_custody(context: EventContext, item: Item) -> None:
    """Refuse unless the signers' organisation has the item in its hands and it is in no container.

    Raises:
        Refusal: CLASS_HAS_NO_CUSTODY, NOT_HOLDER, NOT_ACTIVE, ALREADY_IN_CONTAINER or IN_TRANSIT, in this order.
    """
    if is_class(item.identifier):
        raise Refusal(Reason.CLASS_HAS_NO_CUSTODY, item.identifier)
    custody = outermost(context, item).members
    if custody.holder != context.organisation:
        raise Refusal(Reason.NOT_HOLDER, item.identifier)
    if item.public.status is not ItemStatus.ACTIVE:
        raise Refusal(Reason.NOT_ACTIVE, item.identifier)
    if item.members.container:
        raise Refusal(Reason.ALREADY_IN_CONTAINER, item.identifier)
    if custody.heading_to:
        raise Refusal(Reason.IN_TRANSIT, item.identifier)


def is_class(identifier: str) -> bool:
    """Whether a key text of an item names a class (GTIN alone)."""
    return identifier.startswith("01/") and identifier.count("/") == 1


def require_whole(item: Item, quantity: Quantity | None) -> None:
    """Refuse a step that would move a part of a lot: a lot moves as a whole, with its quantity or without one."""
    if quantity is None or quantity.micro is None:
        return
    if (quantity.uom or "") != item.members.unit:
        raise Refusal(Reason.UNIT_MISMATCH, item.identifier)
    if quantity.micro > item.members.remaining:
        raise Refusal(Reason.QUANTITY_SHORT, item.identifier)
    if quantity.micro < item.members.remaining:
        raise Refusal(Reason.PART_OF_A_LOT, item.identifier)


def quantity_for_milestone(item: Item, quantity: Quantity | None) -> int:
    """What a milestone says arrived or left: what the event says, else what is left of a lot, else one piece."""
    if quantity is not None and quantity.micro is not None:
        return quantity.micro
    return item.members.remaining or ONE_PIECE


def ship(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Put items on their way to the organisation that the event names as the possessing party."""
    receiver = None
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        require_custody(context, item)
        require_whole(item, quantity)
        require_fit_to_leave(context, item)
        receiver = receiver or receiver_of(context)
        item.set_members(heading_to=receiver)
        context.append(item, HistoryKind.SHIP)
        context.write_milestone(identifier, HistoryKind.SHIP, quantity_for_milestone(item, quantity))


def send_back(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Ship items back to whom they came from or to who issued them; recalled and failed goods may go this way."""
    receiver = None
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        require_custody(context, item)
        require_whole(item, quantity)
        receiver = receiver or receiver_of(context)
        if receiver != item.members.received_from and not _issued_by(context, identifier, receiver):
            require_fit_to_leave(context, item)
        item.set_members(heading_to=receiver)
        context.append(item, HistoryKind.RETURN)


def _issued_by(context: EventContext, identifier: str, organisation: str) -> bool:
    record = context.work.public(organisation_key(organisation), Organisation)
    assert record is not None
    parsed = parse_key(identifier)
    return any(parsed.gs1_company_prefix_matches(prefix) for prefix in record.prefixes)


def call_back(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Void a shipment that was not received yet."""
    for identifier in lines:
        item = context.present(identifier)
        if item.members.holder != context.organisation:
            raise Refusal(Reason.NOT_HOLDER, identifier)
        if not item.members.heading_to:
            raise Refusal(Reason.NOT_IN_TRANSIT, identifier)
        item.set_members(heading_to="")
        context.append(item, HistoryKind.VOID_SHIP)


def receive(context: EventContext, lines: dict[str, Quantity | None]) -> None:
    """Take over items that were shipped to the signers' organisation, and everything inside them.

    A milestone is written for each thing that the event names and for each content, at all levels.
    """
    for identifier, quantity in lines.items():
        item = context.present(identifier)
        if item.members.container:
            raise Refusal(Reason.ALREADY_IN_CONTAINER, identifier)
        if not item.members.heading_to:
            raise Refusal(Reason.NOT_IN_TRANSIT, identifier)
        if item.members.heading_to != context.organisation:
            raise Refusal(Reason.NOT_ADDRESSED_TO_YOU, identifier)
        item.set_members(holder=context.organisation, heading_to="", received_from=item.members.holder)
        context.append(item, HistoryKind.RECEIVE)
        context.write_milestone(identifier, HistoryKind.RECEIVE, quantity_for_milestone(item, quantity))
        for content in contents_of(context, item):
            context.write_milestone(content.identifier, HistoryKind.RECEIVE, quantity_for_milestone(content, None))
