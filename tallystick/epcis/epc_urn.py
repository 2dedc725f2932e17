"""EPC URNs (``urn:epc:id:``, ``class:``, ``idpat:``) to identifiers and back (EPC Tag Data Standard, CBV 2.0)."""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.check_digit import check_digit
from tallystick.epcis.identifiers import Identifier, build_identifier, decode_value
from tallystick.epcis.key_types import KEY_TYPES
from tallystick.errors import EventError

_URN: Final = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.+)")
_COMPANY: Final = re.compile(r"[0-9]{6,12}")
_DIGITS: Final = re.compile(r"[0-9]*")

# Scheme -> (AI, digits of company prefix and reference together; 0 where the reference is not of fixed length,
# parts after the company prefix). Of the two-digit-part keys the indicator or extension digit leads the reference.
_SCHEMES: Final[dict[str, tuple[str, int, int]]] = {
    "sgtin": ("01", 13, 2),
    "lgtin": ("01", 13, 2),
    "upui": ("01", 13, 2),
    "sscc": ("00", 17, 1),
    "sgln": ("414", 12, 2),
    "pgln": ("417", 12, 1),
    "grai": ("8003", 12, 2),
    "giai": ("8004", 0, 1),
    "gsrn": ("8018", 17, 1),
    "gsrnp": ("8017", 17, 1),
    "gdti": ("253", 12, 2),
    "sgcn": ("255", 12, 2),
    "cpi": ("8010", 0, 2),
    "ginc": ("401", 0, 1),
    "gsin": ("402", 16, 1),
    "itip": ("8006", 13, 4),
}
_LEADING_DIGIT: Final = frozenset({"sgtin", "lgtin", "upui", "sscc", "itip"})
_SERIAL_QUALIFIER: Final = {"sgtin": "21", "lgtin": "10", "upui": "235", "itip": "21", "cpi": "8011", "sgln": "254"}
_PATTERNS: Final = frozenset({"sgtin", "upui", "grai", "gdti", "sgcn", "cpi", "itip"})


def parse_epc_urn(text: str) -> Identifier | None:
    """Read an EPC URN.

    Returns:
        The identifier, or None for EPC schemes that carry no GS1 key (``gid``, ``usdod``, ``adi``, ``bic``,
        ``imovn``), for tag and raw URIs and for patterns that are no class (more than the last part is ``*``).
    Raises:
        EventError: ``gs1.urn`` where the parts do not fit the scheme, and the rules of ``build_identifier``.
    """
    match = _URN.fullmatch(text)
    if match is None or match[2] not in _SCHEMES:
        return None
    form, scheme, rest = match[1], match[2], match[3]
    ai, digits, part_count = _SCHEMES[scheme]
    if (form == "class") != (scheme == "lgtin") or (form == "idpat" and scheme not in _PATTERNS):
        return None
    company, *parts = rest.split(".", part_count)
    if form == "idpat":
        if parts[-1:] != ["*"] or "*" in "".join((company, *parts[:-1])):
            return None
        parts.pop()
        part_count -= 1
    if len(parts) != part_count or _COMPANY.fullmatch(company) is None:
        raise _broken(text, "the parts do not fit the scheme")
    reference = decode_value(parts[0])
    tail = [decode_value(part) for part in parts[1:]]
    if digits and (_DIGITS.fullmatch(reference) is None or len(company) + len(reference) != digits):
        raise _broken(text, f"company prefix and reference have {digits} digits together")
    if any(not part for part in tail):
        raise _broken(text, "a part is empty")
    return build_identifier(ai, _value(scheme, company, reference, tail), _qualifiers(scheme, form, tail))


def _value(scheme: str, company: str, reference: str, tail: list[str]) -> str:
    if not _SCHEMES[scheme][1]:
        return company + reference
    body = reference[0] + company + reference[1:] if scheme in _LEADING_DIGIT else company + reference
    value = body + check_digit(body)
    if scheme == "grai":
        return "0" + value + "".join(tail)
    if scheme in ("gdti", "sgcn"):
        return value + "".join(tail)
    if scheme == "itip":
        return value + tail[0] + tail[1]
    return value


def _qualifiers(scheme: str, form: str, tail: list[str]) -> dict[str, str]:
    if form == "idpat" or scheme not in _SERIAL_QUALIFIER:
        return {}
    return {_SERIAL_QUALIFIER[scheme]: tail[-1]}


def _broken(text: str, detail: str) -> EventError:
    return EventError("gs1.urn", f"{text[:120]}: {detail}", remedy="compare with the EPC Tag Data Standard")


_ESCAPED: Final = re.compile(r"[\"%&/<>?#]")
_SCHEME_OF_AI: Final = {"00": "sscc", "402": "gsin", "417": "pgln", "8017": "gsrnp", "8018": "gsrn"}


def to_epc_urn(identifier: Identifier, company_prefix_length: int) -> str | None:
    """Write an identifier as an EPC URN.

    Args:
        company_prefix_length: digits of the GS1 company prefix, 6 to 12; it cannot be read off the key.
    Returns:
        The URN, or None where the key has none (other URIs, payment references, models, lots of pieces).
    """
    assert 6 <= company_prefix_length <= 12
    if not identifier.is_gs1:
        return None
    ai, value, *qualifier = [decode_value(part) for part in identifier.key.split("/")]
    start = KEY_TYPES[ai].prefix_at
    company = value[start : start + company_prefix_length]
    after = value[start + company_prefix_length :]
    if ai in ("01", "8006"):
        reference = f"{value[0]}{value[1 + company_prefix_length : 13]}"
        return _trade_urn(ai, f"{company}.{reference}", value, qualifier)
    if ai == "00":
        return f"urn:epc:id:sscc:{company}.{value[0]}{after[:-1]}"
    if ai in _SCHEME_OF_AI:
        return f"urn:epc:id:{_SCHEME_OF_AI[ai]}:{company}.{after[:-1]}"
    if ai == "414":
        return f"urn:epc:id:sgln:{company}.{after[:-1]}.{_escape(qualifier[1]) if qualifier else '0'}"
    if ai in ("253", "255", "8003"):
        scheme = {"253": "gdti", "255": "sgcn", "8003": "grai"}[ai]
        reference, serial = value[start + company_prefix_length : start + 12], value[start + 13 :]
        if not serial:
            return f"urn:epc:idpat:{scheme}:{company}.{reference}.*"
        return f"urn:epc:id:{scheme}:{company}.{reference}.{_escape(serial)}"
    if ai == "8010":
        tail, form = (qualifier[1], "id") if qualifier else ("*", "idpat")
        return f"urn:epc:{form}:cpi:{company}.{_escape(after)}.{tail}"
    if ai in ("401", "8004"):
        return f"urn:epc:id:{'ginc' if ai == '401' else 'giai'}:{company}.{_escape(after)}"
    return None


def _trade_urn(ai: str, stem: str, value: str, qualifier: list[str]) -> str | None:
    if ai == "8006":
        stem = f"{stem}.{value[14:16]}.{value[16:18]}"
        if not qualifier:
            return f"urn:epc:idpat:itip:{stem}.*"
        return f"urn:epc:id:itip:{stem}.{_escape(qualifier[1])}" if qualifier[0] == "21" else None
    if not qualifier:
        return f"urn:epc:idpat:sgtin:{stem}.*"
    form = {"21": "id:sgtin", "10": "class:lgtin", "235": "id:upui"}[qualifier[0]]
    return f"urn:epc:{form}:{stem}.{_escape(qualifier[1])}"


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", text)
