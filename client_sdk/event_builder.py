"""EPCIS 2.0 events from a few plain arguments: commission, transform, pack, ship, receive, inspect, declare an error.

Each function returns one self-contained event, as an EPCIS document would hold it with its own ``@context``. Parties
are organisation ids (``org:carrier``), written as ``party_uri``, or URIs of global location numbers under a company
prefix of theirs. The words for steps and dispositions are those of CBV 2.0.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from client_sdk.values import Goods
from tallystick.epcis import JsonNumber, JsonObject, JsonValue, format_micro, format_timestamp
from tallystick.epcis.contexts import STANDARD_CONTEXTS
from tallystick.epcis.json_value import read_number
from tallystick.errors import ConfigError
from tallystick.records.members import ORGANISATION_ID, party_uri


@dataclass(frozen=True, slots=True)
class Reading:
    """One sensor value.

    Attributes:
        value: decimal text, exact, for instance ``-18.25``.
        kind: GS1 measurement type.
        unit: UN/CEFACT Recommendation 20 code.
        time_ms: when it was measured; None leaves it to the event's time.
    """

    value: str
    kind: str = "Temperature"
    unit: str = "CEL"
    time_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When, where and with what an event happened.

    Attributes:
        time_ms: milliseconds since 1970.
        event_id: URI; an event without one cannot be declared erroneous later.
        offset: zone of the place, for people who read the event.
        read_point, location: identifiers of places.
        documents: (CBV business transaction type, URI).
        extra: further top-level fields, with the namespaces they use in ``namespaces``.
    """

    time_ms: int
    event_id: str
    offset: str = "+00:00"
    read_point: str = ""
    location: str = ""
    documents: Sequence[tuple[str, str]] = ()
    readings: Sequence[Reading] = ()
    extra: Mapping[str, JsonValue] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)


def event_id_of(random: bytes) -> str:
    """An event id from 16 random bytes: a version 4 UUID (RFC 9562)."""
    assert len(random) == 16
    value = int.from_bytes(random, "big") & ~(0xF << 76) & ~(0x3 << 62) | (4 << 76) | (2 << 62)
    text = f"{value:032x}"
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def commission(goods: Sequence[Goods], at: Circumstances, *, ilmd: Mapping[str, JsonValue] | None = None) -> JsonObject:
    """New serials, lots or logistic units come into being.

    The ledger wants something for members only in it, as a source of secrecy: a location, or a lot's quantity.

    Args:
        ilmd: instance or lot master data, extension fields such as ``cbvmda:countryOfOrigin``.
    """
    lot = any(one.identifier.is_class for one in goods)
    event = _object_event("ADD", "creating_class_instance" if lot else "commissioning", "active", goods, at)
    if ilmd:
        event["ilmd"] = dict(ilmd)
    return event


def observe(goods: Sequence[Goods], at: Circumstances, *, step: str = "sensor_reporting") -> JsonObject:
    """Goods were seen or measured on the way; moves nothing."""
    return _object_event("OBSERVE", step, "", goods, at)


def ship(
    goods: Sequence[Goods], at: Circumstances, *, sender: str, receiver: str, step: str = "shipping"
) -> JsonObject:
    """Goods leave ``sender`` for ``receiver``."""
    event = _object_event("OBSERVE", step, "in_transit", goods, at)
    return event | _parties(sender, receiver)


def receive(goods: Sequence[Goods], at: Circumstances, *, sender: str, receiver: str) -> JsonObject:
    """Goods that ``sender`` shipped arrive at ``receiver``."""
    event = _object_event("OBSERVE", "receiving", "in_progress", goods, at)
    return event | _parties(sender, receiver)


def send_back(goods: Sequence[Goods], at: Circumstances, *, sender: str, receiver: str) -> JsonObject:
    """Goods go back to where they came from; recalled ones too."""
    event = _object_event("OBSERVE", "shipping", "returned", goods, at)
    return event | _parties(sender, receiver)


def inspect(
    goods: Sequence[Goods],
    at: Circumstances,
    *,
    passed: bool,
    certificates: Sequence[str] = (),
    report: bytes = b"",
) -> JsonObject:
    """An inspector's verdict.

    Args:
        certificates: URIs of certificates, public.
        report: SHA-256 of the report's file, 32 bytes; the inspection's record will show it. Empty for none.
    """
    if report:
        named = urlsafe_b64encode(report).rstrip(b"=").decode()
        at = replace(at, documents=(*at.documents, ("testres", f"ni:///sha-256;{named}")))  # RFC 6920
    event = _object_event("OBSERVE", "inspecting", "conformant" if passed else "non_conformant", goods, at)
    if certificates:
        event["certificationInfo"] = list(certificates)
    return event


def sell(goods: Sequence[Goods], at: Circumstances) -> JsonObject:
    """Goods were sold to a consumer."""
    return _object_event("OBSERVE", "retail_selling", "retail_sold", goods, at)


def destroy(goods: Sequence[Goods], at: Circumstances) -> JsonObject:
    """Goods were destroyed and leave control."""
    return _object_event("DELETE", "destroying", "destroyed", goods, at)


def transform(
    inputs: Sequence[Goods], outputs: Sequence[Goods], at: Circumstances, *, ilmd: Mapping[str, JsonValue] | None = None
) -> JsonObject:
    """Inputs become outputs."""
    event = _event("TransformationEvent", "creating_class_instance", "active", at)
    event |= _lists(inputs, "inputEPCList", "inputQuantityList")
    event |= _lists(outputs, "outputEPCList", "outputQuantityList")
    if ilmd:
        event["ilmd"] = dict(ilmd)
    return event


def pack(container: Goods, contents: Sequence[Goods], at: Circumstances) -> JsonObject:
    """Contents go into a container."""
    return _aggregation("ADD", "packing", container, contents, at)


def unpack(container: Goods, contents: Sequence[Goods], at: Circumstances) -> JsonObject:
    """Contents leave a container; no contents means all of them."""
    return _aggregation("DELETE", "unpacking", container, contents, at)


def declare_error(
    event: JsonObject,
    *,
    time_ms: int,
    reason: str = "incorrect_data",
    corrective_event_ids: Sequence[str] = (),
) -> JsonObject:
    """The event again, declared erroneous; its signer captures it.

    Args:
        event: exactly as it was captured, ``eventID`` included.
        reason: ``incorrect_data``, ``did_not_occur`` (then without corrective events) or a URI.
    Raises:
        ConfigError: the event has no id, or is a declaration already.
    """
    if "eventID" not in event:
        raise ConfigError("the event has no eventID, so it cannot be declared erroneous")
    if "errorDeclaration" in event:
        raise ConfigError("this is an error declaration already")
    declaration: JsonObject = {"declarationTime": format_timestamp(time_ms), "reason": reason}
    if corrective_event_ids:
        declaration["correctiveEventIDs"] = list(corrective_event_ids)
    return event | {"errorDeclaration": declaration}


def _object_event(action: str, step: str, disposition: str, goods: Sequence[Goods], at: Circumstances) -> JsonObject:
    event = _event("ObjectEvent", step, disposition, at)
    return event | {"action": action} | _lists(goods, "epcList", "quantityList")


def _aggregation(action: str, step: str, container: Goods, contents: Sequence[Goods], at: Circumstances) -> JsonObject:
    event = _event("AggregationEvent", step, "in_progress", at)
    event |= {"action": action, "parentID": container.identifier.uri}
    return event | _lists(contents, "childEPCs", "childQuantityList")


def _event(type_: str, step: str, disposition: str, at: Circumstances) -> JsonObject:
    context: list[JsonValue] = [STANDARD_CONTEXTS[0]]
    if at.namespaces:
        context.append(dict(at.namespaces))
    event: JsonObject = {
        "@context": context,
        "type": type_,
        "eventID": at.event_id,
        "eventTime": format_timestamp(at.time_ms),
        "eventTimeZoneOffset": at.offset,
        "bizStep": step,
    }
    if disposition:
        event["disposition"] = disposition
    if at.read_point:
        event["readPoint"] = {"id": at.read_point}
    if at.location:
        event["bizLocation"] = {"id": at.location}
    if at.documents:
        event["bizTransactionList"] = [{"type": kind, "bizTransaction": uri} for kind, uri in at.documents]
    if at.readings:
        event["sensorElementList"] = [_sensor_element(reading) for reading in at.readings]
    return event | dict(at.extra)


def _sensor_element(reading: Reading) -> JsonObject:
    report: JsonObject = {"type": reading.kind, "value": read_number(reading.value), "uom": reading.unit}
    if reading.time_ms is not None:
        report["time"] = format_timestamp(reading.time_ms)
    return {"sensorReport": [report]}


def _lists(goods: Sequence[Goods], instances: str, classes: str) -> JsonObject:
    """Things into one list, classes and lots with their amounts into the other; empty lists are left out."""
    things: list[JsonValue] = []
    amounts: list[JsonValue] = []
    for one in goods:
        if one.identifier.is_class or one.micro is not None:
            amounts.append(_quantity(one))
        else:
            things.append(one.identifier.stated_uri)
    lists: JsonObject = {}
    if things:
        lists[instances] = things
    if amounts:
        lists[classes] = amounts
    return lists


def _quantity(one: Goods) -> JsonObject:
    element: JsonObject = {"epcClass": one.identifier.uri}
    if one.micro is not None:
        element["quantity"] = _number(one.micro)
        if one.unit:
            element["uom"] = one.unit
    return element


def _number(micro: int) -> int | JsonNumber:
    return read_number(format_micro(micro))


def _parties(sender: str, receiver: str) -> JsonObject:
    return {
        "sourceList": [{"type": "possessing_party", "source": _party(sender)}],
        "destinationList": [{"type": "possessing_party", "destination": _party(receiver)}],
    }


def _party(name: str) -> str:
    return party_uri(name) if ORGANISATION_ID.fullmatch(name) else name
