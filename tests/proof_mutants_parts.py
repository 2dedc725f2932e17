"""What all corpora of changed bundles are made with: one change at a path, inside messages too.

Messages inside a bundle are opened, changed in one field and closed again, so that the change passes the reader and
meets the check that is about it. A change that no reader accepts is ``unreadable``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError
from tests.proof_bytes import b64, unb64

Bundle = dict[str, Any]
Path = tuple[str | int, ...]
SIZE_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bundle with one change, and the codes of which its refusal has one.

    Attributes:
        good: the bundle before.
        at, value: where something else was put, and what.
    """

    name: str
    codes: frozenset[str]
    good: Bundle
    at: Path
    value: Any

    @property
    def bundle(self) -> Bundle:
        """The bundle after the change."""
        copy: Bundle = json.loads(json.dumps(self.good))
        _at(copy, self.at[:-1])[self.at[-1]] = self.value
        return copy


def path_steps(bundle: Bundle, at: Path, codes: set[str]) -> Iterator[Mutant]:
    """An audit path: every step changed, left out, doubled, exchanged with the next."""
    steps: list[str] = _at(bundle, at)
    for index, step in enumerate(steps):
        other = b64(flip(unb64(step)))
        rest = steps[:index], steps[index + 1 :]
        yield mutant(f"{at} step {index}", codes, bundle, at, [*rest[0], other, *rest[1]])
        yield mutant(f"{at} without step {index}", {"not-in-tree"}, bundle, at, [*rest[0], *rest[1]])
        yield mutant(f"{at} step {index} twice", {"not-in-tree"}, bundle, at, [*rest[0], step, step, *rest[1]])
        if rest[1]:
            swapped = [*rest[0], rest[1][0], step, *rest[1][1:]]
            yield mutant(f"{at} steps {index} and {index + 1}", codes, bundle, at, swapped)


def changed_message(
    bundle: Bundle, at: Path, type_: type[Any], codes: set[str], special: dict[str, set[str]] | None = None
) -> Iterator[Mutant]:
    """A message: every field changed, its end cut off, a byte added."""
    data = unb64(_at(bundle, at))
    for name, message in changed(decode(data, type_, size_max=SIZE_MAX)):
        encoded = encode(message)
        expected = (special or {}).get(re.split(r"[.\[]", name)[0], codes)
        try:
            decode(encoded, type_, size_max=SIZE_MAX)
        except DecodeError:
            expected = {"unreadable"} | codes
        yield mutant(f"{at[-1]}.{name}", expected, bundle, at, b64(encoded))
    # What is found by its hash before it is read is altered rather than unreadable.
    for name, cut in (("cut", data[:-1]), ("longer", data + b"\0"), ("empty", b"")):
        yield mutant(f"{at[-1]} {name}", {"unreadable"} | codes, bundle, at, b64(cut))
    yield mutant(f"{at[-1]} padded", {"unreadable"}, bundle, at, _at(bundle, at) + "=")


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """The message with one field changed, for each field and each field of the messages in it."""
    for field in structs.fields(value):
        old = getattr(value, field.name)
        for name, new in _others(old):
            yield f"{field.name}{name}", structs.replace(value, **{field.name: new})


def _others(old: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(old, Struct):
        for name, new in changed(old):
            yield f".{name}", new
    elif isinstance(old, bool):
        yield "", not old
    elif isinstance(old, Enum):
        yield from (("", other) for other in list(type(old))[:3] if other is not old)
    elif isinstance(old, int):
        yield from (("", new) for new in (old + 1, old - 1, 0, 2**40) if new != old and new >= 0)
    elif isinstance(old, bytes):
        yield from (("", new) for new in (flip(old), old[:-1], old + b"\0") if new != old)
    elif isinstance(old, str):
        yield "", old + "x"
    elif isinstance(old, tuple) and old:
        yield "[left out]", old[1:]
        yield "[twice]", (old[0], *old)
        if len(old) > 1 and old[0] != old[1]:
            yield "[order]", (old[1], old[0], *old[2:])
        for index, item in enumerate(old[:4]):
            for name, new in _others(item):
                yield f"[{index}]{name}", (*old[:index], new, *old[index + 1 :])


def last_changed(text: str) -> str:
    """The text of a byte string with another last byte."""
    data = unb64(text)
    return b64(data[:-1] + bytes((data[-1] ^ 0xFF,)))


def flip(data: bytes) -> bytes:
    return bytes((data[0] ^ 1,)) + data[1:] if data else b"\1"


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def mutant(name: str, codes: set[str], bundle: Bundle, at: Path, value: Any) -> Mutant:
    """The bundle with a value in another's place."""
    return Mutant(name, frozenset(codes), bundle, at, value)


def without(items: list[Any], index: int) -> list[Any]:
    return [*items[:index], *items[index + 1 :]]
