"""Capturing events: what each does, whether it holds, and the record that it was made.

An event is *effective* when it obeys the rules of identifiers under control, *stated* when nobody controls what it is
about, and *refused* otherwise. Specification: docs/spec/goods.md, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.authority import identify, own_organisation, require_use
from contracts.goods import containers, custody, opening
from contracts.goods.context import EventContext
from contracts.goods.correction import append_statement, declare_error
from contracts.goods.inspection import inspect
from contracts.goods.parties import holds_prefix, prefix_is_held, require_party
from contracts.goods.transformation import transform
from contracts.interface import Refusal
from contracts.workspace import Identity, Workspace
from tallystick.admission import VerifiedTransaction
from tallystick.encoding import ZERO32
from tallystick.epcis import Action, EventType, Identifier, IdentifierKind, ParsedEvent
from tallystick.epcis.model import Quantity
from tallystick.reasons import Reason
from tallystick.receipts import EventOutcome
from tallystick.records.goods import (
    EventRecord,
    EventStatus,
    HistoryKind,
    event_id_key,
    event_key,
    subjects_digest,
)
from tallystick.records.members import KeyUse

CLOCK_TOLERANCE_MS = 5 * 60_000  # how far an event's time may be ahead of the block's: clocks of devices differ

STEPS = {
    "shipping": HistoryKind.SHIP,
    "receiving": HistoryKind.RECEIVE,
    "void_shipping": HistoryKind.VOID_SHIP,
    "inspecting": HistoryKind.INSPECT,
    "retail_selling": HistoryKind.SELL,
    "dispensing": HistoryKind.SELL,
}
_PLACES = frozenset({IdentifierKind.LOCATION, IdentifierKind.PARTY})
Line = tuple[Identifier, Quantity | None]


def identify_for_capture(work: Workspace) -> None:
    """Find out whose events these are. Errors as in ``contracts.authority.identify``, and KEY_NOT_FOR_THIS.

    A block holds many captures of the same device; who it is need be found out once.
    """
    identity = work.memory.identities.get(work.signers)
    if identity is None:
        identify(work)
        require_use(work, KeyUse.CAPTURE)
        identity = Identity(work.keys, work.organisation, own_organisation(work))
        work.memory.identities[work.signers] = identity
    work.keys, work.organisation, work.member = identity.keys, identity.organisation, identity.member


def record_capture(work: Workspace, transaction: VerifiedTransaction, outcomes: list[EventOutcome]) -> None:
    """Work on a capture's events in order, each seeing what those before it did.

    Args:
        outcomes: receives one outcome per event that was worked off; when this raises, its length is the index of the
            event that did.
    Raises:
        Refusal: why one event, and with it the capture, has no effect.
    """
    signed = transaction.signed
    for index, (event, parts) in enumerate(zip(transaction.events, signed.events, strict=True)):
        commitment = signed.commitments[index]
        try:
            outcomes.append(_record_event(EventContext(work, event, commitment, index, parts.members_salt), index))
        except Refusal as refusal:
            raise Refusal(refusal.reason, f"/events/{index} {refusal.detail}".rstrip()) from refusal


def _record_event(context: EventContext, index: int) -> EventOutcome:
    work, event, commitment = context.work, context.event, context.commitment
    known = earlier = None
    if event.event_id is not None:
        key = event_id_key(work.organisation, event.event_id)
        known = earlier = work.public(key, EventRecord)
    if known is None or known.commitment != commitment:
        earlier = None
        if event.event_id is None or event.error_declaration is not None:
            key_by_commitment = event_key(work.organisation, commitment)
            earlier = work.public(key_by_commitment, EventRecord)
    if earlier is not None:
        return EventOutcome(
            commitment, EventStatus.REFUSED, Reason.DUPLICATE, earlier.height, earlier.transaction_index
        )
    if event.event_time_ms > work.block.time_ms + CLOCK_TOLERANCE_MS:
        raise Refusal(Reason.EVENT_IN_FUTURE, "/eventTime")
    lines = lines_of(event)
    digest = ZERO32
    if event.error_declaration is not None and (known is not None or _any_controlled(context, lines)):
        context.prepare_salt()
        status = declare_error(context, [identifier.key for identifier, _ in lines], known)
        key = key_by_commitment
    else:
        if known is not None:  # an organisation uses an id once
            raise Refusal(Reason.ALREADY_EXISTS, "/eventID")
        if event.event_id is None:
            key = key_by_commitment
        else:
            digest = subjects_digest([identifier.key for identifier, _ in lines])
        if event.error_declaration is None:
            status = _take_effect(context, lines)
        else:  # about an event that was never recorded here: a word of its signer, kept as such
            status = _state(context, lines)
    context.flush()
    sessions = _sessions_of(context, lines) if context.sessions and digest != ZERO32 else ()
    place = work.block.height, work.transaction_index, index
    work.write(key, EventRecord(status, *place, commitment, digest, sessions))
    return EventOutcome(commitment, status, Reason.NONE)


def _sessions_of(context: EventContext, lines: Sequence[Line]) -> tuple[int, ...]:
    """What a record keeps of the container sessions that its event entered, so that a correction finds them."""
    named = sorted({identifier.key for identifier, _ in lines})
    sessions = tuple(context.sessions.get(identifier, 0) for identifier in named)
    return sessions if any(sessions) else ()


def _any_controlled(context: EventContext, lines: Sequence[Line]) -> bool:
    items = [context.item(identifier.key) for identifier, _ in lines]  # all are looked up: they may give the salt
    return any(item is not None for item in items)


def lines_of(event: ParsedEvent) -> list[Line]:
    """Everything that an event is about, in the order of its lists: single things, then classes and lots."""
    lines: list[Line] = [(item, None) for item in event.epcs]
    if event.type is EventType.OBJECT:  # it has no other lists
        lines.extend([(quantity.item, quantity) for quantity in event.quantities])
        return lines
    lines.extend([(item, None) for item in (*event.inputs, *event.outputs, *event.children)])
    for quantities in (
        event.quantities,
        event.input_quantities,
        event.output_quantities,
        event.child_quantities,
    ):
        lines.extend((quantity.item, quantity) for quantity in quantities)
    if event.parent is not None and event.parent.kind not in _PLACES:
        lines.append((event.parent, None))
    return lines


def _take_effect(context: EventContext, lines: Sequence[Line]) -> EventStatus:
    """Decide between effective and stated, and do it."""
    event = context.event
    old, new = _old_and_new(event, lines)
    uncontrolled = [identifier for identifier, _ in old if context.item(identifier.key) is None] if old else []
    if len(uncontrolled) == len(old):
        if not _opens(context, old, new):
            return _state(context, lines)
    elif uncontrolled:
        raise Refusal(Reason.MIXED_CONTROL, uncontrolled[0].key)
    context.prepare_salt()
    if event.type is EventType.TRANSFORMATION:
        transform(context, joined(old), list(new))
    elif new:
        _require_no_custody_step(event)
        opening.commission(context, list(new))
    else:
        _apply(context, lines)
    return EventStatus.EFFECTIVE


def _state(context: EventContext, lines: Sequence[Line]) -> EventStatus:
    """Keep the event as a statement; it moves nothing."""
    for identifier, _ in lines:
        append_statement(context, identifier.key, HistoryKind.STATE, ZERO32)
    return EventStatus.STATED


def _old_and_new(event: ParsedEvent, lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """The lines that should be there, and those that the event would bring under control.

    The latter are all of a commissioning, and the outputs of a transformation.
    """
    if event.type is EventType.OBJECT and event.action is Action.ADD:
        return (), lines
    if event.type is EventType.TRANSFORMATION:
        inputs: list[Line] = [*((item, None) for item in event.inputs), *((q.item, q) for q in event.input_quantities)]
        outputs = [*((item, None) for item in event.outputs), *((q.item, q) for q in event.output_quantities)]
        return inputs, outputs
    return lines, ()


def _opens(context: EventContext, old: Sequence[Line], new: Sequence[Line]) -> bool:
    """Whether an event that uses nothing under control brings something under control; if not, it is a statement.

    A commissioning by the prefix holder does. A transformation whose inputs nobody controls does not.
    """
    if not new:
        return False
    if context.event.type is EventType.TRANSFORMATION:
        for identifier, _ in new:
            if context.item(identifier.key) is not None:
                raise Refusal(Reason.MIXED_CONTROL, old[0][0].key if old else identifier.key)
        return False
    strange = [identifier for identifier, _ in new if not holds_prefix(context.work, identifier)]
    if not strange:
        return True
    if prefix_is_held(context.work, strange[0]):
        raise Refusal(Reason.NOT_PREFIX_HOLDER, strange[0].key)
    if len(strange) < len(new):
        raise Refusal(Reason.MIXED_CONTROL, strange[0].key)
    return False


def _require_no_custody_step(event: ParsedEvent) -> None:
    if event.biz_step in STEPS:
        raise Refusal(Reason.WRONG_EVENT_TYPE, f"/bizStep {event.biz_step}")


def _apply(context: EventContext, lines: Sequence[Line]) -> None:
    """What an event does to identifiers that are all under control."""
    event = context.event
    if event.type is EventType.OBJECT:
        _apply_object_event(context, lines)
        return
    _require_no_custody_step(event)
    if event.type is EventType.AGGREGATION and event.action is not Action.OBSERVE:
        assert event.parent is not None
        parent = context.item(event.parent.key)
        if parent is None:  # a place: nothing can be inside it
            raise Refusal(Reason.WRONG_KIND, event.parent.key)
        children = joined(line for line in lines if line[0].key != event.parent.key)
        if event.action is Action.ADD:
            containers.pack(context, parent, children)
        else:
            containers.unpack(context, parent, children)
        return
    kind = HistoryKind.TRANSACT if event.type is EventType.TRANSACTION else HistoryKind.OBSERVE
    _observe(context, lines, kind)


def _apply_object_event(context: EventContext, lines: Sequence[Line]) -> None:
    event = context.event
    kind = STEPS.get(event.biz_step or "")
    if event.action is Action.DELETE:
        if kind is HistoryKind.SELL:
            opening.sell(context, joined(lines))
        else:
            _require_no_custody_step(event)
            opening.decommission(context, joined(lines))
        return
    match kind:
        case HistoryKind.SHIP if event.disposition == "returned":
            custody.send_back(context, joined(lines))
        case HistoryKind.SHIP:
            custody.ship(context, joined(lines))
        case HistoryKind.RECEIVE:
            custody.receive(context, joined(lines))
        case HistoryKind.VOID_SHIP:
            custody.call_back(context, joined(lines))
        case HistoryKind.INSPECT:
            inspect(context, joined(lines))
        case HistoryKind.SELL:
            opening.sell(context, joined(lines))
        case _:
            _observe(context, lines, HistoryKind.OBSERVE)


def _observe(context: EventContext, lines: Iterable[Line], kind: HistoryKind) -> None:
    for identifier in dict.fromkeys(identifier.key for identifier, _ in lines):
        item = context.present(identifier)
        require_party(context, item)
        context.append(item, kind)


def joined(lines: Iterable[Line]) -> dict[str, Quantity | None]:
    """Lines by key text; a lot that stands in several has their sum.

    Raises:
        Refusal: UNIT_MISMATCH when they cannot be added.
    """
    found: dict[str, Quantity | None] = {}
    for identifier, quantity in lines:
        if identifier.key not in found:
            found[identifier.key] = quantity
            continue
        other = found[identifier.key]
        if quantity is None or other is None or quantity.micro is None or other.micro is None:
            raise Refusal(Reason.UNIT_MISMATCH, identifier.key)
        if quantity.uom != other.uom:
            raise Refusal(Reason.UNIT_MISMATCH, identifier.key)
        found[identifier.key] = Quantity(identifier, other.micro + quantity.micro, quantity.uom)
    return found
