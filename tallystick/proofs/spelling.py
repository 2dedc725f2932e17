"""The spellings of bytes in a bundle's JSON, checked at once for a whole bundle.

A bundle holds some two hundred such texts. A pattern for each, as ``msgspec`` would match it, costs more than reading
the JSON; here the texts of one spelling are joined, and what is left of them without their letters must be nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeAlias, get_type_hints

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
    _gather(shape, texts)
    for spelling, letters in _LETTERS.items():
        if "".join(texts[spelling]).encode().translate(None, letters):
            raise ValueError(f"a text that is not spelled as {spelling}")
    if any(len(text) % 2 for text in texts[_HEX]):
        raise ValueError("half a byte in hex")


def _gather(shape: msgspec.Struct, texts: dict[str, list[str]]) -> None:
    for name, spelling in _spelled_fields(shape.__class__):
        value: Any = getattr(shape, name)
        if value.__class__ is str:
            texts[spelling].append(value)
        elif spelling and value:
            texts[spelling] += value
        elif value:
            for inner in value if value.__class__ is list else (value,):
                _gather(inner, texts)


@cache
def _spelled_fields(type_: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """Fields that hold texts of a spelling, or shapes (their spelling is empty); each alone, in a list or optional."""
    hints = get_type_hints(type_, include_extras=True)
    fields: list[tuple[str, str]] = []
    for name in type_.__struct_fields__:
        spellings = set(_spellings_in(hints[name]))
        assert len(spellings) <= 1, "a field holds one kind of text"
        fields += [(name, spelling) for spelling in spellings]
    return tuple(fields)


def _spellings_in(hint: Any) -> list[str]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [""]
    for meta in getattr(hint, "__metadata__", ()):
        if meta.extra and "spelling" in meta.extra:
            return [meta.extra["spelling"]]
    return [spelling for inner in getattr(hint, "__args__", ()) for spelling in _spellings_in(inner)]
