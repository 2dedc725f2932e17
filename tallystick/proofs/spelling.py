"""The spellings of bytes in a bundle's JSON, checked at once for a whole bundle.

A bundle holds some two hundred such texts. A pattern for each, as ``msgspec`` would match it, costs more than reading
the JSON; here the texts of one spelling are joined, and what is left of them without their letters must be nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, TypeAlias, get_origin, get_type_hints

import msgspec

_HEX_LETTERS = b"0123456789abcdef"
_B64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_HEX, _HEX32, _B64 = "hex", "hex32", "b64"
_LETTERS = {_HEX: _HEX_LETTERS, _HEX32: _HEX_LETTERS, _B64: _B64_LETTERS}

# Lower-case hex of whole bytes, that of 32 bytes, base64url. Who decodes a shape with them calls ``check_spelling``.
Hex: TypeAlias = Annotated[str, msgspec.Meta(extra={"spelling": _HEX})]
Hex32: TypeAlias = Annotated[str, msgspec.Meta(min_length=64, max_length=64, extra={"spelling": _HEX32})]
B64: TypeAlias = Annotated[str, msgspec.Meta(extra={"spelling": _B64})]


def check_spelling(shape: msgspec.Struct) -> None:
    """Check every text inside a decoded shape whose type says how it is spelled.

    Raises:
        ValueError: naming a spelling that is broken.
    """
    texts: dict[str, list[str]] = {_HEX: [], _HEX32: [], _B64: []}
    _gather([shape], texts)
    for spelling, letters in _LETTERS.items():
        if "".join(texts[spelling]).encode().translate(None, letters):
            raise ValueError(f"a text that is not spelled as {spelling}")
    if any(len(text) % 2 for text in texts[_HEX]):
        raise ValueError("half a byte in hex")


class _Field(NamedTuple):
    """A field that holds texts of a spelling, or shapes: their spelling is empty. In a list, alone, or none."""

    get: Callable[[msgspec.Struct], Any]
    spelling: str
    is_list: bool


def _gather(shapes: list[msgspec.Struct], texts: dict[str, list[str]]) -> None:
    """Collect the texts of shapes of one type, field by field: many times faster than shape by shape."""
    for get, spelling, is_list in _fields_of(shapes[0].__class__):
        values = map(get, shapes)
        found = list(chain.from_iterable(values) if is_list else filter(None, values))
        if spelling:
            texts[spelling] += found
        elif found:
            _gather(found, texts)


@cache
def _fields_of(type_: type[msgspec.Struct]) -> tuple[_Field, ...]:
    hints = get_type_hints(type_, include_extras=True)
    fields: list[_Field] = []
    for name in type_.__struct_fields__:
        spellings = set(_spellings_in(hints[name]))
        assert len(spellings) <= 1, "a field holds one kind of text"
        fields += [_Field(attrgetter(name), spelling, get_origin(hints[name]) is list) for spelling in spellings]
    return tuple(fields)


def _spellings_in(hint: Any) -> list[str]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [""]
    for meta in getattr(hint, "__metadata__", ()):
        if meta.extra and "spelling" in meta.extra:
            return [meta.extra["spelling"]]
    return [spelling for inner in getattr(hint, "__args__", ()) for spelling in _spellings_in(inner)]
