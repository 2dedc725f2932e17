"""One bounded decimal parser for quantities (micro-units) and money (minor units). Integers all the way.

A quantity is held as an integer of 10^-6 of its unit: ``18.25`` kilograms are 18_250_000. Money is held as an
integer of its minor unit: ``18.25`` euros are 1_825. Bounds: magnitude of at most ``MICRO_MAX`` = 10^18 - 1.
"""

from __future__ import annotations

import re
from typing import Final

from tallystick.epcis.bounds import MICRO_MAX
from tallystick.epcis.json_value import JsonNumber
from tallystick.errors import DecodeError

MICRO_PLACES: Final = 6
MICRO_PER_UNIT: Final = 10**MICRO_PLACES

_DECIMAL: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?")


def parse_decimal(text: str, places: int) -> int:
    """Read a plain decimal as an integer of 10^-places.

    Args:
        text: ASCII, optional minus, no plus sign, no exponent, no leading zeros, a digit on both sides of the point.
        places: digits after the point that the result keeps, 0…9.
    Raises:
        DecodeError: ``quantity.form``; ``quantity.precision`` where a digit other than zero would be lost;
            ``quantity.minus-zero``; ``quantity.range`` beyond ``MICRO_MAX``.
    """
    assert 0 <= places <= 9
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise DecodeError("quantity.form", f"{text[:40]!r} is not a plain decimal number")
    fraction = (match[3] or "").rstrip("0")
    if len(fraction) > places:
        raise DecodeError("quantity.precision", f"{text[:40]} has more than {places} digits after the point")
    value: int = int(match[2] + fraction) * 10 ** (places - len(fraction))
    if value > MICRO_MAX:
        raise DecodeError("quantity.range", f"{text[:40]} is too large")
    if not match[1]:
        return value
    if value == 0:
        raise DecodeError("quantity.minus-zero", "minus zero is not a quantity")
    return -value


def parse_micro(text: str) -> int:
    """Read a quantity as micro-units (10^-6 of the unit). Errors as in ``parse_decimal``."""
    return parse_decimal(text, MICRO_PLACES)


def parse_minor(text: str, *, places: int) -> int:
    """Read an amount of money as minor units; ``places`` is the currency's exponent (2 for EUR, 0 for JPY)."""
    return parse_decimal(text, places)


def format_decimal(value: int, places: int) -> str:
    """Write an integer of 10^-places as the shortest plain decimal; the inverse of ``parse_decimal``."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**places)
    if rest == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{str(rest).zfill(places).rstrip('0')}"


def format_micro(value: int) -> str:
    """Write micro-units as the shortest plain decimal of the unit: 18_250_000 is ``18.25``."""
    return format_decimal(value, MICRO_PLACES)


def micro_of_number(value: int | JsonNumber) -> int:
    """Turn a JSON number into micro-units, exactly. Errors as in ``parse_decimal``."""
    if type(value) is int:
        micro = value * MICRO_PER_UNIT
        if -MICRO_MAX <= micro <= MICRO_MAX:
            return micro
        raise DecodeError("quantity.range", f"{value} is too large")
    assert isinstance(value, JsonNumber)
    return parse_decimal(value.text, MICRO_PLACES)


def rounded_micro(value: int | JsonNumber) -> int:
    """Turn a measured JSON number into micro-units: halves go away from zero, and the bounds cap it.

    For sensor values only, where the event keeps the exact text and rules compare against limits.
    """
    if type(value) is int:
        micro = value * MICRO_PER_UNIT
    else:
        assert isinstance(value, JsonNumber)
        whole, _, fraction = value.text.lstrip("-").partition(".")
        micro = int(whole + fraction[:MICRO_PLACES].ljust(MICRO_PLACES, "0"))
        if fraction[MICRO_PLACES : MICRO_PLACES + 1] >= "5":
            micro += 1
        if value.text.startswith("-"):
            micro = -micro
    return max(-MICRO_MAX, min(MICRO_MAX, micro))
