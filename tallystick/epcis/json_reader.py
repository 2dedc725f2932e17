"""The one JSON reader. What it accepts is part of the format: verdicts are frozen in tests/vectors/epcis.

A fast reading (the C scanner of the standard library) accepts, and every refusal is explained by the slow reading
of ``json_diagnosis``. No floats come out: whole numbers are ``int``, others ``JsonNumber``.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from tallystick.epcis.bounds import DEPTH_MAX, DIAGNOSIS_SIZE_MAX
from tallystick.epcis.json_diagnosis import diagnose
from tallystick.epcis.json_value import JsonNumber, JsonObject, JsonValue, read_number
from tallystick.errors import DecodeError

_BOM: Final = b"\xef\xbb\xbf"
_NOT_STRUCTURE: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"\\')
_ONE_BRACKET: Final = bytes.maketrans(b"{}", b"[]")
# A text without an end runs to the end of the data, and nothing is tried twice: the time is linear in the size.
_STRING_OR_BRACKET: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]]', re.DOTALL)


def read_json(data: bytes, *, size_max: int, depth_max: int = DEPTH_MAX) -> JsonValue:
    """Read one JSON text (RFC 8259) strictly.

    Args:
        data: UTF-8 without a byte order mark.
        size_max: bytes allowed.
        depth_max: objects and arrays inside each other allowed; a plain value has depth 0.
    Raises:
        DecodeError: rules ``json.size``, ``json.bom``, ``json.utf8``, ``json.depth``, ``json.syntax``,
            ``json.trailing``, ``json.duplicate-key``, ``json.constant``, ``json.surrogate`` and the number rules
            of ``read_number``.
    """
    text = decode_text(data, size_max)
    try:
        if exceeds_depth(data, depth_max):
            raise _Refused
        value: JsonValue = json.loads(
            text,
            parse_float=read_number,
            parse_int=_read_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_object,
        )
        if ("\\ud" in text or "\\uD" in text) and not is_well_formed(value):
            raise _Refused  # half a surrogate pair
    except (_Refused, DecodeError, ValueError, RecursionError):
        return explain(text, depth_max)
    return value


def decode_text(data: bytes, size_max: int) -> str:
    """Turn bytes into text: size, byte order mark and UTF-8 are judged here, for every JSON reading."""
    if len(data) > size_max:
        raise DecodeError("json.size", f"{len(data)} bytes, at most {size_max} are allowed")
    if data.startswith(_BOM):
        raise DecodeError("json.bom", "the text begins with a byte order mark")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("json.utf8", f"byte {error.start} is not UTF-8") from None


def explain(text: str, depth_max: int) -> JsonValue:
    """Read slowly what the fast reading refused, to name the fault. Where the two differ, the slow one is right."""
    if len(text) > DIAGNOSIS_SIZE_MAX:
        raise DecodeError("json.syntax", "not JSON as this reader accepts it; too long to say where")
    return diagnose(text, depth_max)


def exceeds_depth(data: bytes, depth_max: int) -> bool:
    """Say whether brackets are nested deeper than ``depth_max``; the answer counts only for well-formed JSON.

    Everything but brackets and quotes is dropped in C; each round then removes exactly the innermost level.
    """
    if data.count(b"[") + data.count(b"{") <= depth_max:
        return False
    rest = data.translate(_ONE_BRACKET, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in rest or b"\\" in rest:  # a string holds brackets or escapes
        rest = b"".join(token for token in _STRING_OR_BRACKET.findall(data.translate(_ONE_BRACKET)) if token in b"[]")
    for _ in range(depth_max):
        if not rest:
            return False
        rest = rest.replace(b"[]", b"")
    return bool(rest)


def is_well_formed(value: JsonValue) -> bool:
    """Say whether every text inside ``value`` can be written as UTF-8, so holds no half of a surrogate pair."""
    match value:
        case str():
            return is_text(value)
        case dict():
            return all(is_text(key) and is_well_formed(item) for key, item in value.items())
        case list():
            return all(is_well_formed(item) for item in value)
    return True


def is_text(text: str) -> bool:
    """Say whether ``text`` is a sequence of Unicode scalar values."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Refused(Exception):
    """The fast reading cannot vouch for this text."""


def _read_integer(text: str) -> int | JsonNumber:
    if len(text) < 15 and text != "-0":
        return int(text)
    return read_number(text)


def _refuse_constant(_: str) -> NoReturn:
    raise _Refused


def _unique_object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused
    return result
