"""Texts that people type, as values: identifiers, goods with quantities, money, times, ids, keys.

Each reader raises a typed error that names what was expected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from tallystick.epcis import Identifier, IdentifierKind, parse_identifier_lenient, parse_micro, parse_timestamp
from tallystick.errors import ConfigError
from tallystick.limits import TIME_MAX_MS
from tallystick.money import parse_amount
from tallystick.plain_text import one_line
from tallystick.records.members import ORGANISATION_ID

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:( ?)([A-Z0-9]{2,3}))?")
_DURATION = re.compile(r"([1-9][0-9]{0,6})(ms|s|m|h|d)")
_EXPONENT = re.compile(r"E[0-9]+")  # 1E3 is a thousand to most people; 1 E3 is a trailer, as 120 E27 are doses
_NARROWING = frozenset(
    {"10", "21", "22", "235", "lot", "ser", "cpv"}
)  # in a query: a lot or serial of the class before it
_SCOPE = re.compile(r"01/[0-9]{1,13}|00/[0-9]{1,17}")  # digits that are not whole yet
# What people write for a unit's code. A lot keeps the unit it began with, and refuses all others from then on.
_MEANT = {
    "KG": "KGM", "KGS": "KGM", "GR": "GRM", "GM": "GRM", "TON": "TNE", "LB": "LBR", "LBS": "LBR", "OZ": "ONZ",
    "ML": "MLT", "LIT": "LTR", "PC": "H87", "PCS": "H87",
}  # fmt: skip
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Goods:
    """What an event is about: a thing, or an amount of a class or lot.

    Attributes:
        micro: millionths of the unit; None where no amount is given.
        unit: UN/CEFACT Recommendation 20 code; empty for a count.
    """

    identifier: Identifier
    micro: int | None = None
    unit: str = ""


def read_identifier(text: str) -> Identifier:
    """A GS1 key as key text (``01/09521234543213/21/A1``), Digital Link, EPC URN, or any other URI.

    What follows a Digital Link as attributes (an expiry date, a weight) is left out. Nothing is left out that says
    which thing is meant.

    Raises:
        ConfigError: no identifier at all, or one that would lose what narrows it.
        EventError: no identifier of this form, or a wrong check digit; with a remedy.
    """
    text = text.strip()
    if not text[:1].isdigit() and ":" not in text:
        raise ConfigError(
            f"{text[:80]!r} is no identifier; write a GS1 key (01/09521234543213/21/A1), a Digital Link or an EPC URN"
        )
    if not text[:1].isdigit():
        identifier = parse_identifier_lenient(text)
        _refuse_narrowing_query(text, identifier)
        return identifier
    for sign in "?#=":  # the last one begins an amount, which is none of an identifier
        if sign in text:
            raise ConfigError(f"{text[:80]!r} is no key text: write {sign} of a lot or serial as %{ord(sign):02X}")
    return parse_identifier_lenient(f"https://id.gs1.org/{text}")


def _refuse_narrowing_query(text: str, identifier: Identifier) -> None:
    """A class with its lot or serial in the query would be read as the whole class."""
    if identifier.kind is not IdentifierKind.CLASS:
        return
    query = text.partition("#")[0].partition("?")[2]
    named = sorted(
        _NARROWING.intersection(name for name, _ in parse_qsl(query.replace(";", "&"), keep_blank_values=True))
    )
    if named:
        raise ConfigError(
            f"{text[:80]!r} names all of {identifier.key}, with ({named[0]}) only as an attribute; "
            f"write the lot or serial into the path: {identifier.key}/10/LOT7 or {identifier.key}/21/A1"
        )


def read_goods(text: str) -> Goods:
    """``ID`` or ``ID=QUANTITY[UNIT]``, for instance ``01/09521234543213/10/LOT7=120.5KGM``; the unit may stand apart.

    Raises:
        EventError, DecodeError, ConfigError: not of this form.
    """
    name, equals, amount = text.rpartition("=")
    if not equals:
        return Goods(read_identifier(text))
    match = _QUANTITY.fullmatch(amount)
    if match is None:
        raise ConfigError(f"{amount!r} is no quantity; write for instance 120.5KGM, or 40 for a count")
    number, apart, unit = match[1], match[2], match[3] or ""
    if _EXPONENT.fullmatch(unit) and not apart:
        raise ConfigError(f"{amount!r} can be read in two ways; write '{number} {unit}' for the unit {unit}")
    if unit in _MEANT:
        meant = f"{number}{_MEANT[unit]}"
        raise ConfigError(f"{amount!r}: {unit} is no unit of UN/CEFACT Recommendation 20; write {meant}")
    return Goods(read_identifier(name), parse_micro(number), unit)


def read_scope(text: str) -> str:
    """What an accreditation covers: the beginning of key texts, from a company's prefix to one lot or container.

    Raises:
        ConfigError, EventError: it begins no product's, lot's or container's key text, so it would cover nothing.
    """
    if _SCOPE.fullmatch(text):
        return text
    if not text.startswith(("01/", "00/")) or read_identifier(text).key != text:
        raise ConfigError(
            f"{text[:80]!r} begins no key text; write a product or lot (01/09521234543213, …/10/LOT7), a container, "
            "or the beginning of their digits"
        )
    return text


def read_line(text: str, what: str, size_max: int) -> str:
    """Words that others will read on one line: a name, a reason; at most so many characters. Raises: ConfigError."""
    if not text.strip() or one_line(text) != text:
        raise ConfigError(f"{what}: write some words on one line, not {text[:80]!r}")
    if len(text) > size_max:
        raise ConfigError(f"{what}: write at most {size_max} characters, not {len(text)}")
    return text


def read_organisation(text: str) -> str:
    """An organisation id such as ``org:grower``. Raises: ConfigError."""
    if ORGANISATION_ID.fullmatch(text) is None:
        raise ConfigError(f"{text[:80]!r} is no organisation id; it looks like org:grower")
    return text


def read_party(text: str) -> str:
    """An organisation id, or the URI of a party or place under its GS1 company prefix (``417/…``, ``414/…``).

    Raises:
        ConfigError, EventError: neither of them.
    """
    if text.startswith("org:"):
        return read_organisation(text)
    party = read_identifier(text)
    if not party.key.startswith(("417/", "414/")):
        raise ConfigError(f"{text[:80]!r} is no party; name an organisation (org:carrier) or a GLN (417/9521003000015)")
    return party.uri


def read_money(text: str) -> tuple[int, str]:
    """``15000.00 CNY`` as minor units and currency. Raises: ConfigError, DecodeError."""
    amount, _, currency = text.strip().partition(" ")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise ConfigError(f"{text[:40]!r} is no amount; write for instance '15000.00 CNY'")
    return parse_amount(amount, currency), currency


def read_id(text: str) -> bytes:
    """32 bytes in hex: an id, a key, a commitment. Raises: ConfigError."""
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ConfigError(f"{text[:80]!r} is not 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)


def read_duration_ms(text: str) -> int:
    """``30d``, ``12h``, ``45m``, ``10s`` or ``500ms`` in milliseconds. Raises: ConfigError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ConfigError(f"{text[:40]!r} is no duration; write for instance 30d, 12h, 45m, 10s")
    return int(match[1]) * _UNIT_MS[match[2]]


def read_time_ms(text: str, now_ms: int) -> int:
    """A point in time in milliseconds since 1970: a date-time with zone, or ``+30d`` from ``now_ms``.

    Raises:
        EventError, ConfigError: neither of them.
    """
    time_ms = now_ms + read_duration_ms(text[1:]) if text.startswith("+") else parse_timestamp(text)
    if time_ms > TIME_MAX_MS:
        raise ConfigError(f"{text[:40]!r} lies beyond the year 9999")
    return time_ms
