"""Money as integers of minor units: interest, discount, division without a lost unit.

Nothing here rounds twice: one exact fraction, then one rounding, half to even. Rates are basis points a year.
Specification: docs/spec/finance.md, which carries the golden numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from tallystick.epcis.quantity import parse_minor
from tallystick.errors import DecodeError
from tallystick.limits import AMOUNT_MAX

DAY_MS = 86_400_000
BPS = 10_000

# ISO 4217 exponents of the currencies that a bank of this ledger may issue.
EXPONENTS = {
    "AUD": 2,
    "BHD": 3,
    "BRL": 2,
    "CAD": 2,
    "CHF": 2,
    "CNY": 2,
    "DKK": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "IDR": 2,
    "INR": 2,
    "JPY": 0,
    "KRW": 0,
    "KWD": 3,
    "MXN": 2,
    "MYR": 2,
    "NOK": 2,
    "NZD": 2,
    "PLN": 2,
    "SEK": 2,
    "SGD": 2,
    "THB": 2,
    "TRY": 2,
    "TWD": 2,
    "USD": 2,
    "VND": 0,
    "ZAR": 2,
}


class DayCount(IntEnum):
    """How days become parts of a year. Numbers are on the ledger and never reused."""

    ACT_360 = 1
    ACT_365F = 2


BASIS = {DayCount.ACT_360: 360, DayCount.ACT_365F: 365}


def divide_half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` (0 ≤ numerator, 0 < denominator) rounded to the nearest integer, halves to even."""
    assert numerator >= 0 and denominator > 0
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def started_days(from_ms: int, until_ms: int) -> int:
    """Days of 24 hours begun between two times, 0 when none: the same in every time zone."""
    return max(0, -((from_ms - until_ms) // DAY_MS))


def simple_interest(principal: int, *, rate_bps: int, days: int, day_count: DayCount) -> int:
    """Interest in minor units on ``principal`` minor units; also the straight discount of a face value."""
    return divide_half_even(principal * rate_bps * days, BPS * BASIS[day_count])


def present_value(face: int, *, rate_bps: int, days: int, day_count: DayCount) -> int:
    """Discount to yield: what, put out at the rate, grows to ``face`` minor units in ``days``."""
    whole = BPS * BASIS[day_count]
    return divide_half_even(face * whole, whole + rate_bps * days)


def split_largest_remainder(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide ``total`` in proportion to ``weights`` so that nothing is lost; ties go to the earlier part.

    Args:
        total: minor units, not negative.
        weights: not negative, with a positive sum.
    """
    whole = sum(weights)
    assert total >= 0 and whole > 0 and min(weights) >= 0
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    left = total - sum(shares)
    for index in sorted(range(len(weights)), key=lambda position: (-remainders[position], position))[:left]:
        shares[index] += 1
    return tuple(shares)


def exponent_of(currency: str) -> int:
    """Digits after the point of a currency.

    Raises:
        DecodeError: ``money.currency`` for a code that this software does not know.
    """
    if currency not in EXPONENTS:
        raise DecodeError("money.currency", f"unknown currency {currency[:8]!r}; known are {', '.join(EXPONENTS)}")
    return EXPONENTS[currency]


def parse_amount(text: str, currency: str) -> int:
    """Read a positive amount such as ``15000.00`` as minor units.

    Raises:
        DecodeError: ``money.currency``, ``money.range``, or as ``tallystick.epcis.quantity.parse_decimal``.
    """
    value = parse_minor(text, places=exponent_of(currency))
    if not 0 < value <= AMOUNT_MAX:
        raise DecodeError("money.range", f"{text[:40]} is not between one minor unit and {AMOUNT_MAX} of them")
    return value


def format_amount(value: int, currency: str) -> str:
    """Write minor units with all digits after the point, for instance ``15000.00``."""
    places = exponent_of(currency)
    whole, rest = divmod(abs(value), 10**places)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{str(rest).zfill(places)}" if places else f"{sign}{whole}"
