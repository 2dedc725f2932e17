"""The state of one pass over one event: what was read so far, and where faults go."""

from __future__ import annotations

from tallystick.epcis.identifiers import Identifier
from tallystick.epcis.issues import Report
from tallystick.epcis.model import (
    Action,
    ErrorDeclaration,
    EventType,
    ParsedEvent,
    Quantity,
    SensorReading,
    TypedReference,
)


class EventReading:
    """Filled field by field; ``parsed`` is called once, at the end, when nothing was reported."""

    # What most events lack stands in the class, once: an instance holds what the event has.
    identifier_count = 0
    action: Action | None = None
    event_time_ms = 0
    record_time_ms: int | None = None
    event_id: str | None = None
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
    latest_sensor_ms = -1
    latest_sensor_path = ""
    certification_info: tuple[str, ...] = ()
    has_ilmd = False

    def __init__(self, report: Report, event_type: EventType) -> None:
        self.report = report
        self.type = event_type
        self.prefixes: dict[str, str] = {}

    def parsed(self) -> ParsedEvent:
        """The event as contract rules see it."""
        return ParsedEvent(
            self.type, self.action, self.event_time_ms,
            self.epcs, self.parent, self.children, self.inputs, self.outputs,
            self.quantities, self.child_quantities, self.input_quantities, self.output_quantities,
            self.biz_step, self.disposition, self.event_id, self.error_declaration, self.transformation_id,
            self.read_point, self.biz_location, self.biz_transactions, self.sources, self.destinations,
            self.persistent_set, self.persistent_unset, self.sensors, self.certification_info,
            self.record_time_ms, self.has_ilmd,
        )  # fmt: skip
