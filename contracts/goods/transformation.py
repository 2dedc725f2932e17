"""Transformations: inputs are used up, outputs are new, quantities are conserved.

Keeps: what was taken from a lot is never more than was issued, and where one unit holds on both sides no more comes
out than went in (``contracts/invariants.py``, 2).
"""

from __future__ import annotations

from contracts.goods.containers import require_empty
from contracts.goods.context import EventContext
from contracts.goods.custody import require_custody
from contracts.goods.opening import new_item, take_from
from contracts.goods.parties import holds_prefix
from contracts.goods.restrictions import class_of, require_not_recalled
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.epcis import Identifier
from tallystick.epcis.model import Quantity
from tallystick.reasons import Reason
from tallystick.records.base import key_hash
from tallystick.records.goods import (
    DESCENDANTS_PER_CHUNK,
    Descendants,
    DescendantsPublic,
    HistoryKind,
    ItemStatus,
    Origin,
    Transformation,
    descendants_key,
    transformation_key,
)


def transform(
    context: EventContext, inputs: dict[str, Quantity | None], outputs: list[tuple[Identifier, Quantity | None]]
) -> None:
    """Use up inputs in the signers' hands and bring outputs under their prefix under control."""
    if not inputs or not outputs:
        raise Refusal(Reason.PROFILE_FIELD_MISSING, "outputs" if inputs else "inputs")
    if not context.members_salt:
        raise Refusal(Reason.PROFILE_FIELD_MISSING, "members")
    key = transformation_key(context.commitment)
    link = key_hash(key)
    used = _consume(context, inputs, link)
    for identifier, quantity in outputs:
        if context.item(identifier.key) is not None:
            raise Refusal(Reason.OUTPUT_EXISTS, identifier.key)
        if not holds_prefix(context.work, identifier):
            raise Refusal(Reason.NOT_PREFIX_HOLDER, identifier.key)
        new_item(context, identifier, quantity, Origin.PRODUCED, HistoryKind.PRODUCE, link)
    _require_conserved(context, used, outputs)
    context.work.write(
        key,
        Transformation(
            context.organisation,
            context.commitment,
            tuple(inputs),
            tuple(identifier.key for identifier, _ in outputs),
        ),
    )


def _consume(context: EventContext, inputs: dict[str, Quantity | None], link: bytes) -> dict[str, int]:
    """Take the inputs; returns what went of each, in millionths of its unit (0 for a single thing)."""
    used: dict[str, int] = {}
    ancestors: dict[str, None] = {}
    for identifier, quantity in inputs.items():
        item = context.present(identifier)
        require_custody(context, item)
        require_empty(context, item)
        require_not_recalled(context, item)
        used[identifier] = take_from(item, quantity, ItemStatus.CONSUMED)
        context.append(item, HistoryKind.CONSUME, link)
        ancestors.update(dict.fromkeys(filter(None, (identifier, item.public.lot, class_of(identifier)))))
    for ancestor in ancestors:
        add_descendant(context.work, ancestor, context.commitment)
    return used


def _require_conserved(
    context: EventContext, used: dict[str, int], outputs: list[tuple[Identifier, Quantity | None]]
) -> None:
    """Where everything on both sides is a lot measured in one unit, no more may come out than went in."""
    items = [context.present(identifier) for identifier in used]
    items += [context.present(identifier.key) for identifier, _ in outputs]
    if len({item.members.unit for item in items}) != 1 or not all(item.members.issued for item in items):
        return
    if sum(quantity.micro or 0 for _, quantity in outputs if quantity is not None) > sum(used.values()):
        raise Refusal(Reason.QUANTITY_SHORT, "more comes out than goes in")


def add_descendant(work: Workspace, identifier: str, commitment: bytes) -> None:
    """Enter a transformation into the list of those that used an identifier up."""
    head = descendants_key(identifier, 0)
    counted = work.public(head, DescendantsPublic)
    total = counted.total if counted is not None else 0
    chunk = total // DESCENDANTS_PER_CHUNK
    key = descendants_key(identifier, chunk)
    known = work.members(key, Descendants)
    entries = (*(known.transformations if known is not None else ()), commitment)
    if chunk == 0:
        work.write(head, DescendantsPublic(total + 1), Descendants(entries))
    else:
        work.write(key, DescendantsPublic(0), Descendants(entries))
        work.write_public(head, DescendantsPublic(total + 1))


def descendant_count(work: Workspace, identifier: str) -> int:
    """How many transformations used an identifier up."""
    counted = work.public(descendants_key(identifier, 0), DescendantsPublic)
    return counted.total if counted is not None else 0


def descendant(work: Workspace, identifier: str, index: int) -> bytes:
    """Commitment of one of the transformations that used an identifier up."""
    chunk = work.members(descendants_key(identifier, index // DESCENDANTS_PER_CHUNK), Descendants)
    assert chunk is not None
    return chunk.transformations[index % DESCENDANTS_PER_CHUNK]
