"""One value, one byte string: MessagePack arrays typed by ``msgspec``.

Every stored, signed, hashed or sent value is a ``Message``: a frozen struct whose fields are written as one array in
the order of declaration. A decoder accepts bytes only if encoding the value gives the same bytes again, so second
spellings of integers, strings or arrays, floats and trailing bytes are all refused.

Specification: docs/spec/encoding.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from tallystick.errors import DecodeError
from tallystick.limits import AMOUNT_MAX, QUANTITY_MAX, TEXT_MAX, TIME_MAX_MS, VIEW_MAX

T = TypeVar("T")

Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Bytes64 = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Bytes16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Hash = Bytes32
PublicKey = Bytes32
Signature = Bytes64
Natural = Annotated[int, msgspec.Meta(ge=0, le=VIEW_MAX)]
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=TIME_MAX_MS)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]
PositiveAmount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=QUANTITY_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]

ZERO32 = b"\x00" * 32


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """Base of every encoded value: frozen, written as an array, compared by value."""


# The one byte string of a ``Message`` (or of a tuple, int, bytes, str, bool or None). It is the encoder's own method:
# ten calls per transaction need no function around it.
encode: Callable[[object], bytes] = msgspec.msgpack.Encoder().encode


@cache
def _decoder(type_: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(type_, strict=True)


def decode(data: bytes, type_: type[T], *, size_max: int) -> T:
    """Read ``data`` as one canonical value of ``type_``.

    Args:
        data: bytes from anywhere.
        type_: a ``Message`` class, or a union of tagged ones.
        size_max: bytes; longer input is refused before it is read.
    Raises:
        DecodeError: ``too-long``, ``malformed`` (with the path that msgspec names) or ``non-canonical``.
    """
    if len(data) > size_max:
        raise DecodeError("too-long", f"{len(data)} bytes, at most {size_max} allowed")
    try:
        value = _decoder(type_).decode(data)  # type: ignore[arg-type]
        canonical = encode(value) == data
    except Exception as error:  # msgspec raises several types; hostile input may reach any of them
        raise DecodeError("malformed", f"not a {getattr(type_, '__name__', 'message')}: {error}") from error
    if not canonical:
        raise DecodeError("non-canonical", "not the one canonical spelling of its value")
    result: T = value
    return result
