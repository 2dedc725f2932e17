"""Known deviations of published EPCIS data, brought to the standard's spelling; each is reported, none is silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from tallystick.epcis.contexts import STANDARD_CONTEXTS
from tallystick.epcis.identifier_reader import parse_identifier, parse_identifier_lenient
from tallystick.epcis.json_value import JsonObject, JsonValue, read_number
from tallystick.epcis.rules_common import step
from tallystick.epcis.vocabulary import (
    BIZ_STEP,
    BIZ_TRANSACTION,
    COMPONENT,
    DISPOSITION,
    ERROR_REASON,
    MEASUREMENT,
    SENSOR_ALERT,
    SOURCE_DESTINATION,
    Vocabulary,
    bare_word,
)
from tallystick.errors import DecodeError, EventError

Notice: TypeAlias = Callable[[str, str, str], None]
"""Takes rule, detail and path of one normalisation."""

_COMMENT: Final = re.compile(r"_.*|\$comment|comment|@comment")
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_OTHER_ADDRESSES: Final = frozenset(
    {
        "http://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "http://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "https://gs1.github.io/EPCIS/epcis-context.jsonld",
    }
)

# Where words of a vocabulary and identifiers stand: keys from the event down, ``*`` for each entry of a list.
_WORDS: Final[tuple[tuple[tuple[str, ...], Vocabulary], ...]] = (
    (("bizStep",), BIZ_STEP),
    (("disposition",), DISPOSITION),
    (("persistentDisposition", "set", "*"), DISPOSITION),
    (("persistentDisposition", "unset", "*"), DISPOSITION),
    (("bizTransactionList", "*", "type"), BIZ_TRANSACTION),
    (("sourceList", "*", "type"), SOURCE_DESTINATION),
    (("destinationList", "*", "type"), SOURCE_DESTINATION),
    (("errorDeclaration", "reason"), ERROR_REASON),
    (("sensorElementList", "*", "sensorReport", "*", "type"), MEASUREMENT),
    (("sensorElementList", "*", "sensorReport", "*", "exception"), SENSOR_ALERT),
    (("sensorElementList", "*", "sensorReport", "*", "component"), COMPONENT),
)
_IDENTIFIERS: Final[tuple[tuple[str, ...], ...]] = (
    ("epcList", "*"), ("childEPCs", "*"), ("inputEPCList", "*"), ("outputEPCList", "*"), ("parentID",),
    ("quantityList", "*", "epcClass"), ("childQuantityList", "*", "epcClass"),
    ("inputQuantityList", "*", "epcClass"), ("outputQuantityList", "*", "epcClass"),
    ("readPoint", "id"), ("bizLocation", "id"), ("sourceList", "*", "source"), ("destinationList", "*", "destination"),
)  # fmt: skip
_AMOUNTS: Final[tuple[tuple[str, ...], ...]] = (
    ("quantityList", "*", "quantity"), ("childQuantityList", "*", "quantity"),
    ("inputQuantityList", "*", "quantity"), ("outputQuantityList", "*", "quantity"),
)  # fmt: skip


def normalise_event(event: JsonObject, notice: Notice, path: str) -> JsonObject:
    """Bring a copy of one event to the standard's spelling.

    Rules noticed: ``lenient.comment`` (a comment key is dropped), ``lenient.type`` (``isA``), ``lenient.word`` (URN,
    IRI or CURIE of a CBV word), ``lenient.identifier`` (a GS1 key in an unusual spelling), ``lenient.number``
    (a quantity in quotes).
    """
    result = without_comments(event, notice, path)
    assert type(result) is dict
    if "type" not in result and "isA" in result:
        notice("lenient.type", "isA is read as type", step(path, "isA"))
        result["type"] = result.pop("isA")
    for place, vocabulary in _WORDS:
        _change(result, place, path, _word_change(vocabulary, notice))
    for place in _IDENTIFIERS:
        _change(result, place, path, lambda text, here: _identifier_change(text, here, notice))
    for place in _AMOUNTS:
        _change(result, place, path, lambda text, here: _amount_change(text, here, notice))
    return result


def normalise_context(context: JsonValue, notice: Notice, path: str) -> JsonValue:
    """Read other addresses of the standard context as the standard one: rule ``lenient.context``."""
    if type(context) is list:
        return [normalise_context(entry, notice, path) for entry in context]
    if type(context) is str and context in _OTHER_ADDRESSES:
        notice("lenient.context", f"{context} is read as the standard context", path)
        return STANDARD_CONTEXTS[0]
    return context


def without_comments(value: JsonValue, notice: Notice, path: str) -> JsonValue:
    """Copy a value without keys that are comments: an underscore first, ``comment``, ``$comment``, ``@comment``."""
    if type(value) is dict:
        kept: JsonObject = {}
        for key, item in value.items():
            if _COMMENT.fullmatch(key) is not None:
                notice("lenient.comment", f"{key[:60]} is left out", step(path, key))
            else:
                kept[key] = without_comments(item, notice, step(path, key))
        return kept
    if type(value) is list:
        return [without_comments(item, notice, step(path, index)) for index, item in enumerate(value)]
    return value


def _change(value: JsonValue, place: tuple[str, ...], path: str, change: Callable[[str, str], JsonValue]) -> JsonValue:
    """Give what stands for ``value`` once ``change`` has seen every text at ``place`` below it; edits containers."""
    if not place:
        return change(value, path) if type(value) is str else value
    if place[0] == "*":
        if type(value) is list:
            value[:] = [_change(item, place[1:], step(path, index), change) for index, item in enumerate(value)]
    elif type(value) is dict and place[0] in value:
        value[place[0]] = _change(value[place[0]], place[1:], step(path, place[0]), change)
    return value


def _word_change(vocabulary: Vocabulary, notice: Notice) -> Callable[[str, str], JsonValue]:
    def change(text: str, path: str) -> JsonValue:
        word = bare_word(vocabulary, text)
        if word is None:
            return text
        notice("lenient.word", f"{text} is read as {word}", path)
        return word

    return change


def _identifier_change(text: str, path: str, notice: Notice) -> JsonValue:
    try:
        parse_identifier(text)
    except EventError:
        try:
            uri = parse_identifier_lenient(text).uri
        except EventError:
            return text  # the rules will say what is wrong
        notice("lenient.identifier", f"{text} is read as {uri}", path)
        return uri
    return text


def _amount_change(text: str, path: str, notice: Notice) -> JsonValue:
    if _PLAIN_NUMBER.fullmatch(text) is None:
        return text
    try:
        number = read_number(text)
    except DecodeError:
        return text
    notice("lenient.number", f"the text {text} is read as a number", path)
    return number
