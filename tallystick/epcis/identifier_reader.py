"""Reading identifiers from text: which of the spellings it is, and a quick way for the usual ones."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tallystick.epcis.check_digit import check_digit, has_check_digit
from tallystick.epcis.digital_link import parse_digital_link
from tallystick.epcis.epc_urn import parse_epc_urn
from tallystick.epcis.identifiers import CANONICAL_BASE, Identifier
from tallystick.epcis.key_types import IdentifierKind
from tallystick.epcis.uris import is_uri
from tallystick.errors import EventError

# Most identifiers of an event are read more than once (parent, children, retries, the same places every day).
_CACHE_SIZE: Final = 8_192

# The spellings that make up nearly all traffic. Anything else, and anything wrong, takes the general way.
_USUAL_LINK: Final = re.compile(
    r"https://id\.gs1\.org/(?:01/([0-9]{14})(?:/(21|10)/([A-Za-z0-9._-]{1,20}))?|00/([0-9]{18})|(414|417)/([0-9]{13}))"
)
_USUAL_URN: Final = re.compile(
    r"urn:epc:(?:id:s|class:l)gtin:([0-9]{6,12})\.([0-9])([0-9]{0,6})\.([A-Za-z0-9._-]{1,20})"
)


@lru_cache(maxsize=_CACHE_SIZE)
def parse_identifier(text: str) -> Identifier:
    """Read an identifier as an event may spell it: EPC URN, GS1 Digital Link at any domain, or any other URI.

    A spelling that only the lenient reading understands as a GS1 key (short GTIN, wrong qualifier order, query
    string …) is refused rather than taken for another URI, so that one thing never has two key texts.

    Raises:
        EventError: without path; rules ``gs1.check-digit``, ``gs1.value``, ``gs1.qualifier``,
            ``gs1.qualifier-order``, ``gs1.length``, ``gs1.query``, ``gs1.path``, ``gs1.urn``, ``event.uri``.
    """
    found = _parse_usual(text)
    return found if found is not None else _parse(text, False)


def parse_identifier_lenient(text: str) -> Identifier:
    """Read what scanners and older systems write: also short GTINs, names for AIs, queries, any qualifier order."""
    return _parse(text, True)


def parse_key(key: str) -> Identifier:
    """Read a compact key text back.

    Raises:
        EventError: as ``parse_identifier``; ``gs1.key`` where the text is not canonical.
    """
    identifier = parse_identifier(CANONICAL_BASE + key if key[:1] in "0123456789" else key)
    if identifier.key != key:
        raise EventError("gs1.key", f"{key[:80]!r} is not a canonical key text")
    return identifier


def _parse(text: str, lenient: bool) -> Identifier:
    if not is_uri(text):
        raise EventError("event.uri", f"{text[:80]!r} is not a URI", remedy="give an absolute URI in ASCII")
    found = parse_epc_urn(text) if text.startswith("urn:epc:") else parse_digital_link(text, lenient)
    return found if found is not None else Identifier(text, IdentifierKind.OTHER)


def _parse_usual(text: str) -> Identifier | None:
    link = _USUAL_LINK.fullmatch(text)
    if link is not None:
        gtin, qualifier, value, sscc, place, gln = link.groups()
        if not has_check_digit(gtin or sscc or gln):
            return None
        if gtin is None:
            if place is None:
                return Identifier(text[19:], IdentifierKind.LOGISTIC_UNIT)
            return Identifier(text[19:], IdentifierKind.LOCATION if place == "414" else IdentifierKind.PARTY)
        if qualifier == "21":
            return Identifier(text[19:], IdentifierKind.ITEM, gtin, value)
        if qualifier is None:
            return Identifier(text[19:], IdentifierKind.CLASS, gtin)
        return Identifier(text[19:], IdentifierKind.LOT, gtin, None, value)
    urn = _USUAL_URN.fullmatch(text)
    if urn is None or len(urn[1]) + len(urn[3]) != 12:
        return None
    company, indicator, reference, value = urn.groups()
    body = indicator + company + reference
    gtin = body + check_digit(body)
    if text[8] == "i":
        return Identifier(f"01/{gtin}/21/{value}", IdentifierKind.ITEM, gtin, value)
    return Identifier(f"01/{gtin}/10/{value}", IdentifierKind.LOT, gtin, None, value)
