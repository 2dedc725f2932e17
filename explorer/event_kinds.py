"""What an effective event means for one thing it names, in the words of item histories."""

from __future__ import annotations

from tallystick.epcis import Action, EventType, Identifier, IdentifierKind, ParsedEvent
from tallystick.records.goods import HistoryKind, ItemStatus, Verdict

_BY_STEP = {
    "shipping": HistoryKind.SHIP,
    "departing": HistoryKind.SHIP,
    "receiving": HistoryKind.RECEIVE,
    "accepting": HistoryKind.RECEIVE,
    "inspecting": HistoryKind.INSPECT,
    "retail_selling": HistoryKind.SELL,
    "decommissioning": HistoryKind.DECOMMISSION,
    "destroying": HistoryKind.DECOMMISSION,
}
_THINGS = frozenset({IdentifierKind.ITEM, IdentifierKind.LOT, IdentifierKind.CLASS, IdentifierKind.LOGISTIC_UNIT})


def identifiers_of(event: ParsedEvent) -> list[Identifier]:
    """Every thing an event names that can have a page, each once, in order."""
    lists = (event.quantities, event.child_quantities, event.input_quantities, event.output_quantities)
    parent = () if event.parent is None else (event.parent,)
    named = [*event.epcs, *parent, *event.children, *event.inputs, *event.outputs]
    named += [quantity.item for quantities in lists for quantity in quantities]
    return list({identifier.key: identifier for identifier in named if identifier.kind in _THINGS}.values())


def kind_of_event(event: ParsedEvent, key: str) -> HistoryKind:
    """The kind of history entry that an effective event is for the thing with this key text."""
    if event.error_declaration is not None:
        return HistoryKind.CORRECT
    if event.type is EventType.TRANSFORMATION:
        outputs = {i.key for i in event.outputs} | {quantity.item.key for quantity in event.output_quantities}
        return HistoryKind.PRODUCE if key in outputs else HistoryKind.CONSUME
    if event.type is EventType.AGGREGATION and event.action is not Action.OBSERVE:
        return HistoryKind.PACK if event.action is Action.ADD else HistoryKind.UNPACK
    if event.type is EventType.TRANSACTION:
        return HistoryKind.TRANSACT
    if event.type is EventType.OBJECT and event.action is Action.ADD:
        return HistoryKind.COMMISSION
    if event.disposition == "returned":
        return HistoryKind.RETURN
    if event.type is EventType.OBJECT and event.action is Action.DELETE and event.biz_step != "retail_selling":
        return HistoryKind.DECOMMISSION
    return _BY_STEP.get(event.biz_step or "", HistoryKind.OBSERVE)


def status_after(kind: HistoryKind, identifier: Identifier) -> ItemStatus | None:
    """The status a thing has after an entry of this kind, or None where the entry leaves it as it is.

    A lot that was partly used stays active; whether anything is left of it is for members.
    """
    match kind:
        case HistoryKind.CONSUME:
            return ItemStatus.CONSUMED if identifier.kind is IdentifierKind.ITEM else None
        case HistoryKind.SELL:
            return ItemStatus.SOLD if identifier.kind is IdentifierKind.ITEM else None
        case HistoryKind.DECOMMISSION:
            return ItemStatus.DECOMMISSIONED
        case HistoryKind.RETURN:
            return ItemStatus.ACTIVE
        case _:
            return None


def verdict_of(event: ParsedEvent) -> Verdict | None:
    """What an inspection found, as its event says."""
    said = {event.disposition, *event.persistent_set}
    if said & {"conformant", "sellable_accessible", "completeness_verified"}:
        return Verdict.PASS
    if said & {"non_conformant", "non_sellable_other", "damaged"}:
        return Verdict.FAIL
    return None
