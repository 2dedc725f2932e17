"""The "why", "where" and identity of an event: words, business transactions, parties, places, error declarations."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tallystick.epcis.identifier_reader import parse_identifier
from tallystick.epcis.identifiers import Identifier
from tallystick.epcis.json_value import JsonValue
from tallystick.epcis.model import ErrorDeclaration, TypedReference
from tallystick.epcis.reading import EventReading
from tallystick.epcis.rules_common import (
    check_extension,
    read_identifier,
    read_list,
    read_object,
    read_time,
    read_uri,
    read_word,
    shown,
    step,
)
from tallystick.epcis.vocabulary import (
    BIZ_TRANSACTION,
    DISPOSITION,
    ERROR_REASON,
    SOURCE_DESTINATION,
    Vocabulary,
)
from tallystick.errors import EventError

EVENT_ID: Final = re.compile(
    r"urn:uuid:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|ni:///[a-z0-9-]{2,20};[A-Za-z0-9_-]{16,128}(?:\?ver=CBV[0-9]{1,2}\.[0-9]{1,2})?"
)
_PERSISTENT_FIELDS: Final = frozenset({"set", "unset"})
_DECLARATION_FIELDS: Final = frozenset({"declarationTime", "reason", "correctiveEventIDs"})


def read_event_id(reading: EventReading, value: JsonValue, path: str) -> str:
    """Rule ``event.id``: ``urn:uuid:`` or ``ni:///`` (EPCIS 2.0 SHACL, EventShape; CBV 2.0 section 8.9)."""
    if type(value) is str and EVENT_ID.fullmatch(value) is not None:
        return value
    reading.report(
        "event.id",
        f"{shown(value)} is not an event id",
        path,
        "use urn:uuid: with a UUID, the CBV event hash (ni:///sha-256;…), or no eventID at all",
    )
    return ""


def read_error_declaration(reading: EventReading, value: JsonValue) -> ErrorDeclaration:
    """Rules ``error.time-required``, ``error.corrective`` and those of the values inside."""
    path = "/errorDeclaration"
    declaration = read_object(reading, value, path)
    if "declarationTime" not in declaration:
        reading.report("error.time-required", "declarationTime is missing", path + "/declarationTime")
    time_ms = read_time(reading, declaration.get("declarationTime", "1970-01-01T00:00:00Z"), path + "/declarationTime")
    reason = None
    if "reason" in declaration:
        reason = read_word(reading, ERROR_REASON, declaration["reason"], path + "/reason")
    corrective = read_list(reading, declaration.get("correctiveEventIDs", []), path + "/correctiveEventIDs")
    ids = tuple(
        [read_event_id(reading, item, f"{path}/correctiveEventIDs/{index}") for index, item in enumerate(corrective)]
    )
    if ids and reason == "did_not_occur":
        reading.report(
            "error.corrective",
            "what did not occur has no corrective event",
            path + "/correctiveEventIDs",
            "use incorrect_data, or leave the corrective events out",
        )
    for key in declaration:
        if key not in _DECLARATION_FIELDS:
            check_extension(reading, key, declaration[key], path)
    return ErrorDeclaration(time_ms, reason, ids)


def read_persistent(reading: EventReading, value: JsonValue) -> None:
    """Rules ``persistent.form`` (set or unset, nothing else, no value twice) and ``cbv.word``."""
    path = "/persistentDisposition"
    sides = read_object(reading, value, path)
    if not sides or not _PERSISTENT_FIELDS.issuperset(sides):
        reading.report("persistent.form", "it holds set, unset or both, and nothing else", path)
    lists: list[tuple[str, ...]] = []
    for side in ("set", "unset"):
        if side not in sides:
            lists.append(())
            continue
        items = read_list(reading, sides[side], step(path, side), 1)
        words = [read_word(reading, DISPOSITION, item, f"{path}/{side}/{index}") for index, item in enumerate(items)]
        if len(set(words)) != len(words):
            reading.report("persistent.form", "a disposition is there twice", step(path, side))
        lists.append(tuple(words))
    reading.persistent_set, reading.persistent_unset = lists
    if not set(lists[0]).isdisjoint(lists[1]):
        reading.report("persistent.form", "a disposition is both set and unset", path)


def read_biz_transactions(reading: EventReading, value: JsonValue, path: str) -> tuple[TypedReference, ...]:
    """Rules ``reference.*``: objects of ``bizTransaction`` and, optionally, ``type``."""
    return _read_references(reading, value, path, "bizTransaction", BIZ_TRANSACTION, False)


def read_parties(reading: EventReading, value: JsonValue, path: str, field: str) -> tuple[TypedReference, ...]:
    """Read a source or destination list: objects of ``source`` or ``destination`` and ``type``, both required."""
    return _read_references(reading, value, path, field, SOURCE_DESTINATION, True)


def _read_references(
    reading: EventReading, value: JsonValue, path: str, field: str, vocabulary: Vocabulary, is_party: bool
) -> tuple[TypedReference, ...]:
    found: list[TypedReference] = []
    for index, item in enumerate(read_list(reading, value, path)):
        here = f"{path}/{index}"
        entry = read_object(reading, item, here)
        known = 0
        kind = ""
        if "type" in entry:
            kind = read_word(reading, vocabulary, entry["type"], here + "/type")
            known = 1
        elif is_party:
            reading.report("reference.type-required", "the type is missing", here + "/type")
        if field not in entry:
            reading.report("reference.required", f"{field} is missing", step(here, field))
            continue
        if len(entry) != known + 1:
            extra = next(key for key in entry if key not in ("type", field))
            reading.report("reference.field-unknown", f"{extra[:80]!r} is no field here", step(here, extra))
        identifier = read_identifier(reading, entry[field], f"{here}/{field}")
        found.append(TypedReference(kind, _text(entry[field]), identifier.key))
    return tuple(found)


def _text(value: JsonValue) -> str:
    return value if type(value) is str else ""


@lru_cache(4_096)
def parse_place(text: str) -> Identifier:
    """``parse_identifier`` with a memory: the same few places stand in most events."""
    return parse_identifier(text)


def read_place(reading: EventReading, value: JsonValue, path: str) -> Identifier:
    """Read ``readPoint`` or ``bizLocation``: an object of ``id`` and extensions. Rule ``place.id-required``."""
    place = read_object(reading, value, path)
    if "id" not in place:
        reading.report("place.id-required", "the id is missing", path + "/id")
    try:
        identifier = parse_place(place["id"])  # type: ignore[arg-type]
    except (EventError, KeyError, TypeError):  # read again to report it with its path
        identifier = read_identifier(reading, place.get("id", "urn:invalid:place"), path + "/id")
    if len(place) > 1:
        for key in place:
            if key != "id":
                check_extension(reading, key, place[key], path)
    return identifier


def read_certification(reading: EventReading, value: JsonValue, path: str) -> tuple[str, ...]:
    """Read ``certificationInfo``: a URI or a list of URIs."""
    if type(value) is str:
        return (read_uri(reading, value, path),)
    items = read_list(reading, value, path)
    return tuple([read_uri(reading, item, f"{path}/{index}") for index, item in enumerate(items)])
