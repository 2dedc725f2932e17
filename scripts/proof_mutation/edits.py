"""One to three edits of a bundle that know its structure: members, lists, numbers, texts, and the messages inside.

The same random numbers give the same mutant. Nothing here knows what a bundle means; it keeps most of its shape, so
that edits reach beyond the reader, and takes parts from other good bundles.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

from tests.proof_bytes import b64, unb64

Bundle = dict[str, Any]
Path = tuple[str | int, ...]

NUMBERS = (-1, 0, 1, 2, 31, 255, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**64 - 1, 2**64)
STRANGE = (b"null", b"true", b"0", b"1.5", b'""', b'"\\u0000"', b"[]", b"{}", b'"' + b"A" * 43 + b'="', b'"AA=="')
GROWTH = (2, 16, 64)  # how often something is repeated, to make it long
_LONG = 2_000_000  # no text is made longer than this: a bundle has at most 4 MiB


def mutate(text: bytes, rng: random.Random, donors: tuple[Bundle, ...] = ()) -> bytes:
    """JSON of a bundle after one to three edits.

    Args:
        donors: other good bundles, of which parts may be taken; they stay as they are.
    """
    bundle: Bundle = msgspec.json.decode(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _edit(bundle, rng, donors)
    return msgspec.json.encode(bundle)


def _strange(rng: random.Random) -> Any:
    """A value that is nowhere expected; each time a new one, since it may be edited later."""
    return msgspec.json.decode(rng.choice(STRANGE))


def _edit(bundle: Bundle, rng: random.Random, donors: tuple[Bundle, ...]) -> None:
    holder, key = _somewhere(bundle, rng)
    value, chance = holder[key], rng.random()
    if chance < 0.01:
        holder[key] = _strange(rng)
    elif chance < 0.2 and donors:
        _transplant(holder, key, rng.choice(donors), rng)
    elif isinstance(value, dict):
        _edit_members(value, rng)
    elif isinstance(value, list):
        _edit_list(value, rng)
    elif isinstance(value, bool) or value is None:
        holder[key] = _strange(rng)
    elif isinstance(value, int):
        holder[key] = _other_number(value, rng)
    elif isinstance(value, str):
        holder[key] = _other_text(bundle, value, rng)


def _somewhere(bundle: Bundle, rng: random.Random) -> tuple[Any, Any]:
    """A random member or element: going down from the top, so that small parts are met as often as large ones."""
    holder: Any = bundle
    key: Any = rng.choice(list(bundle))
    while True:
        value = holder[key]
        if not isinstance(value, dict | list) or not value or rng.random() < 0.07:
            return holder, key
        holder, key = value, rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))


def _transplant(holder: Any, key: Any, donor: Bundle, rng: random.Random) -> None:
    """A part of another bundle in the place of one like it."""
    if isinstance(holder, dict):
        found = _members_named(donor, key)
    else:
        found = [one for one in _lists_of(donor) if one and type(one[0]) is type(holder[key])]
        found = [rng.choice(rng.choice(found))] if found else []
    if found:
        holder[key] = msgspec.json.decode(msgspec.json.encode(rng.choice(found)))


def _members_named(value: Any, name: str) -> list[Any]:
    """The values of all members of a name, at any depth."""
    if isinstance(value, dict):
        below = [found for item in value.values() for found in _members_named(item, name)]
        return [*([value[name]] if name in value else []), *below]
    return [found for item in value for found in _members_named(item, name)] if isinstance(value, list) else []


def _lists_of(value: Any) -> list[list[Any]]:
    """All lists, at any depth."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in _lists_of(item)]
    return [value, *(found for item in value for found in _lists_of(item))] if isinstance(value, list) else []


def _edit_members(value: dict[str, Any], rng: random.Random) -> None:
    names = list(value)
    what = rng.randrange(10) if names else 0
    if what == 0:
        value[rng.choice(["extra", "", "as_of", "kind", "state", "salt", "closing"])] = _strange(rng)
    elif what == 1:
        value[rng.choice(names)] = _strange(rng)
    elif what < 4:
        del value[rng.choice(names)]
    else:
        one = rng.choice(names)
        other = rng.choice([name for name in names if type(value[name]) is type(value[one])])
        value[one], value[other] = value[other], value[one]


def _edit_list(value: list[Any], rng: random.Random) -> None:
    """Lengths and order."""
    if not value:
        value.append(_strange(rng))
        return
    at = rng.randrange(len(value))
    match rng.randrange(6):
        case 0:
            del value[at]
        case 1:
            value.insert(at, value[at])
        case 2:
            other = rng.randrange(len(value))
            value[at], value[other] = value[other], value[at]
        case 3:
            del value[at:]
        case 4:
            value.reverse()
        case _:
            value.extend(value[at : at + 1] * rng.choice(GROWTH))


def _other_number(value: int, rng: random.Random) -> int:
    if rng.random() < 0.7:
        return rng.choice((value + 1, max(0, value - 1), value ^ 1 << rng.randrange(8), 0, value * 2))
    return rng.choice(NUMBERS)


def _other_text(bundle: Bundle, value: str, rng: random.Random) -> str:
    """Another text: what it stands for changed, a text from elsewhere in the bundle, or characters changed."""
    chance = rng.random()
    if chance < 0.1:
        holder, key = _somewhere(bundle, rng)
        return holder[key] if isinstance(holder[key], str) else value[:-1]
    if chance < 0.12 or not value:
        at = rng.randrange(len(value) + 1)
        return value[:at] + rng.choice("AZaz09-_=+/ é\u0000") + value[at + rng.randrange(2) :]
    try:
        data = unb64(value)
    except ValueError:
        return value[: rng.randrange(len(value))] + value[-1] * rng.choice(GROWTH)
    if len(data) == 32 and rng.random() < 0.8:
        return b64(_flipped(data, rng))
    changed = _other_message(data, rng) if rng.random() < 0.9 else None
    return b64(_other_bytes(data, rng) if changed is None else changed)


def _other_message(data: bytes, rng: random.Random) -> bytes | None:
    """A message with one field changed, written in its canonical form again; None for bytes that are none."""
    try:
        message = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(message, list) or not message:
        return None
    holder, at = message, rng.randrange(len(message))
    while isinstance(holder[at], list) and holder[at] and rng.random() < 0.8:
        holder = holder[at]
        at = rng.randrange(len(holder))
    value = holder[at]
    if isinstance(value, list):
        _edit_list(value, rng)
    elif isinstance(value, bytes):
        holder[at] = _flipped(value, rng) if rng.random() < 0.8 else _other_bytes(value, rng)
    elif isinstance(value, bool) or value is None:
        holder[at] = not value
    elif isinstance(value, int):
        holder[at] = min(max(_other_number(value, rng), -(2**63)), 2**64 - 1)
    elif isinstance(value, str):
        holder[at] = rng.choice((value + "x", value[:-1], value[::-1], "", value * 40))
    try:
        return msgspec.msgpack.encode(message)
    except (msgspec.EncodeError, TypeError, OverflowError):
        return None


def _flipped(data: bytes, rng: random.Random) -> bytes:
    """Other bytes of the same length."""
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def _other_bytes(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return bytes(rng.choice((1, 32, 33)))
    at = rng.randrange(len(data))
    match rng.randrange(6):
        case 0 | 1:
            return _flipped(data, rng)
        case 2:
            return data[:at]
        case 3:
            return data[:at] + rng.randbytes(rng.randint(1, 64)) + data[at + rng.randrange(2) :]
        case 4:
            other = rng.randrange(len(data))
            low, high = sorted((at, other))
            return data[:low] + data[high:]
        case _:
            return (data[:at] + data[at : at + 64] * rng.choice(GROWTH) + data[at:])[:_LONG]
