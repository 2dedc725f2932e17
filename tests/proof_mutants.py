"""Every field, path step, signer, count, order and height of a proof bundle changed, one at a time, with the codes that
may follow: of all kinds, asked about what they are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode, encode
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
from tests.proof_bytes import ZEROS, b64, unb64
from tests.proof_entries import written_out
from tests.proof_mutants_goods import epoch_mutants, goods_mutants
from tests.proof_mutants_parts import (
    SIZE_MAX,
    Bundle,
    Mutant,
    Path,
    changed,
    changed_message,
    flip,
    last_changed,
    mutant,
    path_steps,
    without,
)
from tests.proof_trees import as_neighbour


def mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every mutant of a good bundle of any kind: of its pieces, and of all that it shows once it is written out."""
    yield from _pieces(bundle)
    bundle = written_out(bundle)
    yield from _anchor(bundle)
    yield from epoch_mutants(bundle)
    if bundle["kind"] in ("item", "event", "record", "evidence"):
        yield from goods_mutants(bundle)
        yield from _tree(bundle)
    if "block" in bundle:
        yield from _height(bundle, ("block",))
    if bundle.get("header") is not None:
        yield from changed_message(bundle, ("header",), Header, {"block-altered"})
    if "receipt" in bundle:
        yield from changed_message(bundle, ("receipt",), Receipt, {"receipt-altered"})
        yield from path_steps(bundle, ("path",), {"receipt-altered"})
        for index in (-1, bundle["index"] + 1, 10**6):
            yield mutant(f"index={index}", {"receipt-altered", "not-in-tree"}, bundle, ("index",), index)
    if bundle.get("as_of") is not None:
        yield from _height(bundle, ("as_of",))
        yield mutant("as_of left out", {"wrong-height"}, bundle, ("as_of",), None)
    if "obligation" in bundle:
        yield from _receivable(bundle)
    yield mutant("format=2", {"unreadable"}, bundle, ("format",), 2)
    yield mutant("kind", {"unreadable"}, bundle, ("kind",), "other")


# What may be said where something else is named: it depends on what that something is.
MISNAMED = frozenset(
    {"unreadable", "not-in-state", "not-shown", "event-altered", "wrong-chain", "not-in-chain", "unknown-validators"}
    | {"history-altered", "correction-hidden", "refused", "partly", "bad-vote-signature", "quorum-short"}
)


def _pieces(value: Any, at: Path = (), whole: Bundle | None = None) -> Iterator[Mutant]:
    """Byte strings in pieces: every number changed and left out, every other piece changed."""
    bundle = value if whole is None else whole
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _pieces(inner, (*at, name), bundle)
    elif isinstance(value, list):
        in_pieces = any(isinstance(one, int) for one in value)
        for place, inner in enumerate(value):
            if not in_pieces:
                yield from _pieces(inner, (*at, place), bundle)
                continue
            others = (inner + 1, inner - 1, -2, 10**6, 2**70) if isinstance(inner, int) else (b64(flip(unb64(inner))),)
            for other in others:
                yield mutant(f"{at} {place}: {other}", set(MISNAMED), bundle, (*at, place), other)
            yield mutant(f"{at} without {place}", set(MISNAMED), bundle, at, without(value, place))


SHAPES: dict[int, tuple[type[Any], type[Any] | None]] = {
    Space.OBLIGATION: (ObligationPublic, ObligationMembers),
    Space.OBLIGATION_TAG: (ObligationTag, None),
    Space.SLICE: (SlicePublic, SliceMembers),
    Space.LIEN: (LienPublic, LienMembers),
}


def _receivable(bundle: Bundle) -> Iterator[Mutant]:
    """Records with both halves, under a tree that shows them."""
    elsewhere = {"not-in-state", "not-shown", "unreadable"}  # depending on where the changed key leads
    gone = {"not-shown", "lien-hidden"}
    for index, record in enumerate(bundle["records"]):
        at: Path = ("records", index)
        public, members = SHAPES[unb64(record["key"])[0]]
        yield mutant(f"{at} key", elsewhere, bundle, (*at, "key"), last_changed(record["key"]))
        yield mutant(f"{at} left out", {"not-shown"}, bundle, ("records",), without(bundle["records"], index))
        hidden = as_neighbour(bundle, index)
        yield mutant(f"{at} hidden", gone, hidden, ("records",), hidden["records"])
        twice = [*bundle["records"], record]
        yield mutant(f"{at} twice", {"unreadable"}, bundle, ("records",), twice)
        yield from changed_message(bundle, (*at, "public"), public, {"not-in-state"})
        if members is not None:
            yield from changed_message(bundle, (*at, "members"), members, {"not-in-state"})
            salt = unb64(record["salt"])
            yield mutant(f"{at} salt", {"not-in-state"}, bundle, (*at, "salt"), b64(flip(salt)))
            yield mutant(f"{at} salt cut", {"unreadable"}, bundle, (*at, "salt"), b64(salt[1:]))
        else:
            yield mutant(f"{at} salt alone", {"unreadable"}, bundle, (*at, "salt"), b64(bytes(32)))
    yield from _tree(bundle)
    other = b64(flip(unb64(bundle["obligation"])))
    yield mutant("obligation", {"wrong-subject"}, bundle, ("obligation",), other)


def _tree(bundle: Bundle) -> Iterator[Mutant]:
    """The partial state tree: every byte of its shape, a byte of every hash and entry, its end, its beginning."""
    data = unb64(bundle["state"])
    shape_end = 3 + int.from_bytes(data[:3], "big")
    for at in (*range(shape_end), *range(shape_end, len(data), 29)):
        changed_data = data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]
        codes = {"not-in-state", "unreadable", "not-shown"} if at < shape_end else {"not-in-state", "unreadable"}
        yield mutant(f"state byte {at}", codes, bundle, ("state",), b64(changed_data))
    for name, cut in (("cut", data[:-1]), ("longer", data + b"\0"), ("empty", b""), ("headless", data[1:])):
        yield mutant(f"state {name}", {"unreadable", "not-in-state", "not-shown"}, bundle, ("state",), b64(cut))


def _anchor(bundle: Bundle) -> Iterator[Mutant]:
    """A header, its certificate, the set that signed it."""
    special = {
        "chain_id": {"wrong-chain"},
        "epoch": {"unknown-validators"},
        "validators_hash": {"unknown-validators"},
    }
    yield from changed_message(bundle, ("anchor", "header"), Header, {"not-in-chain"}, special)
    yield from changed_message(bundle, ("anchor", "validators"), ValidatorSet, {"unknown-validators"})
    yield mutant("chain_id", {"wrong-chain"}, bundle, ("anchor", "chain_id"), ZEROS)
    yield mutant("descendant", {"not-in-chain"}, bundle, ("anchor", "descendants"), [bundle["anchor"]["header"]])
    path: Path = ("anchor", "finalisation")
    old = decode(unb64(bundle["anchor"]["finalisation"]), Certificate, size_max=SIZE_MAX)
    for name, statement in changed(old.statement):
        shown = b64(encode(structs.replace(old, statement=statement)))
        codes = {"unreadable"} if len(statement.block_hash) != 32 else {"not-in-chain"}
        yield mutant(f"statement.{name}", codes, bundle, path, shown)
    for bit in range(31):
        shown = b64(encode(structs.replace(old, signers=old.signers ^ 1 << bit)))
        yield mutant(f"bitmap {bit}", {"quorum-short", "unknown-validators"}, bundle, path, shown)
    moved = structs.replace(old, signers=old.signers << 1)
    yield mutant("bitmap moved", {"bad-vote-signature"}, bundle, path, b64(encode(moved)))
    yield from _signatures(bundle, path, old)


def _signatures(bundle: Bundle, path: Path, old: Certificate) -> Iterator[Mutant]:
    for index in range(len(old.signatures)):
        for name, signatures in (
            ("flipped", (*old.signatures[:index], flip(old.signatures[index]), *old.signatures[index + 1 :])),
            ("again", (*old.signatures[:index], old.signatures[index - 1], *old.signatures[index + 1 :])),
        ):
            shown = b64(encode(structs.replace(old, signatures=signatures)))
            yield mutant(f"signature {index} {name}", {"bad-vote-signature"}, bundle, path, shown)
        fewer = (*old.signatures[:index], *old.signatures[index + 1 :])
        shown = b64(encode(structs.replace(old, signatures=fewer)))
        yield mutant(f"signature {index} left out", {"quorum-short"}, bundle, path, shown)
    short = structs.replace(old, signers=old.signers & (old.signers - 1), signatures=old.signatures[1:])
    yield mutant("a signer less", {"quorum-short"}, bundle, path, b64(encode(short)))


def _height(bundle: Bundle, at: Path) -> Iterator[Mutant]:
    """A height under the history root."""
    special = {"height": {"not-in-history", "not-in-tree"}}
    yield from changed_message(bundle, (*at, "leaf"), HistoryLeaf, {"not-in-history"}, special)
    yield from path_steps(bundle, (*at, "path"), {"not-in-history"})
