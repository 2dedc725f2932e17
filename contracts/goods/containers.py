"""Containers: packing opens or uses the current session, unpacking leaves it, the last thing out closes it.

Keeps: everything that says it is in a container is in the contents of exactly one open session, and what a session
counts is what is inside (``contracts/invariants.py``, 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.goods.context import EventContext, Item, Session
from contracts.goods.custody import require_custody, require_whole
from contracts.goods.parties import CONTAINERS, outermost
from contracts.interface import Refusal
from tallystick.encoding import ZERO32
from tallystick.epcis import parse_key
from tallystick.epcis.model import Quantity
from tallystick.reasons import Reason
from tallystick.records.goods import CONTAINER_DEPTH_MAX, CONTENTS_MAX, HistoryKind


def pack(context: EventContext, parent: Item, lines: dict[str, Quantity | None]) -> None:
    """Put children into a container. Both must be in the signers' hands; a container is filled before it is packed."""
    if parse_key(parent.identifier).kind not in CONTAINERS:
        raise Refusal(Reason.WRONG_KIND, parent.identifier)
    require_custody(context, parent)
    session = context.open_session(parent) or context.begin_session(parent)
    total, depth = session.members.total, session.members.depth
    for identifier, quantity in lines.items():
        # Admission refuses a parent among its children; a longer circle cannot arise, for parent and child are free.
        assert identifier != parent.identifier
        child = context.present(identifier)
        require_custody(context, child)
        require_whole(child, quantity)
        inner = context.open_session(child)
        total += 1 + (inner.members.total if inner is not None else 0)
        depth = max(depth, 1 + inner.members.depth if inner is not None else 0)
        if total > CONTENTS_MAX or depth >= CONTAINER_DEPTH_MAX:
            raise Refusal(Reason.CONTAINER_FULL, parent.identifier)
        child.set_public(container=session.link)
        child.set_members(container=session.key)
        context.append(child, HistoryKind.PACK, session.link)
    contents = tuple(sorted({*session.members.contents, *lines}))
    session.set_members(contents=contents, total=total, depth=depth)
    context.append(parent, HistoryKind.PACK)


def unpack(context: EventContext, parent: Item, lines: Iterable[str]) -> None:
    """Take children out of a container, or everything when none is named. They are in the hands of its holder."""
    outer = outermost(context, parent)
    if outer.members.holder != context.organisation:
        raise Refusal(Reason.NOT_HOLDER, parent.identifier)
    if outer.members.heading_to:
        raise Refusal(Reason.IN_TRANSIT, outer.identifier)
    session = context.open_session(parent)
    if session is None:
        raise Refusal(Reason.NOT_IN_CONTAINER, parent.identifier)
    leaving = set(lines)
    if not leaving:
        leaving = set(session.members.contents)
        context.work.spend(len(leaving))
    strangers = leaving.difference(session.members.contents)
    if strangers:
        raise Refusal(Reason.NOT_IN_CONTAINER, min(strangers))
    context.append(parent, HistoryKind.UNPACK)
    for identifier in sorted(leaving):
        _take_out(context, context.present(identifier), session, outer)
    _count_down(context, parent, session, leaving)


def _take_out(context: EventContext, child: Item, session: Session, outer: Item) -> None:
    child.set_public(container=ZERO32)
    child.set_members(container=b"", heading_to="")
    if child.members.holder != outer.members.holder:
        child.set_members(holder=outer.members.holder, received_from=outer.members.received_from)
    context.append(child, HistoryKind.UNPACK, session.link)


def _count_down(context: EventContext, parent: Item, session: Session, leaving: set[str]) -> None:
    """Take what left off the counts of this session and of those around it."""
    left = 0
    for identifier in sorted(leaving):
        inner = context.open_session(context.present(identifier))
        left += 1 + (inner.members.total if inner is not None else 0)
    contents = tuple(identifier for identifier in session.members.contents if identifier not in leaving)
    session.set_members(contents=contents, total=session.members.total - left)
    if not contents:
        session.set_members(depth=0)
        session.set_public(open=False, closed_ms=max(context.event.event_time_ms, session.public.opened_ms))
    around = parent.members.container
    while around:
        outer_session = context.session(around)
        outer_session.set_members(total=outer_session.members.total - left)
        around = context.present(outer_session.public.identifier).members.container


def require_empty(context: EventContext, item: Item) -> None:
    """Refuse to end the life of a container with something inside (WRONG_STATE)."""
    if context.open_session(item) is not None:
        raise Refusal(Reason.WRONG_STATE, item.identifier)
