"""The "what" of an event: identifier lists, quantity lists, parent, and what each event type demands of them."""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.bounds import IDENTIFIERS_MAX
from tallystick.epcis.identifier_reader import parse_identifier
from tallystick.epcis.identifiers import Identifier
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue
from tallystick.epcis.key_types import CLASS_KINDS
from tallystick.epcis.model import Action, EventType, Quantity
from tallystick.epcis.quantity import MICRO_PER_UNIT, micro_of_number
from tallystick.epcis.reading import EventReading
from tallystick.epcis.rules_common import read_identifier, shown, step
from tallystick.errors import DecodeError, EventError

_UOM: Final = re.compile(r"[A-Z0-9]{2,3}")
_QUANTITY_FIELDS: Final = frozenset({"epcClass", "quantity", "uom"})


def _count(reading: EventReading, added: int, path: str) -> bool:
    """Rule ``event.too-many-identifiers``, over the whole event."""
    reading.identifier_count += added
    if reading.identifier_count <= IDENTIFIERS_MAX:
        return True
    reading.report(
        "event.too-many-identifiers",
        f"more than {IDENTIFIERS_MAX} identifiers in one event",
        path,
        "send several events, or pack the goods and report the container",
    )
    return False


def read_epcs(reading: EventReading, value: JsonValue, path: str) -> tuple[Identifier, ...]:
    """Read a list of single things.

    Rules: ``event.list``, ``event.too-many-identifiers``, ``event.duplicate-identifier`` (also in two spellings),
    ``event.class-among-instances``, ``gs1.*``. The list may be empty.
    """
    if type(value) is not list:
        reading.report("event.list", f"{shown(value)} is not a list of identifiers", path)
        return ()
    if not _count(reading, len(value), path):
        return ()
    found: list[Identifier] = []
    keys: set[str] = set()
    for index, item in enumerate(value):
        try:
            identifier = parse_identifier(item)  # type: ignore[arg-type]
        except (EventError, TypeError):  # not a text, or not one of ours: read again to report it with its path
            identifier = read_identifier(reading, item, f"{path}/{index}")
        if identifier.kind in CLASS_KINDS:
            reading.report(
                "event.class-among-instances",
                f"{shown(item)} names a class or lot, not one thing",
                f"{path}/{index}",
                "put it into the quantity list",
            )
        keys.add(identifier.key)
        if len(keys) <= index:
            reading.report("event.duplicate-identifier", f"{shown(item)} is there twice", f"{path}/{index}")
            keys.add(f" {index}")
        found.append(identifier)
    return tuple(found)


def read_quantities(reading: EventReading, value: JsonValue, path: str) -> tuple[Quantity, ...]:
    """Read a quantity list. Rules: ``event.list``, ``event.too-many-identifiers`` and those of one element."""
    if type(value) is not list:
        reading.report("event.list", f"{shown(value)} is not a list of quantities", path)
        return ()
    if not _count(reading, len(value), path):
        return ()
    return tuple([_read_quantity(reading, element, f"{path}/{index}") for index, element in enumerate(value)])


def _read_quantity(reading: EventReading, element: JsonValue, path: str) -> Quantity:
    """Rules ``quantity.*``: class present, no other fields, quantity not negative, unit a code of 2 or 3."""
    if type(element) is not dict:
        reading.report("quantity.element", f"{shown(element)} is not a quantity element", path)
        return Quantity(read_identifier(reading, "urn:invalid:element", path), None, None)
    if not _QUANTITY_FIELDS.issuperset(element):
        extra = next(key for key in element if key not in _QUANTITY_FIELDS)
        reading.report("quantity.field-unknown", f"{extra[:80]!r} is no field of a quantity", step(path, extra))
    if "epcClass" not in element:
        reading.report("quantity.class-required", "epcClass is missing", path, "name the class or lot")
    item = read_identifier(reading, element.get("epcClass", "urn:invalid:class"), path + "/epcClass")
    if item.is_gs1 and not item.is_class:
        reading.report(
            "event.instance-among-classes",
            f"{item.uri} names one thing, not a class or lot",
            path + "/epcClass",
            "put it into the identifier list",
        )
    uom = element.get("uom")
    if uom is not None and (type(uom) is not str or _UOM.fullmatch(uom) is None):
        reading.report(
            "quantity.uom", f"{shown(uom)} is no unit code", path + "/uom", "use UN/CEFACT Rec 20, for instance KGM"
        )
        uom = None
    if "quantity" not in element:
        if uom is not None:
            reading.report("quantity.uom-alone", "a unit without a quantity", path + "/uom")
        return Quantity(item, None, None)
    return Quantity(item, _read_amount(reading, element["quantity"], uom, path + "/quantity"), _text(uom))


def _read_amount(reading: EventReading, value: JsonValue, uom: JsonValue, path: str) -> int:
    if not (type(value) is int or type(value) is JsonNumber):
        reading.report("quantity.number", f"{shown(value)} is not a number", path, "write numbers without quotes")
        return 0
    try:
        micro = micro_of_number(value)
    except DecodeError as error:
        reading.report(error.rule, error.detail, path, "at most six digits after the point")
        return 0
    if micro < 0:
        reading.report("quantity.negative", f"{shown(value)} is negative", path, "correct with an error declaration")
    if uom is None and micro % MICRO_PER_UNIT:
        reading.report("quantity.count-not-whole", f"{shown(value)} without a unit counts instances", path, "add uom")
    return micro


def _text(value: JsonValue) -> str | None:
    return value if type(value) is str else None


def read_parent(reading: EventReading, value: JsonValue, path: str) -> Identifier:
    """Read ``parentID``: one thing or place. Rules ``gs1.*``, ``event.class-among-instances``."""
    _count(reading, 1, path)
    parent = read_identifier(reading, value, path)
    if parent.is_class:
        reading.report("event.class-among-instances", f"{shown(value)} names a class or lot", path)
    return parent


def check_what(reading: EventReading, event: JsonObject) -> None:
    """What each type demands (EPCIS 2.0, sections 7.4.1 to 7.4.6)."""
    match reading.type:
        case EventType.OBJECT:
            _check_object(reading, event)
        case EventType.TRANSFORMATION:
            _check_transformation(reading)
        case EventType.TRANSACTION:
            _check_transaction(reading, event)
        case _:
            _check_hierarchy(reading)


def _check_object(reading: EventReading, event: JsonObject) -> None:
    if not ("epcList" in event or reading.quantities or (reading.sensors and reading.read_point is not None)):
        reading.report(
            "epcis.what-required",
            "an ObjectEvent names no object",
            "",
            "give epcList (it may be empty), a quantityList, or sensor data with a readPoint",
        )
    if reading.has_ilmd and reading.action is not Action.ADD:
        reading.report("epcis.ilmd-only-add", "ilmd belongs to an ObjectEvent with action ADD", "/ilmd")


def _check_transformation(reading: EventReading) -> None:
    has_inputs = bool(reading.inputs or reading.input_quantities)
    has_outputs = bool(reading.outputs or reading.output_quantities)
    if reading.transformation_id is None and not (has_inputs and has_outputs):
        reading.report(
            "epcis.transformation-sides",
            "a transformation needs inputs and outputs",
            "",
            "give both, or a transformationID that links the events which give them",
        )
    elif not (has_inputs or has_outputs):
        reading.report("epcis.what-required", "a transformation names neither inputs nor outputs", "")


def _check_transaction(reading: EventReading, event: JsonObject) -> None:
    if not reading.biz_transactions:
        reading.report(
            "epcis.transaction-required", "a TransactionEvent names no business transaction", "/bizTransactionList"
        )
    if reading.action is not Action.DELETE and not ("epcList" in event or reading.quantities):
        reading.report("epcis.what-required", "a TransactionEvent names no object", "", "give epcList or quantityList")
    _check_parent_apart(reading, reading.epcs)


def _check_hierarchy(reading: EventReading) -> None:
    if reading.parent is None and (reading.type is EventType.ASSOCIATION or reading.action is not Action.OBSERVE):
        reading.report(
            "epcis.parent-required",
            "the parent is missing",
            "/parentID",
            "name what the children are packed into or attached to",
        )
    if reading.action is not Action.DELETE and not (reading.children or reading.child_quantities):
        reading.report(
            "epcis.children-required",
            "the children are missing",
            "/childEPCs",
            "only an event with action DELETE may leave them out: it ends the whole aggregation",
        )
    _check_parent_apart(reading, reading.children)


def _check_parent_apart(reading: EventReading, others: tuple[Identifier, ...]) -> None:
    if reading.parent is None:
        return
    key = reading.parent.key
    for other in others:
        if other.key == key:
            reading.report("event.parent-among-children", f"{other.uri} is its own parent", "/parentID")
