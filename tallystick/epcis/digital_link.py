"""GS1 Digital Link URIs, strict and lenient (GS1 Digital Link: URI Syntax 1.4)."""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.identifiers import Identifier, build_identifier, decode_value
from tallystick.epcis.key_types import KEY_TYPES, QUALIFIER_SHAPES, SHORT_NAMES
from tallystick.errors import EventError

_WEB: Final = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?)://([^/?#]+)/([^?#]*)([?#].*)?")
_SHORT_GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12}|[0-9]{13}")
_CANONICAL_HOST: Final = "id.gs1.org"


def parse_digital_link(text: str, lenient: bool) -> Identifier | None:
    """Read a URI as a GS1 Digital Link.

    Args:
        text: a URI.
        lenient: take, instead of refusing, what only deviates in spelling.
    Returns:
        The identifier, or None where the URI is no Digital Link at all.
    Raises:
        EventError: it is one, but broken (or, strictly, spelt in a way that is only read leniently).
    """
    web = _WEB.fullmatch(text)
    if web is None:
        return None
    host = web[2].lower()
    segments = web[3].split("/")
    trailing = 0
    while segments and segments[-1] == "":
        segments.pop()
        trailing += 1
    at = _find_key(segments)
    if at is None:
        if host == _CANONICAL_HOST:
            raise EventError("gs1.path", f"{text[:120]} holds no valid GS1 key", remedy="check AI and value")
        return None
    deviations = _Deviations(text, lenient)
    if not web[1].islower():
        deviations.note("gs1.path", "the scheme is not in lower case")
    if web[4] is not None:
        deviations.note("gs1.query", "a query or fragment is no part of an identifier")
    if trailing:
        deviations.note("gs1.path", "it ends in a slash")
    return _read_key(segments[at:], deviations)


class _Deviations:
    """Refuses deviations of spelling in the strict reading, and lets them pass in the lenient one."""

    def __init__(self, text: str, lenient: bool) -> None:
        self._text = text
        self._lenient = lenient

    def note(self, rule: str, detail: str) -> None:
        if not self._lenient:
            raise EventError(rule, f"{self._text[:120]}: {detail}", remedy="write the canonical GS1 Digital Link")


def _find_key(segments: list[str]) -> int | None:
    """Index of the first segment that begins a GS1 key: an AI (or its old name) before a value of its shape."""
    for index in range(len(segments) - 1):
        ai = segments[index]
        if ai not in KEY_TYPES:
            ai = SHORT_NAMES.get(ai, "")
            if ai not in KEY_TYPES:
                continue
        value = decode_value(segments[index + 1])
        if KEY_TYPES[ai].shape.fullmatch(value) is not None or (ai == "01" and _SHORT_GTIN.fullmatch(value)):
            return index
    return None


def _read_key(segments: list[str], deviations: _Deviations) -> Identifier:
    ai = segments[0]
    if ai not in KEY_TYPES:
        deviations.note("gs1.path", f"the name {ai} stands for a number")
        ai = SHORT_NAMES[ai]
    value = decode_value(segments[1])
    if ai == "01" and len(value) < 14:
        deviations.note("gs1.length", "a GTIN is written with 14 digits")
        value = value.zfill(14)
    if len(segments) % 2 != 0:
        raise EventError("gs1.path", f"{segments[-1][:60]!r} follows the key without a value")
    qualifiers: dict[str, str] = {}
    for index in range(2, len(segments), 2):
        name = segments[index]
        if name not in QUALIFIER_SHAPES and name in SHORT_NAMES:
            deviations.note("gs1.path", f"the name {name} stands for a number")
            name = SHORT_NAMES[name]
        if name not in QUALIFIER_SHAPES or name in qualifiers:
            raise EventError("gs1.qualifier", f"({name[:60]}) cannot follow here in a Digital Link of ({ai})")
        qualifiers[name] = decode_value(segments[index + 1])
    if qualifiers:
        _require_order(ai, tuple(qualifiers), deviations)
    return build_identifier(ai, value, qualifiers)


def _require_order(ai: str, names: tuple[str, ...], deviations: _Deviations) -> None:
    for order in KEY_TYPES[ai].orders:
        if set(names) <= set(order):
            if tuple(name for name in order if name in names) != names:
                deviations.note("gs1.qualifier-order", f"qualifiers of ({ai}) go in the order {', '.join(order)}")
            return
    raise EventError("gs1.qualifier", f"({', '.join(names)}) are no qualifiers of ({ai})")
