"""What an effective event means for one thing it names, in the words of item histories."""

from __future__ import annotations

from tallystick.epcis import Action, EventType, Identifier, IdentifierKind, ParsedEvent
from tallystick.records.goods import HistoryKind, ItemStatus, Verdict

_BY_STEP = {
    "shipping": HistoryKind.SHIP,
    "receiving": HistoryKind.RECEIVE,
    "void_shipping": HistoryKind.VOID_SHIP,
    "inspecting": HistoryKind.INSPECT,
    "retail_selling": HistoryKind.SELL,
    "dispensing": HistoryKind.SELL,
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
    match event.type:
        case EventType.TRANSFORMATION:
            outputs = {i.key for i in event.outputs} | {quantity.item.key for quantity in event.output_quantities}
            return HistoryKind.PRODUCE if key in outputs else HistoryKind.CONSUME
        case EventType.AGGREGATION if event.action is not Action.OBSERVE:
            return HistoryKind.PACK if event.action is Action.ADD else HistoryKind.UNPACK
        case EventType.TRANSACTION:
            return HistoryKind.TRANSACT
        case EventType.OBJECT:
            return _kind_of_object_event(event)
    return HistoryKind.OBSERVE


def _kind_of_object_event(event: ParsedEvent) -> HistoryKind:
    kind = _BY_STEP.get(event.biz_step or "", HistoryKind.OBSERVE)
    if event.action is Action.ADD:
        return HistoryKind.COMMISSION
    if event.action is Action.DELETE:
        return HistoryKind.SELL if kind is HistoryKind.SELL else HistoryKind.DECOMMISSION
    return HistoryKind.RETURN if kind is HistoryKind.SHIP and event.disposition == "returned" else kind


def status_after(kind: HistoryKind, identifier: Identifier) -> ItemStatus | None:
    """The status a single thing has after an entry of this kind, or None where the entry leaves it as it is.

    Of a lot only what is left counts, which is for members: its rows say *active*, its proof says how it is.
    """
    if identifier.kind in (IdentifierKind.LOT, IdentifierKind.CLASS):
        return None
    return _STATUS.get(kind)


_STATUS = {
    HistoryKind.CONSUME: ItemStatus.CONSUMED,
    HistoryKind.SELL: ItemStatus.SOLD,
    HistoryKind.DECOMMISSION: ItemStatus.DECOMMISSIONED,
}
_VERDICTS = {"conformant": Verdict.PASS, "non_conformant": Verdict.FAIL}


def verdict_of(event: ParsedEvent) -> Verdict | None:
    """What an inspection found, as its event says."""
    return _VERDICTS.get(event.disposition or "")
