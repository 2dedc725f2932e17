"""Rules for single values: URIs, times, words, extension fields. Each reads a value or reports, never both.

While issues are collected a reader returns a harmless stand-in, so that the rest of the event is still looked at.
"""

from __future__ import annotations

from tallystick.epcis.bounds import LIST_SIZE_MAX
from tallystick.epcis.contexts import is_declared_name
from tallystick.epcis.identifier_reader import parse_identifier
from tallystick.epcis.identifiers import Identifier
from tallystick.epcis.json_diagnosis import pointer
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue
from tallystick.epcis.key_types import IdentifierKind
from tallystick.epcis.reading import EventReading
from tallystick.epcis.timestamps import parse_timestamp
from tallystick.epcis.uris import is_uri
from tallystick.epcis.vocabulary import Vocabulary, bare_word, claims_cbv, claims_gs1_vocabulary
from tallystick.errors import EventError

_NOBODY = Identifier("urn:invalid:", IdentifierKind.OTHER)


def step(path: str, key: str | int) -> str:
    """Append one step to a JSON pointer."""
    if type(key) is str and ("/" in key or "~" in key):
        return path + pointer((key,))
    return f"{path}/{key}"


def read_uri(reading: EventReading, value: JsonValue, path: str) -> str:
    """Rule ``event.uri``: an absolute URI in ASCII."""
    if type(value) is str and is_uri(value):
        return value
    reading.report("event.uri", f"{shown(value)} is not a URI", path, "give an absolute URI in ASCII")
    return ""


def read_time(reading: EventReading, value: JsonValue, path: str) -> int:
    """Rules ``time.*``: a date-time with zone, as milliseconds since 1970 UTC."""
    if type(value) is str:
        try:
            return parse_timestamp(value)
        except EventError as error:
            reading.report(error.rule, error.detail, path, error.remedy)
            return 0
    reading.report("time.form", f"{shown(value)} is not a date-time", path, "write it like 2026-03-04T05:06:07Z")
    return 0


def read_identifier(reading: EventReading, value: JsonValue, path: str) -> Identifier:
    """Rules ``gs1.*`` and ``event.uri``: a GS1 key in any spelling, or another URI."""
    if type(value) is str:
        try:
            return parse_identifier(value)
        except EventError as error:
            reading.report(error.rule, error.detail, path, error.remedy)
            return _NOBODY
    reading.report("event.uri", f"{shown(value)} is not an identifier", path, "give a URI")
    return _NOBODY


def read_word(reading: EventReading, vocabulary: Vocabulary, value: JsonValue, path: str) -> str:
    """Rule ``cbv.word``: a bare word of the vocabulary, or a URI that claims no place in the standard ones.

    The full IRI and the CURIE of a standard word are read as that word; its URN is not (JSON never uses it).
    """
    if type(value) is str:
        if value in vocabulary.words:
            return value
        if not value.startswith("urn:epcglobal:cbv:") and is_uri(value):
            word = bare_word(vocabulary, value)
            if word is not None:
                return word
            if not claims_cbv(value) and not claims_gs1_vocabulary(value):
                return value
    reading.report(
        "cbv.word",
        f"{shown(value)} is no {vocabulary.name} of CBV 2.0 and no URI of your own",
        path,
        "use the bare word of the standard, or a URI in a namespace of yours",
    )
    return ""


def read_list(reading: EventReading, value: JsonValue, path: str, count_min: int = 0) -> list[JsonValue]:
    """Rules ``event.list``, ``event.list-size``: an array of ``count_min`` to ``LIST_SIZE_MAX`` entries."""
    if type(value) is not list:
        reading.report("event.list", f"{shown(value)} is not a list", path)
        return []
    if len(value) < count_min:
        reading.report("event.list-size", "the list is empty", path, "leave the field out or fill it")
    if len(value) > LIST_SIZE_MAX:
        reading.report("event.list-size", f"{len(value)} entries, at most {LIST_SIZE_MAX} are allowed", path)
        return []
    return value


def read_object(reading: EventReading, value: JsonValue, path: str) -> JsonObject:
    """Rule ``event.object``."""
    if type(value) is dict:
        return value
    reading.report("event.object", f"{shown(value)} is not an object", path)
    return {}


def read_number(reading: EventReading, value: JsonValue, path: str) -> int | JsonNumber:
    """Rule ``event.number``."""
    if type(value) is int or type(value) is JsonNumber:
        return value
    reading.report("event.number", f"{shown(value)} is not a number", path, "write numbers without quotes")
    return 0


def check_extension(reading: EventReading, key: str, value: JsonValue, path: str) -> None:
    """Rules ``event.field-unknown``, ``event.prefix-undeclared``: an extension field and everything inside it."""
    if not is_declared_name(key, reading.prefixes):
        if ":" in key.strip(":"):
            reading.report(
                "event.prefix-undeclared",
                f"the prefix of {key[:80]!r} is not declared",
                step(path, key),
                "declare it in the event's own @context",
            )
        else:
            reading.report(
                "event.field-unknown",
                f"{key[:80]!r} is no field of this place",
                step(path, key),
                "extension fields are written prefix:name, with the prefix declared in @context",
            )
    if type(value) is dict or type(value) is list:
        check_inside(reading, value, step(path, key))


def check_inside(reading: EventReading, value: JsonValue, path: str) -> None:
    """Inside an extension value keys are free, but a prefix that is used must be declared."""
    if type(value) is dict:
        for key, item in value.items():
            if ":" in key:
                check_extension(reading, key, item, path)
            elif type(item) is dict or type(item) is list:
                check_inside(reading, item, step(path, key))
    elif type(value) is list:
        for index, item in enumerate(value):
            if type(item) is dict or type(item) is list:
                check_inside(reading, item, step(path, index))


def shown(value: JsonValue) -> str:
    """A value as a message shows it: short."""
    if type(value) is str:
        return repr(value[:80])
    if type(value) is dict:
        return "an object"
    if type(value) is list:
        return "a list"
    return "null" if value is None else str(getattr(value, "text", value))
