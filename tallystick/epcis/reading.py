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

    __slots__ = (
        "action", "biz_location", "biz_step", "biz_transactions", "certification_info", "child_quantities",
        "children", "destinations", "disposition", "epcs", "error_declaration", "event_id", "event_time_ms",
        "has_ilmd", "identifier_count", "input_quantities", "inputs", "latest_sensor_ms", "latest_sensor_path",
        "output_quantities", "outputs", "parent", "persistent_set", "persistent_unset", "prefixes", "quantities",
        "read_point", "record_time_ms", "report", "sensors", "sources", "transformation_id", "type",
    )  # fmt: skip

    def __init__(self, report: Report, event_type: EventType) -> None:
        self.report = report
        self.type = event_type
        self.prefixes: dict[str, str] = {}
        self.identifier_count = 0
        self.action: Action | None = None
        self.event_time_ms = 0
        self.record_time_ms: int | None = None
        self.event_id: str | None = None
        self.epcs: tuple[Identifier, ...] = ()
        self.parent: Identifier | None = None
        self.children: tuple[Identifier, ...] = ()
        self.inputs: tuple[Identifier, ...] = ()
        self.outputs: tuple[Identifier, ...] = ()
        self.quantities: tuple[Quantity, ...] = ()
        self.child_quantities: tuple[Quantity, ...] = ()
        self.input_quantities: tuple[Quantity, ...] = ()
        self.output_quantities: tuple[Quantity, ...] = ()
        self.biz_step: str | None = None
        self.disposition: str | None = None
        self.error_declaration: ErrorDeclaration | None = None
        self.transformation_id: str | None = None
        self.read_point: Identifier | None = None
        self.biz_location: Identifier | None = None
        self.biz_transactions: tuple[TypedReference, ...] = ()
        self.sources: tuple[TypedReference, ...] = ()
        self.destinations: tuple[TypedReference, ...] = ()
        self.persistent_set: tuple[str, ...] = ()
        self.persistent_unset: tuple[str, ...] = ()
        self.sensors: tuple[SensorReading, ...] = ()
        self.latest_sensor_ms = -1
        self.latest_sensor_path = ""
        self.certification_info: tuple[str, ...] = ()
        self.has_ilmd = False

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
