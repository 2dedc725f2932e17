"""Showing any bytes of the ledger to a person, read by the independent ``msgpack`` package.

Nothing here uses the ledger's own decoder to read: the arrays come from ``msgpack``, names of fields are then laid
beside them where the shape fits a known message. What cannot be named is shown as it is.
"""

from __future__ import annotations

import types
from enum import IntEnum
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgpack
import msgspec

from tallystick.api import BlockAnswer, CertifiedHeader
from tallystick.blocks import Block, Header
from tallystick.encoding import Message
from tallystick.errors import DecodeError
from tallystick.genesis import Card, Genesis
from tallystick.limits import SALT_SIZE
from tallystick.payloads import ALL_PAYLOADS
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.transactions import Head, WireTransaction
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, Vote

Shown: TypeAlias = "dict[str, Shown] | list[Shown] | str | int | bool | None"

SIZE_MAX = 16 * 1_048_576  # bytes of what is decoded
KINDS: dict[str, type[Message]] = {
    "transaction": WireTransaction,
    "head": Head,
    "block": Block,
    "block-answer": BlockAnswer,
    "header": Header,
    "certified-header": CertifiedHeader,
    "certificate": Certificate,
    "vote": Vote,
    "validators": ValidatorSet,
    "receipt": Receipt,
    "record": Record,
    "genesis": Genesis,
    "card": Card,
}
# Byte strings inside messages that are messages again, by (message, field).
_INNER: dict[tuple[type[Message], str], type[Message]] = {
    (WireTransaction, "head"): Head,
    (BlockAnswer, "header"): Header,
    (CertifiedHeader, "header"): Header,
    (Block, "transactions"): WireTransaction,
    (BlockAnswer, "transactions"): WireTransaction,
    (BlockAnswer, "receipts"): Receipt,
    (CertifiedHeader, "descendants"): Header,
}
_TEXT = frozenset({"public", "members"})  # slots of an event: canonical JSON
_PAYLOADS = {payload.__struct_config__.tag: payload for payload in ALL_PAYLOADS}


def decode_for_people(data: bytes, kind: str | None = None) -> tuple[str, Shown]:
    """What the bytes are, and their value with names.

    Args:
        kind: one of ``KINDS``, ``payload``, or None to try them all.
    Returns:
        The kind (``msgpack`` when none fits) and a value for JSON: bytes as hex, events' parts as text.
    Raises:
        DecodeError: ``malformed`` when the bytes are no single MessagePack value; ``kind`` when they are not this kind.
    """
    if kind == "payload" or (kind is None and _payload(data) is not None):
        shown = _payload(data)
        if shown is None:
            raise DecodeError("kind", "not a payload: 32 bytes of salt and one tagged array")
        return "payload", shown
    value = _unpack(data)
    for name, type_ in KINDS.items():
        if kind in (None, name) and _fits(value, type_):
            return name, _message(value, type_)
    if kind is not None:
        raise DecodeError("kind", f"these bytes do not have the shape of a {kind}")
    return "msgpack", _plain(value)


def _unpack(data: bytes) -> Any:
    if len(data) > SIZE_MAX:
        raise DecodeError("too-long", f"{len(data)} bytes, at most {SIZE_MAX} are shown")
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True, use_list=True)
    except Exception as error:  # msgpack raises a dozen types; hostile input may reach any
        raise DecodeError("malformed", f"not one MessagePack value: {error}") from error


def _payload(data: bytes) -> Shown | None:
    if len(data) <= SALT_SIZE:
        return None
    try:
        value = _unpack(data[SALT_SIZE:])
    except DecodeError:
        return None
    if not isinstance(value, list) or not value or type(value[0]) is not int or value[0] not in _PAYLOADS:
        return None
    type_ = _PAYLOADS[value[0]]
    if not _fits(value, type_):
        return None
    return {"salt": data[:SALT_SIZE].hex(), "payload": type_.__name__, "value": _message(value, type_)}


def _body(value: list[Any], type_: type[Message]) -> list[Any]:
    """The fields of an array; a tagged message begins with its tag."""
    return value[1:] if type_.__struct_config__.tag is not None else value


def _fits(value: Any, type_: type[Message]) -> bool:
    """Whether an array has the shape of a message: its tag, number and kinds of fields, all the way down."""
    tag = type_.__struct_config__.tag
    if not isinstance(value, list) or (tag is not None and (not value or value[0] != tag)):
        return False
    fields = _body(value, type_)
    hints = get_type_hints(type_, include_extras=True)
    return len(fields) == len(type_.__struct_fields__) and all(
        _field_fits(field, hints[name]) for name, field in zip(type_.__struct_fields__, fields, strict=True)
    )


def _field_fits(value: Any, hint: Any) -> bool:
    bare, choices = _bare(hint), _choices(hint)
    if choices:
        return any(_field_fits(value, choice) for choice in choices)
    if get_origin(bare) is tuple:
        inner = get_args(bare)[0]
        return isinstance(value, list) and all(_field_fits(item, inner) for item in value)
    if bare is type(None):
        return value is None
    if isinstance(bare, type) and issubclass(bare, Message):
        return _fits(value, bare)
    if isinstance(bare, type) and issubclass(bare, IntEnum):
        return type(value) is int and value in bare._value2member_map_
    return type(value) is bare


def _message(value: list[Any], type_: type[Message]) -> Shown:
    hints = get_type_hints(type_, include_extras=True)
    shown: dict[str, Shown] = {}
    for name, field in zip(type_.__struct_fields__, _body(value, type_), strict=True):
        shown[name] = _field(field, hints[name], type_, name)
    return shown


def _field(value: Any, hint: Any, owner: type[Message], name: str) -> Shown:
    bare, choices = _bare(hint), _choices(hint)
    if choices:
        return _field(value, next(choice for choice in choices if _field_fits(value, choice)), owner, name)
    if get_origin(bare) is tuple:
        return [_field(item, get_args(bare)[0], owner, name) for item in value]
    if isinstance(bare, type) and issubclass(bare, Message):
        return _message(value, bare)
    if isinstance(bare, type) and issubclass(bare, IntEnum):
        return bare(value).name
    if isinstance(value, bytes):
        return _bytes(value, owner, name)
    return _plain(value)


def _bytes(value: bytes, owner: type[Message], name: str) -> Shown:
    inner = _INNER.get((owner, name))
    if inner is not None:
        nested = _unpack(value)
        if _fits(nested, inner):
            return _message(nested, inner)
    if owner is WireTransaction and name == "payload" and value:
        return _payload(value) or value.hex()
    if owner.__name__ == "Event" and name in _TEXT and value:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return value.hex()


def _plain(value: Any) -> Shown:
    """A value without names: bytes as hex, floats and maps (which no message has) as words."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return f"<{type(value).__name__}: no ledger value> {value!r}"


def _bare(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _choices(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or nothing."""
    bare = _bare(hint)
    return get_args(bare) if get_origin(bare) in (Union, types.UnionType) else ()


def to_json(value: Shown) -> bytes:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
