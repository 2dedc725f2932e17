"""All rules of EPCIS 2.0 and CBV 2.0 for one event, in one pass that also reads what contract rules need.

Strict is what a node enforces: everything GS1's JSON schema demands, and the rules of the standard's text that the
schema leaves out. Every rule has a stable name; ``docs/spec/events.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tallystick.epcis.contexts import read_context
from tallystick.epcis.issues import EventIssue, IssueList, Report, raise_issue
from tallystick.epcis.json_value import JsonObject, JsonValue
from tallystick.epcis.model import ACTIONS, EVENT_TYPES, EventType
from tallystick.epcis.reading import EventReading
from tallystick.epcis.rules_common import check_extension, read_identifier, read_object, read_time, read_word, shown
from tallystick.epcis.rules_sensor import check_sensor_times, read_sensor_elements
from tallystick.epcis.rules_what import check_what, read_epcs, read_parent, read_quantities
from tallystick.epcis.rules_why import (
    read_biz_transactions,
    read_certification,
    read_error_declaration,
    read_event_id,
    read_parties,
    read_persistent,
    read_place,
)
from tallystick.epcis.timestamps import parse_offset
from tallystick.epcis.vocabulary import BIZ_STEP, DISPOSITION
from tallystick.errors import EventError


def validate_event(event: JsonObject) -> None:
    """Enforce every rule on a self-contained event (with its own ``@context``).

    Raises:
        EventError: the first broken rule, with path and remedy. Fields are looked at in the order of the object.
    """
    examine(event, raise_issue)


def collect_issues(event: JsonObject) -> tuple[EventIssue, ...]:
    """Give every broken rule of an event, for tools; empty where ``validate_event`` passes."""
    issues = IssueList()
    examine(event, issues)
    return tuple(issues.issues)


def examine(event: JsonObject, report: Report) -> EventReading | None:
    """Apply every rule and read the event on the way; None where not even its type is known."""
    type_name = event.get("type")
    event_type = EVENT_TYPES.get(type_name) if type(type_name) is str else None
    if event_type is None:
        report("event.type", f"{shown(type_name)} is none of the five event types", "/type", "extend by fields")
        return None
    reading = EventReading(report, event_type)
    context = event.get("@context")
    if context is None:
        report("event.context-required", "@context is missing", "/@context", "every event carries its own")
    else:
        reading.prefixes = read_context(report, context, "/@context")
    mask = 1 << event_type
    for field, value in event.items():
        rule = _FIELDS.get(field)
        if rule is None:
            check_extension(reading, field, value, "")
        elif rule[0] & mask:
            rule[1](reading, value)
        else:
            report("event.field-forbidden", f"{type_name} has no {field}", "/" + field, "remove it")
    _check_required(reading, event)
    check_what(reading, event)
    check_sensor_times(reading)
    return reading


def _check_required(reading: EventReading, event: JsonObject) -> None:
    if "eventTime" not in event:
        reading.report("epcis.time-required", "eventTime is missing", "/eventTime", "say when it happened")
    if "eventTimeZoneOffset" not in event:
        reading.report("epcis.offset-required", "eventTimeZoneOffset is missing", "/eventTimeZoneOffset", "+00:00 …")
    if "action" not in event and reading.type is not EventType.TRANSFORMATION:
        reading.report("epcis.action-required", "action is missing", "/action", "ADD, OBSERVE or DELETE")


def _nothing(_reading: EventReading, _value: JsonValue) -> None:
    """``type`` and ``@context`` are read before the others."""


def _event_time(reading: EventReading, value: JsonValue) -> None:
    reading.event_time_ms = read_time(reading, value, "/eventTime")


def _record_time(reading: EventReading, value: JsonValue) -> None:
    reading.record_time_ms = read_time(reading, value, "/recordTime")


def _offset(reading: EventReading, value: JsonValue) -> None:
    try:
        parse_offset(value if type(value) is str else "")
    except EventError as error:
        reading.report(error.rule, error.detail, "/eventTimeZoneOffset", error.remedy)


def _event_id(reading: EventReading, value: JsonValue) -> None:
    reading.event_id = read_event_id(reading, value, "/eventID")


def _certification(reading: EventReading, value: JsonValue) -> None:
    reading.certification_info = read_certification(reading, value, "/certificationInfo")


def _declaration(reading: EventReading, value: JsonValue) -> None:
    reading.error_declaration = read_error_declaration(reading, value)


def _action(reading: EventReading, value: JsonValue) -> None:
    reading.action = ACTIONS.get(value) if type(value) is str else None
    if reading.action is None:
        reading.report("epcis.action", f"{shown(value)} is no action", "/action", "ADD, OBSERVE or DELETE")


def _biz_step(reading: EventReading, value: JsonValue) -> None:
    reading.biz_step = read_word(reading, BIZ_STEP, value, "/bizStep")


def _disposition(reading: EventReading, value: JsonValue) -> None:
    reading.disposition = read_word(reading, DISPOSITION, value, "/disposition")


def _read_point(reading: EventReading, value: JsonValue) -> None:
    reading.read_point = read_place(reading, value, "/readPoint")


def _biz_location(reading: EventReading, value: JsonValue) -> None:
    reading.biz_location = read_place(reading, value, "/bizLocation")


def _biz_transactions(reading: EventReading, value: JsonValue) -> None:
    reading.biz_transactions = read_biz_transactions(reading, value, "/bizTransactionList")


def _sources(reading: EventReading, value: JsonValue) -> None:
    reading.sources = read_parties(reading, value, "/sourceList", "source")


def _destinations(reading: EventReading, value: JsonValue) -> None:
    reading.destinations = read_parties(reading, value, "/destinationList", "destination")


def _sensors(reading: EventReading, value: JsonValue) -> None:
    reading.sensors = read_sensor_elements(reading, value)


def _ilmd(reading: EventReading, value: JsonValue) -> None:
    reading.has_ilmd = True
    for key, item in read_object(reading, value, "/ilmd").items():
        check_extension(reading, key, item, "/ilmd")


def _epcs(reading: EventReading, value: JsonValue) -> None:
    reading.epcs = read_epcs(reading, value, "/epcList")


def _children(reading: EventReading, value: JsonValue) -> None:
    reading.children = read_epcs(reading, value, "/childEPCs")


def _inputs(reading: EventReading, value: JsonValue) -> None:
    reading.inputs = read_epcs(reading, value, "/inputEPCList")


def _outputs(reading: EventReading, value: JsonValue) -> None:
    reading.outputs = read_epcs(reading, value, "/outputEPCList")


def _quantities(reading: EventReading, value: JsonValue) -> None:
    reading.quantities = read_quantities(reading, value, "/quantityList")


def _child_quantities(reading: EventReading, value: JsonValue) -> None:
    reading.child_quantities = read_quantities(reading, value, "/childQuantityList")


def _input_quantities(reading: EventReading, value: JsonValue) -> None:
    reading.input_quantities = read_quantities(reading, value, "/inputQuantityList")


def _output_quantities(reading: EventReading, value: JsonValue) -> None:
    reading.output_quantities = read_quantities(reading, value, "/outputQuantityList")


def _parent(reading: EventReading, value: JsonValue) -> None:
    reading.parent = read_parent(reading, value, "/parentID")


def _transformation_id(reading: EventReading, value: JsonValue) -> None:
    reading.transformation_id = read_identifier(reading, value, "/transformationID").key


def _of(*types: EventType) -> int:
    return sum(1 << event_type for event_type in types)


_ALL: Final = _of(*EventType)
_OBJECT: Final = _of(EventType.OBJECT)
_HIERARCHY: Final = _of(EventType.AGGREGATION, EventType.ASSOCIATION)
_TRANSACTION: Final = _of(EventType.TRANSACTION)
_TRANSFORMATION: Final = _of(EventType.TRANSFORMATION)

# Field -> (event types that have it, its rule). EPCIS 2.0 sections 7.4.1 to 7.4.6.
_FIELDS: Final[dict[str, tuple[int, Callable[[EventReading, JsonValue], None]]]] = {
    "@context": (_ALL, _nothing),
    "type": (_ALL, _nothing),
    "eventTime": (_ALL, _event_time),
    "recordTime": (_ALL, _record_time),
    "eventTimeZoneOffset": (_ALL, _offset),
    "eventID": (_ALL, _event_id),
    "certificationInfo": (_ALL, _certification),
    "errorDeclaration": (_ALL, _declaration),
    "action": (_ALL - _TRANSFORMATION, _action),
    "bizStep": (_ALL, _biz_step),
    "disposition": (_ALL, _disposition),
    "persistentDisposition": (_OBJECT | _TRANSFORMATION, read_persistent),
    "readPoint": (_ALL, _read_point),
    "bizLocation": (_ALL, _biz_location),
    "bizTransactionList": (_ALL, _biz_transactions),
    "sourceList": (_ALL, _sources),
    "destinationList": (_ALL, _destinations),
    "sensorElementList": (_ALL, _sensors),
    "ilmd": (_OBJECT | _TRANSFORMATION, _ilmd),
    "epcList": (_OBJECT | _TRANSACTION, _epcs),
    "quantityList": (_OBJECT | _TRANSACTION, _quantities),
    "parentID": (_HIERARCHY | _TRANSACTION, _parent),
    "childEPCs": (_HIERARCHY, _children),
    "childQuantityList": (_HIERARCHY, _child_quantities),
    "inputEPCList": (_TRANSFORMATION, _inputs),
    "inputQuantityList": (_TRANSFORMATION, _input_quantities),
    "outputEPCList": (_TRANSFORMATION, _outputs),
    "outputQuantityList": (_TRANSFORMATION, _output_quantities),
    "transformationID": (_TRANSFORMATION, _transformation_id),
}
