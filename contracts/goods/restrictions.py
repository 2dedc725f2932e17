"""What keeps goods from being shipped or sold: recalls in force, failed inspections."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.goods.context import EventContext, Item
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.reasons import Reason
from tallystick.records.goods import (
    Inspection,
    Recall,
    RecallState,
    Verdict,
    correction_key,
    inspection_key,
    recall_key,
)


def in_force(work: Workspace, recall_id: str) -> bool:
    """Whether a recall has not been lifted."""
    recall = work.public(recall_key(recall_id), Recall)
    return recall is not None and recall.state is not RecallState.LIFTED


def class_of(identifier: str) -> str:
    """Key text of the class (GTIN) of a serial or lot; empty for anything else."""
    parts = identifier.split("/", 2)
    return f"01/{parts[1]}" if parts[0] == "01" and len(parts) == 3 else ""


def require_not_recalled(context: EventContext, item: Item) -> None:
    """Refuse an item that is recalled itself, or whose lot or class is (RECALLED)."""
    for identifier in (item.identifier, item.public.lot, class_of(item.identifier)):
        kin = context.item(identifier) if identifier else None
        if kin is not None and any(in_force(context.work, recall_id) for recall_id in kin.public.recalls):
            raise Refusal(Reason.RECALLED, identifier)


def require_inspection_not_failed(context: EventContext, item: Item) -> None:
    """Refuse an item whose newest inspection, or that of its lot, failed and was not declared erroneous."""
    for identifier in (item.identifier, item.public.lot):
        inspection = context.work.public(inspection_key(identifier), Inspection) if identifier else None
        if (
            inspection is not None
            and inspection.verdict is Verdict.FAIL
            and context.work.record(correction_key(inspection.inspector, inspection.commitment)) is None
        ):
            raise Refusal(Reason.INSPECTION_FAILED, identifier)


def require_fit_to_leave(context: EventContext, item: Item) -> None:
    """Refuse to let goods go to somebody else that are recalled or failed, they or anything inside them."""
    require_not_recalled(context, item)
    require_inspection_not_failed(context, item)
    for content in contents_of(context, item):
        require_not_recalled(context, content)
        require_inspection_not_failed(context, content)


def contents_of(context: EventContext, item: Item) -> Iterator[Item]:
    """Everything inside a container at all levels, in order; charged to the organisation's share of the block."""
    session = context.open_session(item)
    if session is None:
        return
    context.work.spend(session.members.total)
    waiting = [session]
    while waiting:
        for identifier in waiting.pop().members.contents:
            content = context.present(identifier)
            yield content
            inner = context.open_session(content)
            if inner is not None:
                waiting.append(inner)
