"""What a rule needs of an event: small frozen values, read once."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from tallystick.epcis.identifiers import Identifier


class EventType(IntEnum):
    """The five event types of EPCIS 2.0. Numbers are never reused."""

    OBJECT = 1
    AGGREGATION = 2
    TRANSACTION = 3
    TRANSFORMATION = 4
    ASSOCIATION = 5


class Action(IntEnum):
    """What an event does to the life or the binding of its objects. A transformation has none."""

    ADD = 1
    OBSERVE = 2
    DELETE = 3


EVENT_TYPES: dict[str, EventType] = {
    "ObjectEvent": EventType.OBJECT,
    "AggregationEvent": EventType.AGGREGATION,
    "TransactionEvent": EventType.TRANSACTION,
    "TransformationEvent": EventType.TRANSFORMATION,
    "AssociationEvent": EventType.ASSOCIATION,
}
ACTIONS: dict[str, Action] = {action.name: action for action in Action}


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """One line of a quantity list.

    Attributes:
        item: class or lot.
        micro: 10^-6 of the unit, never negative; None where the event gives no quantity.
        uom: UN/CEFACT Recommendation 20 code; None means a count of instances.
    """

    item: Identifier
    micro: int | None
    uom: str | None


class TypedReference(msgspec.Struct, frozen=True, gc=False):
    """A business transaction, source or destination.

    Attributes:
        type: bare CBV word or URI; empty for a business transaction without type.
        uri: as written in the event.
        key: compact key text, the same for every spelling.
    """

    type: str
    uri: str
    key: str


class ErrorDeclaration(msgspec.Struct, frozen=True, gc=False):
    """That an earlier event, which this one repeats, was wrong.

    Attributes:
        declaration_time_ms: since 1970 UTC.
        reason: ``did_not_occur``, ``incorrect_data``, a URI, or None.
        corrective_event_ids: event ids of the events that say it right.
    """

    declaration_time_ms: int
    reason: str | None
    corrective_event_ids: tuple[str, ...]


class SensorReading(msgspec.Struct, frozen=True, gc=False):
    """One sensor report, as integers.

    Attributes:
        type: bare measurement type or URI.
        value, min, max: 10^-6 of the unit, rounded to it, None where absent.
        time_ms: of the report, else of its element (time, end time, start time), else of the event.
        uom: unit code, None where absent.
        exception: ``ALARM_CONDITION``, ``ERROR_CONDITION``, a URI, or None.
    """

    type: str
    value: int | None
    min: int | None
    max: int | None
    time_ms: int
    uom: str | None
    exception: str | None


class ParsedEvent(msgspec.Struct, frozen=True, gc=False):
    """One valid event as contract rules read it. Lists keep the order of the event.

    Attributes:
        type: which of the five.
        action: None for transformations.
        event_time_ms: since 1970 UTC.
        epcs, children, inputs, outputs: single things of the respective list.
        parent: container, parent asset or place.
        quantities, child_quantities, input_quantities, output_quantities: classes and lots with amounts.
        biz_step, disposition: bare CBV word or URI.
        persistent_set, persistent_unset: bare CBV words or URIs.
        transformation_id: key text of the identifier that links the events of one transformation.
        record_time_ms: what the sender claims, of no weight here.
    """

    type: EventType
    action: Action | None
    event_time_ms: int
    epcs: tuple[Identifier, ...] = ()
    parent: Identifier | None = None
    children: tuple[Identifier, ...] = ()
    inputs: tuple[Identifier, ...] = ()
    outputs: tuple[Identifier, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    child_quantities: tuple[Quantity, ...] = ()
    input_quantities: tuple[Quantity, ...] = ()
    output_quantities: tuple[Quantity, ...] = ()
    biz_step: str | None = None
    disposition: str | None = None
    event_id: str | None = None
    error_declaration: ErrorDeclaration | None = None
    transformation_id: str | None = None
    read_point: Identifier | None = None
    biz_location: Identifier | None = None
    biz_transactions: tuple[TypedReference, ...] = ()
    sources: tuple[TypedReference, ...] = ()
    destinations: tuple[TypedReference, ...] = ()
    persistent_set: tuple[str, ...] = ()
    persistent_unset: tuple[str, ...] = ()
    sensors: tuple[SensorReading, ...] = ()
    certification_info: tuple[str, ...] = ()
    record_time_ms: int | None = None
    has_ilmd: bool = False
