"""The CBV 2.0 event hash (section 8.9): an ``eventID`` that anybody can compute from the whole event.

It is an identifier, never a commitment: the pre-hash string has no separators, so different events can share it, and
it leaves out the error declaration. The order is that of the standard's table. Extensions stand where they occur.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from tallystick.epcis.contexts import STANDARD_PREFIXES, read_context
from tallystick.epcis.identifier_reader import parse_identifier_lenient
from tallystick.epcis.issues import IssueList
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue, read_number
from tallystick.epcis.timestamps import format_timestamp, parse_timestamp
from tallystick.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    COMPONENT,
    DISPOSITION,
    MEASUREMENT,
    SENSOR_ALERT,
    SOURCE_DESTINATION,
    Vocabulary,
    bare_word,
)
from tallystick.errors import DecodeError, EventError


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LISTS: Final = {"epcList": "epc", "childEPCs": "epc", "inputEPCList": "epc", "outputEPCList": "epc"}
_QUANTITIES: Final = frozenset({"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"})
_EVENT_ORDER: Final = _names(
    "type eventTime eventTimeZoneOffset certificationInfo epcList parentID inputEPCList childEPCs "
    "quantityList childQuantityList inputQuantityList outputEPCList outputQuantityList action "
    "transformationID bizStep disposition persistentDisposition readPoint bizLocation bizTransactionList "
    "sourceList destinationList sensorElementList ilmd"
)
_QUANTITY_ORDER: Final = ("epcClass", "quantity", "uom")
_METADATA_ORDER: Final = _names("time startTime endTime deviceID deviceMetadata rawData dataProcessingMethod bizRules")
_REPORT_ORDER: Final = _names(
    "type exception deviceID deviceMetadata rawData dataProcessingMethod time microorganism "
    "chemicalSubstance value component stringValue booleanValue hexBinaryValue uriValue minValue maxValue "
    "meanValue sDev percRank percValue uom coordinateReferenceSystem bizRules"
)
_EXCLUDED: Final = frozenset({"@context", "recordTime", "eventID", "errorDeclaration", "rdfs:comment"})
_TIME_FIELDS: Final = frozenset({"eventTime", "time", "startTime", "endTime"})
_TIME_LIKE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*(?:Z|[+-][0-9]{2}:[0-9]{2})")
_NUMBER_LIKE: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_BASES: Final[tuple[tuple[Vocabulary, str], ...]] = (
    (BIZ_STEP, "https://ref.gs1.org/cbv/BizStep-"),
    (DISPOSITION, "https://ref.gs1.org/cbv/Disp-"),
    (BIZ_TRANSACTION, "https://ref.gs1.org/cbv/BTT-"),
    (SOURCE_DESTINATION, "https://ref.gs1.org/cbv/SDT-"),
    (COMPONENT, "https://ref.gs1.org/cbv/Comp-"),
    (MEASUREMENT, "https://gs1.org/voc/"),
    (SENSOR_ALERT, "https://gs1.org/voc/"),
)
_BASE_OF: Final = {vocabulary.name: base for vocabulary, base in _BASES}
_WORD_FIELDS: Final = {"bizStep": BIZ_STEP, "disposition": DISPOSITION}


def event_hash(event: JsonObject, *, ignored: frozenset[str] = frozenset()) -> str:
    """Compute the event id of a self-contained event.

    Args:
        event: a valid event with its own ``@context``.
        ignored: further top-level fields to leave out, as a query document may name them.
    Returns:
        ``ni:///sha-256;<64 hexadecimal digits>?ver=CBV2.0``.
    Raises:
        EventError: a time lies outside the years 1970 to 9999.
    """
    text = pre_hash_string(event, ignored=ignored)
    return f"ni:///sha-256;{hashlib.sha256(text.encode('utf-8')).hexdigest()}?ver=CBV2.0"


def pre_hash_string(event: JsonObject, *, ignored: frozenset[str] = frozenset()) -> str:
    """The text whose SHA-256 is the event hash; for comparing with other implementations."""
    declared = {prefix: iri for prefix, (iri, _) in STANDARD_PREFIXES.items()}
    declared |= read_context(IssueList(), event.get("@context"), "")
    return _PreHash(declared).event({key: item for key, item in event.items() if key not in ignored})


class _PreHash:
    def __init__(self, prefixes: dict[str, str]) -> None:
        self._prefixes = prefixes

    def event(self, event: JsonObject) -> str:
        parts = [self._event_field(field, event[field]) for field in _EVENT_ORDER if field in event]
        extensions = {key: item for key, item in event.items() if key not in _EVENT_ORDER and key not in _EXCLUDED}
        return "".join(parts) + self._extensions(extensions)

    def _event_field(self, field: str, value: JsonValue) -> str:
        if value == [] or value == {}:
            return ""
        if field == "type":
            return f"eventType={value}"
        if field in _LISTS:
            return field + self._sorted([f"{_LISTS[field]}={self._text(item)}" for item in _entries(value)])
        if field in _QUANTITIES:
            return field + self._sorted(
                [
                    "quantityElement" + self._fields(_object(item), ("epcClass", "quantity", "uom"))
                    for item in _entries(value)
                ]
            )
        if field == "bizTransactionList":
            return field + self._references(value, "bizTransaction", BIZ_TRANSACTION)
        if field in ("sourceList", "destinationList"):
            return field + self._references(value, field.removesuffix("List"), SOURCE_DESTINATION)
        if field == "persistentDisposition":
            sides = _object(value)
            return field + "".join(
                self._sorted([f"{side}={self._word(DISPOSITION, item)}" for item in _entries(sides[side])])
                for side in ("set", "unset")
                if side in sides
            )
        if field in ("readPoint", "bizLocation"):
            return field + self._fields(_object(value), ("id",))
        if field == "sensorElementList":
            return field + self._sorted(["sensorElement" + self._sensor(_object(item)) for item in _entries(value)])
        if field == "ilmd":
            return field + self._extensions(_object(value))
        if field == "certificationInfo":
            items = value if type(value) is list else [value]
            return self._sorted([f"{field}={self._text(item)}" for item in items])
        return self._simple(field, value)

    def _sensor(self, element: JsonObject) -> str:
        metadata = element.get("sensorMetadata")
        text = "sensorMetadata" + self._fields(_object(metadata), _METADATA_ORDER) if metadata else ""
        text += self._sorted(
            ["sensorReport" + self._report(_object(report)) for report in _entries(element.get("sensorReport", []))]
        )
        own = {key: item for key, item in element.items() if key not in ("sensorMetadata", "sensorReport")}
        return text + self._extensions(own)

    def _report(self, report: JsonObject) -> str:
        words = {"type": MEASUREMENT, "exception": SENSOR_ALERT, "component": COMPONENT}
        spelt: JsonObject = {
            key: self._word(words[key], item) if key in words else item for key, item in report.items()
        }
        return self._fields(spelt, _REPORT_ORDER)

    def _references(self, value: JsonValue, field: str, vocabulary: Vocabulary) -> str:
        children: list[str] = []
        for item in _entries(value):
            entry = _object(item)
            kind = f"type={self._word(vocabulary, entry['type'])}" if "type" in entry else ""
            children.append(kind + f"{field}={self._text(entry[field])}")
        return self._sorted(children)

    def _fields(self, value: JsonObject, order: tuple[str, ...]) -> str:
        """Known fields in the order of the table, then extensions."""
        known = "".join(self._simple(field, value[field]) for field in order if field in value)
        return known + self._extensions({key: item for key, item in value.items() if key not in order})

    def _simple(self, field: str, value: JsonValue) -> str:
        if field in _TIME_FIELDS and type(value) is str:
            return f"{field}={format_timestamp(parse_timestamp(value))}"
        if field in _WORD_FIELDS:
            return f"{field}={self._word(_WORD_FIELDS[field], value)}"
        return f"{field}={self._text(value)}"

    def _extensions(self, fields: JsonObject) -> str:
        return self._sorted(
            [self._extension(self._name(key), item) for key, item in fields.items() if key not in _EXCLUDED]
        )

    def _extension(self, name: str, value: JsonValue) -> str:
        if type(value) is dict:
            return name + self._extensions(value)
        if type(value) is list:
            return self._sorted([self._extension(name, item) for item in value])
        return f"{name}={self._free_text(value)}"

    def _name(self, key: str) -> str:
        prefix, colon, local = key.partition(":")
        return f"{{{self._prefixes[prefix]}}}{local}" if colon and prefix in self._prefixes else key

    def _word(self, vocabulary: Vocabulary, value: JsonValue) -> str:
        text = str(value).strip()
        word = text if text in vocabulary.words else bare_word(vocabulary, text)
        if word is not None:
            return _BASE_OF[vocabulary.name] + word
        prefix, colon, local = text.partition(":")
        return self._prefixes[prefix] + local if colon and prefix in self._prefixes else text

    def _text(self, value: JsonValue) -> str:
        """A value of the standard: numbers without needless zeros, GS1 keys as canonical Digital Links."""
        if type(value) is JsonNumber:
            return value.text
        if type(value) is bool:
            return "true" if value else "false"
        text = str(value).strip()
        if ":" not in text:
            return text
        try:
            # The published vectors leave the apostrophe as it is.
            return parse_identifier_lenient(text).uri.replace("%27", "'")
        except EventError:
            return text

    def _free_text(self, value: JsonValue) -> str:
        """A value of an extension: texts that look like numbers or times are normalised too."""
        if type(value) is not str:
            return self._text(value)
        text = value.strip()
        try:
            if _NUMBER_LIKE.fullmatch(text) is not None:
                return self._text(read_number(text))
            if _TIME_LIKE.fullmatch(text) is not None:
                return format_timestamp(parse_timestamp(text))
        except DecodeError:
            return text
        return self._text(text)

    def _sorted(self, children: list[str]) -> str:
        return "".join(sorted(children))


def _entries(value: JsonValue) -> list[JsonValue]:
    return value if type(value) is list else []


def _object(value: JsonValue) -> JsonObject:
    return value if type(value) is dict else {}
