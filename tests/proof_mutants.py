"""Every field, path step, signer, count, order and height of a proof bundle changed, one at a time, with the codes that
may follow.

Messages inside a bundle are opened, changed in one field and closed again, so that the change passes the reader and
meets the check that is about it. A change that no reader accepts is ``unreadable``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct, structs

from tallystick.api import b64, unb64
from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError
from tallystick.receipts import Receipt
from tallystick.records.base import Space
from tallystick.records.finance import (
    LienMembers,
    LienPublic,
    ObligationMembers,
    ObligationPublic,
    ObligationTag,
    SliceMembers,
    SlicePublic,
)
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate

Bundle = dict[str, Any]
Path = tuple[str | int, ...]
SIZE_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bundle with one change, and the codes of which its refusal has one."""

    name: str
    codes: frozenset[str]
    bundle: Bundle


def mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every mutant of a good bundle of kind ``block``, ``receipt`` or ``receivable``, and of any as of a height."""
    yield from _anchor(bundle)
    if "block" in bundle:
        yield from _height(bundle, ("block",))
    if bundle.get("header") is not None:
        yield from _message(bundle, ("header",), Header, {"block-altered"})
    if "receipt" in bundle:
        yield from _message(bundle, ("receipt",), Receipt, {"receipt-altered"})
        yield from _path(bundle, ("path",), {"receipt-altered"})
        for index in (-1, bundle["index"] + 1, 10**6):
            yield _mutant(f"index={index}", {"receipt-altered", "not-in-tree"}, bundle, ("index",), index)
    if "as_of" in bundle:
        yield from _height(bundle, ("as_of",))
        yield _mutant("as_of left out", {"not-in-state"}, bundle, ("as_of",), None)
    if "obligation" in bundle:
        yield from _receivable(bundle)
    yield _mutant("format=2", {"unreadable"}, bundle, ("format",), 2)
    yield _mutant("kind", {"unreadable"}, bundle, ("kind",), "other")


SHAPES: dict[int, tuple[type[Any], type[Any] | None]] = {
    Space.OBLIGATION: (ObligationPublic, ObligationMembers),
    Space.OBLIGATION_TAG: (ObligationTag, None),
    Space.SLICE: (SlicePublic, SliceMembers),
    Space.LIEN: (LienPublic, LienMembers),
}


def _receivable(bundle: Bundle) -> Iterator[Mutant]:
    """Records with both halves, under a tree that shows them."""
    elsewhere = {"record-altered", "not-shown"}  # depending on whether the tree shows the changed key's place
    gone = {"not-shown", "lien-hidden"}
    for index, record in enumerate(bundle["records"]):
        at: Path = ("records", index)
        public, members = SHAPES[int(record["key"][:2], 16)]
        yield _mutant(f"{at} key", elsewhere, bundle, (*at, "key"), record["key"][:-2] + "ff")
        yield _mutant(f"{at} left out", gone, bundle, ("records",), _without(bundle["records"], index))
        yield from _message(bundle, (*at, "public"), public, {"record-altered"})
        if members is not None:
            yield from _message(bundle, (*at, "members"), members, {"record-altered"})
            salt = unb64(record["salt"])
            yield _mutant(f"{at} salt", {"record-altered"}, bundle, (*at, "salt"), b64(_flip(salt)))
            yield _mutant(f"{at} salt cut", {"unreadable"}, bundle, (*at, "salt"), b64(salt[1:]))
        else:
            yield _mutant(f"{at} salt alone", {"unreadable"}, bundle, (*at, "salt"), b64(bytes(32)))
    yield from _tree(bundle)
    other = ("1" if bundle["obligation"][0] == "0" else "0") + bundle["obligation"][1:]
    yield _mutant("obligation", {"not-shown", "no-obligation"}, bundle, ("obligation",), other)


def _tree(bundle: Bundle) -> Iterator[Mutant]:
    """The partial state tree: a byte of every hash and entry, its end, its beginning."""
    data = unb64(bundle["state"])
    for at in range(0, len(data), 29):
        changed_data = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        yield _mutant(f"state byte {at}", {"not-in-state", "unreadable"}, bundle, ("state",), b64(changed_data))
    for name, cut in (("cut", data[:-1]), ("longer", data + b"\0"), ("empty", b""), ("headless", data[1:])):
        yield _mutant(f"state {name}", {"unreadable", "not-in-state"}, bundle, ("state",), b64(cut))


def _without(items: list[Any], index: int) -> list[Any]:
    return [*items[:index], *items[index + 1 :]]


def _anchor(bundle: Bundle) -> Iterator[Mutant]:
    """A header, its certificate, the set that signed it."""
    special = {
        "chain_id": {"wrong-chain"},
        "epoch": {"unknown-validators"},
        "validators_hash": {"unknown-validators"},
    }
    yield from _message(bundle, ("anchor", "header"), Header, {"not-in-chain"}, special)
    yield from _message(bundle, ("anchor", "validators"), ValidatorSet, {"unknown-validators"})
    yield _mutant("chain_id", {"wrong-chain"}, bundle, ("anchor", "chain_id"), "00" * 32)
    yield _mutant("descendant", {"not-in-chain"}, bundle, ("anchor", "descendants"), [bundle["anchor"]["header"]])
    path: Path = ("anchor", "finalisation")
    old = decode(unb64(bundle["anchor"]["finalisation"]), Certificate, size_max=SIZE_MAX)
    for name, statement in changed(old.statement):
        shown = b64(encode(structs.replace(old, statement=statement)))
        codes = {"unreadable"} if len(statement.block_hash) != 32 else {"not-in-chain"}
        yield _mutant(f"statement.{name}", codes, bundle, path, shown)
    for bit in range(31):
        shown = b64(encode(structs.replace(old, signers=old.signers ^ 1 << bit)))
        yield _mutant(f"bitmap {bit}", {"quorum-short", "unknown-validators"}, bundle, path, shown)
    moved = structs.replace(old, signers=old.signers << 1)
    yield _mutant("bitmap moved", {"bad-vote-signature"}, bundle, path, b64(encode(moved)))
    yield from _signatures(bundle, path, old)


def _signatures(bundle: Bundle, path: Path, old: Certificate) -> Iterator[Mutant]:
    for index in range(len(old.signatures)):
        for name, signatures in (
            ("flipped", (*old.signatures[:index], _flip(old.signatures[index]), *old.signatures[index + 1 :])),
            ("again", (*old.signatures[:index], old.signatures[index - 1], *old.signatures[index + 1 :])),
        ):
            shown = b64(encode(structs.replace(old, signatures=signatures)))
            yield _mutant(f"signature {index} {name}", {"bad-vote-signature"}, bundle, path, shown)
        fewer = (*old.signatures[:index], *old.signatures[index + 1 :])
        shown = b64(encode(structs.replace(old, signatures=fewer)))
        yield _mutant(f"signature {index} left out", {"quorum-short"}, bundle, path, shown)
    short = structs.replace(old, signers=old.signers & (old.signers - 1), signatures=old.signatures[1:])
    yield _mutant("a signer less", {"quorum-short"}, bundle, path, b64(encode(short)))


def _height(bundle: Bundle, at: Path) -> Iterator[Mutant]:
    """A height under the history root."""
    special = {"height": {"not-in-history", "not-in-tree"}}
    yield from _message(bundle, (*at, "leaf"), HistoryLeaf, {"not-in-history"}, special)
    yield from _path(bundle, (*at, "path"), {"not-in-history"})


def _path(bundle: Bundle, at: Path, codes: set[str]) -> Iterator[Mutant]:
    """An audit path: every step changed, left out, doubled, exchanged with the next."""
    steps: list[str] = _at(bundle, at)
    for index, step in enumerate(steps):
        other = ("1" if step[0] == "0" else "0") + step[1:]
        rest = steps[:index], steps[index + 1 :]
        yield _mutant(f"{at} step {index}", codes, bundle, at, [*rest[0], other, *rest[1]])
        yield _mutant(f"{at} without step {index}", {"not-in-tree"}, bundle, at, [*rest[0], *rest[1]])
        yield _mutant(f"{at} step {index} twice", {"not-in-tree"}, bundle, at, [*rest[0], step, step, *rest[1]])
        if rest[1]:
            swapped = [*rest[0], rest[1][0], step, *rest[1][1:]]
            yield _mutant(f"{at} steps {index} and {index + 1}", codes, bundle, at, swapped)


def _message(
    bundle: Bundle, at: Path, type_: type[Any], codes: set[str], special: dict[str, set[str]] | None = None
) -> Iterator[Mutant]:
    """A message in base64url: every field changed, its end cut off, a byte added."""
    data = unb64(_at(bundle, at))
    for name, message in changed(decode(data, type_, size_max=SIZE_MAX)):
        encoded = encode(message)
        expected = (special or {}).get(name.partition(".")[0], codes)
        try:
            decode(encoded, type_, size_max=SIZE_MAX)
        except DecodeError:
            expected = {"unreadable"} | codes
        yield _mutant(f"{at[-1]}.{name}", expected, bundle, at, b64(encoded))
    # What is found by its hash before it is read is altered rather than unreadable.
    for name, cut in (("cut", data[:-1]), ("longer", data + b"\0"), ("empty", b"")):
        yield _mutant(f"{at[-1]} {name}", {"unreadable"} | codes, bundle, at, b64(cut))
    yield _mutant(f"{at[-1]} padded", {"unreadable"}, bundle, at, _at(bundle, at) + "=")


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
        yield from (("", new) for new in (_flip(old), old[:-1], old + b"\0") if new != old)
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


def _flip(data: bytes) -> bytes:
    return bytes((data[0] ^ 1,)) + data[1:] if data else b"\1"


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _mutant(name: str, codes: set[str], bundle: Bundle, at: Path, value: Any) -> Mutant:
    copy: Bundle = json.loads(json.dumps(bundle))
    _at(copy, at[:-1])[at[-1]] = value
    return Mutant(name, frozenset(codes), copy)
