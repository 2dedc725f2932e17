"""JSON values as Tallystick holds them: exact, without floats."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from tallystick.epcis.bounds import NUMBER_DIGITS_MAX, NUMBER_SCALE_MIN
from tallystick.errors import DecodeError

_CANONICAL_FRACTION: Final = re.compile(r"-?(0|[1-9][0-9]*)\.([0-9]*[1-9])")
# Short enough to have at most 15 digits, and not below 10^-6: nothing more to check.
_USUAL_FRACTION: Final = re.compile(r"-?(?:0\.(?!000000)|[1-9][0-9]*\.)[0-9]*[1-9]")
_USUAL_SIZE_MAX: Final = NUMBER_DIGITS_MAX + 1
_NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


class JsonNumber:
    """A number that is not whole, kept as its one canonical decimal text, for instance ``-18.25``.

    Invariants: no exponent, no trailing zero after the point, at most 15 significant digits, magnitude of at
    least 10^-6. Whole numbers are plain ``int``, also where the source wrote ``2.0``.
    """

    __slots__ = ("text",)

    text: str

    def __init__(self, text: str) -> None:
        if len(text) > _USUAL_SIZE_MAX or _USUAL_FRACTION.fullmatch(text) is None:
            _require_canonical_fraction(text)
        object.__setattr__(self, "text", text)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a JsonNumber never changes")

    def __eq__(self, other: object) -> bool:
        return type(other) is JsonNumber and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type[JsonNumber], tuple[str]]:
        return JsonNumber, (self.text,)

    def __repr__(self) -> str:
        return f"JsonNumber({self.text!r})"


JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | JsonNumber | bool | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"

INTEGER_MAX: Final = 10**NUMBER_DIGITS_MAX - 1


def _require_canonical_fraction(text: str) -> None:
    match = _CANONICAL_FRACTION.fullmatch(text)
    if match is None:
        raise DecodeError("non-canonical", f"the number {text[:40]} is not spelt canonically")
    digits = (match[1] + match[2]).lstrip("0")
    if len(digits) > NUMBER_DIGITS_MAX:
        raise DecodeError("json.number-precision", f"the number {text[:40]} has more than 15 significant digits")
    if match[1] == "0" and len(match[2]) - len(digits) >= NUMBER_SCALE_MIN:
        raise DecodeError("json.number-range", f"the number {text[:40]} is smaller than 0.000001")


def read_number(text: str) -> int | JsonNumber:
    """Turn the text of any JSON number into its exact canonical value.

    Raises:
        DecodeError: ``json.number-minus-zero``, ``json.number-precision`` (more than 15 significant digits),
            ``json.number-range`` (10^15 or more, or a fraction below 10^-6), ``json.syntax``.
    Source: RFC 8785, section 3.2.2.3, restricted to numbers that need no exponent.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise DecodeError("json.syntax", f"{text[:40]} is not a JSON number")
    sign: str = match[1]
    whole: str = match[2]
    fraction: str = match[3] or ""
    exponent_text: str | None = match[4]
    digits = (whole + fraction).lstrip("0")
    if not digits:
        if sign:
            raise DecodeError("json.number-minus-zero", "minus zero is not a number here")
        return 0
    significant = digits.rstrip("0")
    if len(significant) > NUMBER_DIGITS_MAX:
        raise DecodeError("json.number-precision", f"the number {text[:40]} has more than 15 significant digits")
    if exponent_text is not None and len(exponent_text) > 5:
        raise DecodeError("json.number-range", f"the exponent of {text[:40]} is too large")
    # value = 0.d1d2d3… * 10^point, d1 > 0
    point = len(digits) - len(fraction) + (int(exponent_text) if exponent_text is not None else 0)
    if point > NUMBER_DIGITS_MAX:
        raise DecodeError("json.number-range", f"the number {text[:40]} is not below 10^15")
    if point <= -NUMBER_SCALE_MIN:
        raise DecodeError("json.number-range", f"the number {text[:40]} is smaller than 0.000001")
    if len(significant) <= point:
        value: int = int(significant) * 10 ** (point - len(significant))
        return -value if sign else value
    if point > 0:
        return JsonNumber(f"{sign}{significant[:point]}.{significant[point:]}")
    return JsonNumber(f"{sign}0.{'0' * -point}{significant}")
