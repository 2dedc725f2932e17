"""GS1 check digits and check characters (GS1 General Specifications, section 7.9)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_WEIGHTED: Final = bytes.maketrans(b"0123456789", bytes((3 * digit) % 10 for digit in range(10)))
_PLAIN: Final = bytes.maketrans(b"0123456789", bytes(range(10)))

# Character set 82, in the order of its values, and the weights (primes) of the check character pair.
_SET_82: Final = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_SET_32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def check_digit(digits: str) -> str:
    """Compute the digit that follows ``digits`` (ASCII digits, any length): weights 3, 1, 3 … from the right."""
    data = digits.encode("ascii")
    total = sum(data[-1::-2].translate(_WEIGHTED)) + sum(data[-2::-2].translate(_PLAIN))
    return str(-total % 10)


@lru_cache(4_096)
def has_check_digit(digits: str) -> bool:
    """Say whether the last of ``digits`` (two or more ASCII digits) is the check digit of those before it.

    With a memory: the same few products and places stand in most events.
    """
    data = digits.encode("ascii")
    return (sum(data[-2::-2].translate(_WEIGHTED)) + sum(data[-1::-2].translate(_PLAIN))) % 10 == 0


def check_pair(text: str) -> str:
    """Compute the two check characters of a Global Model Number from the characters before them (at most 23)."""
    assert 0 < len(text) <= len(_PRIMES)
    weights = _PRIMES[: len(text)][::-1]
    total = sum(_SET_82.index(character) * weight for character, weight in zip(text, weights, strict=True)) % 1021
    return _SET_32[total >> 5] + _SET_32[total & 31]
