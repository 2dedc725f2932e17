"""RFC 8785 (JCS): one value, one byte string.

``msgspec`` reads and writes in C; what it does differently from RFC 8785 (order of keys beyond the Basic
Multilingual Plane) or does not check (length of integers) is handled here. Numbers are those of ``JsonNumber``.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tallystick.epcis.bounds import DEPTH_MAX, DIAGNOSIS_SIZE_MAX
from tallystick.epcis.json_diagnosis import diagnose
from tallystick.epcis.json_reader import decode_text, exceeds_depth, is_text
from tallystick.epcis.json_value import INTEGER_MAX, JsonNumber, JsonValue
from tallystick.errors import DecodeError


def _write_unknown(value: object) -> msgspec.Raw:
    if type(value) is JsonNumber:
        return msgspec.Raw(value.text.encode("ascii"))
    raise DecodeError("non-canonical", f"{type(value).__name__} is not a JSON value")


_decoder: Final = msgspec.json.Decoder(float_hook=JsonNumber)
_encoder: Final = msgspec.json.Encoder(enc_hook=_write_unknown, order="deterministic")
# Characters beyond U+FFFF: their UTF-16 code units sort before U+E000…U+FFFF, their UTF-8 bytes after.
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4]")
# Digits become 0, whatever may stand before a number becomes a colon: 16 digits in a row then show as one needle.
_DIGITS_AND_STARTS: Final = bytes.maketrans(b"0123456789,[-", b"0000000000:::")
_LONG_INTEGER: Final = b":" + b"0" * 16


def canonical_json(value: JsonValue) -> bytes:
    """Write ``value`` in its one canonical spelling.

    Raises:
        DecodeError: ``non-canonical`` where the value holds a float, an integer of 10^15 or more, a key that is
            no text, or half a surrogate pair.
    Source: RFC 8785; numbers have at most 15 significant digits and never an exponent.
    """
    _require_plain(value)
    return _write(value)


def read_canonical(data: bytes, size_max: int, *, depth_max: int = DEPTH_MAX) -> JsonValue:
    """Read ``data`` only if it is the canonical spelling of what it says.

    Raises:
        DecodeError: the rules of ``read_json``, or ``non-canonical``.
    """
    if len(data) <= size_max and not exceeds_depth(data, depth_max):
        try:
            value: JsonValue = _decoder.decode(data)
            if _write(value) == data and _integers_are_short(value, data):
                return value
        except (msgspec.MsgspecError, DecodeError, ValueError, OverflowError, RecursionError):
            pass  # explained below
    text = decode_text(data, size_max)
    if len(text) <= DIAGNOSIS_SIZE_MAX:
        diagnose(text, depth_max)
    raise DecodeError("non-canonical", "not the canonical spelling (RFC 8785) of this JSON value")


def _write(value: JsonValue) -> bytes:
    data = _encoder.encode(value)
    if not data.isascii() and _ASTRAL.search(data) is not None:
        return _encoder.encode(_in_utf16_order(value))
    return data


def _integers_are_short(value: JsonValue, data: bytes) -> bool:
    if (b":" + data).translate(_DIGITS_AND_STARTS).find(_LONG_INTEGER) < 0:
        return True
    try:
        _require_plain(value)
    except DecodeError:
        return False
    return True


def _in_utf16_order(value: JsonValue) -> object:
    if type(value) is dict:
        # A list of pairs cannot be written as an object, so each member is written here and joined as raw bytes.
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        written = (_encoder.encode(key) + b":" + _encoder.encode(_in_utf16_order(item)) for key, item in members)
        return msgspec.Raw(b"{" + b",".join(written) + b"}")
    if type(value) is list:
        return [_in_utf16_order(item) for item in value]
    return value


def _require_plain(value: JsonValue) -> None:
    kind = type(value)
    if kind is dict:
        assert isinstance(value, dict)
        for key, item in value.items():
            if type(key) is not str or not is_text(key):
                raise DecodeError("non-canonical", "a key is not well-formed text")
            _require_plain(item)
    elif kind is list:
        assert isinstance(value, list)
        for item in value:
            _require_plain(item)
    elif kind is str:
        assert isinstance(value, str)
        if not is_text(value):
            raise DecodeError("non-canonical", "a text holds half a surrogate pair")
    elif kind is int:
        assert isinstance(value, int)
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise DecodeError("non-canonical", "an integer of 10^15 or more has no canonical spelling here")
    elif not (kind is JsonNumber or kind is bool or value is None):
        raise DecodeError("non-canonical", f"{kind.__name__} is not a JSON value")
