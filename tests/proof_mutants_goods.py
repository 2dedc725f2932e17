"""Single changes of what bundles of goods, records, evidence and ends of epochs hold, with the codes that may follow.

``partly`` and, where only a signer is lost, ``proven`` are answers too: then nothing false is said, only less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import decode
from tallystick.epochs import ClosingHeader
from tallystick.evidence import Evidence
from tallystick.records.base import Space
from tallystick.records.goods import HistoryEntry
from tallystick.transactions import Head
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate
from tests.proof_bytes import ZEROS, b64, unb64
from tests.proof_mutants_parts import (
    SIZE_MAX,
    Bundle,
    Mutant,
    Path,
    changed_message,
    flip,
    last_changed,
    mutant,
    path_steps,
    without,
)
from tests.proof_trees import as_neighbour

LOST = frozenset({"proven", "stated"})  # a signer, and nothing else: the verdict stays what it was
SIGNER_SPACES = (Space.KEY,)


def goods_mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every mutant that is about what kinds ``item``, ``event``, ``record`` and ``evidence`` have of their own."""
    hidden = {"item": "partly", "event": "not-shown", "record": "not-shown", "evidence": "not-shown"}[bundle["kind"]]
    if "records" in bundle:
        for index in range(len(bundle["records"])):
            yield from _record(bundle, ("records", index))
            space = unb64(bundle["records"][index]["key"])[0]
            codes = set(LOST) if space in SIGNER_SPACES else {hidden}
            if bundle["kind"] == "event" and space == Space.CORRECTION:
                codes = {"correction-hidden"}
            left = without(bundle["records"], index)
            yield mutant(f"record {index} left out", {"not-shown"}, bundle, ("records",), left)
            yield mutant(f"record {index} hidden", codes, as_neighbour(bundle, index), ("records",), left)
            twice = [*bundle["records"], bundle["records"][index]]
            yield mutant(f"record {index} twice", {"unreadable"}, bundle, ("records",), twice)
    if bundle.get("record") is not None:
        yield from _record(bundle, ("record",))
        yield mutant("record left out", {hidden}, bundle, ("record",), None)
    for index in range(len(bundle.get("histories", ()))):
        yield from _history(bundle, index)
    for index, shown in enumerate(bundle.get("events", ())):
        yield from _event(bundle, ("events", index), shown)
        left = {"partly", "not-in-tree", "event-altered"}  # without it a capture lacks a leaf
        yield mutant(f"event {index} left out", left, bundle, ("events",), without(bundle["events"], index))
    if "event" in bundle:
        yield from _event(bundle, ("event",), bundle["event"])
        yield from _entry(bundle)
    for index in range(len(bundle.get("signed", ()))):
        yield from _capture(bundle, index)
    if bundle["kind"] == "evidence":
        yield from _evidence(bundle)
    if "subject" in bundle:
        yield mutant("subject", {"wrong-subject"}, bundle, ("subject",), bundle["subject"] + "X")
    if "key" in bundle:
        yield mutant("key", {"wrong-subject"}, bundle, ("key",), b64(unb64(bundle["key"]) + b"\0"))


def _record(bundle: Bundle, at: Path) -> Iterator[Mutant]:
    """Key, public half and the hash of the members' half of a record."""
    record = {"members_hash": ZEROS, **_value(bundle, at)}
    elsewhere = {"not-in-state", "not-shown", "unreadable"}  # depending on where the changed key leads
    yield mutant(f"{at} key", elsewhere, bundle, (*at, "key"), last_changed(record["key"]))
    yield mutant(f"{at} key longer", elsewhere, bundle, (*at, "key"), b64(unb64(record["key"]) + b"\0"))
    public = unb64(record["public"])
    for place in range(0, len(public), 7):
        other = public[:place] + bytes((public[place] ^ 1,)) + public[place + 1 :]
        yield mutant(f"{at} public byte {place}", {"not-in-state"}, bundle, (*at, "public"), b64(other))
    for name, other in (("cut", public[:-1]), ("longer", public + b"\0"), ("empty", b"")):
        yield mutant(f"{at} public {name}", {"not-in-state"}, bundle, (*at, "public"), b64(other))
    hash_ = record["members_hash"]
    other = b64(flip(unb64(hash_)))
    yield mutant(f"{at} members' hash", {"not-in-state"}, bundle, (*at, "members_hash"), other)
    yield mutant(f"{at} members' hash cut", {"unreadable"}, bundle, (*at, "members_hash"), b64(unb64(hash_)[1:]))


def _history(bundle: Bundle, index: int) -> Iterator[Mutant]:
    """A history: its owner, its entries, their number and order, and every field of every entry."""
    history, at = bundle["histories"][index], ("histories", index)
    yield mutant(f"{at} owner", {"partly"}, bundle, (*at, "owner"), b64(unb64(history["owner"]) + b"\0"))
    yield mutant(f"{at} left out", {"partly"}, bundle, ("histories",), without(bundle["histories"], index))
    entries: list[str] = history["entries"]
    altered = {"history-altered"}
    for place, entry in enumerate(entries):
        yield mutant(f"{at} without {place}", altered, bundle, (*at, "entries"), without(entries, place))
        doubled = [*entries[: place + 1], entry, *entries[place + 1 :]]
        yield mutant(f"{at} twice {place}", altered, bundle, (*at, "entries"), doubled)
        if place + 1 < len(entries):
            exchanged = [*entries[:place], entries[place + 1], entry, *entries[place + 2 :]]
            yield mutant(f"{at} order {place}", altered, bundle, (*at, "entries"), exchanged)
        yield from changed_message(bundle, (*at, "entries", place), HistoryEntry, altered)


def _event(bundle: Bundle, at: Path, shown: Any) -> Iterator[Mutant]:
    """An event's bytes, slots, capture and place in it."""
    public = unb64(shown["public"])
    for place in range(0, len(public), 23):
        other = public[:place] + bytes((public[place] ^ 1,)) + public[place + 1 :]
        yield mutant(f"{at} byte {place}", {"event-altered"}, bundle, (*at, "public"), b64(other))
    for name, other in (("cut", public[:-1]), ("spaced", public + b" "), ("empty", b"")):
        yield mutant(f"{at} {name}", {"event-altered"}, bundle, (*at, "public"), b64(other))
    for slot in ("members", "sealed"):
        hash_ = shown.get(slot, ZEROS)
        other_slot = b64(flip(unb64(hash_)))
        yield mutant(f"{at} {slot}", {"event-altered"}, bundle, (*at, slot), other_slot)
    misplaced = {"event-altered", "not-in-tree"}
    for index in (-1, shown.get("index", 0) + 1, 10**6):
        yield mutant(f"{at} index={index}", misplaced, bundle, (*at, "index"), index)
    for capture in range(len(bundle["signed"])):
        if capture != shown["signed"]:
            yield mutant(f"{at} capture {capture}", misplaced, bundle, (*at, "signed"), capture)
    for capture in (-1, len(bundle["signed"])):
        yield mutant(f"{at} capture {capture}", {"unreadable"}, bundle, (*at, "signed"), capture)
    lost = LOST | {"not-in-tree", "event-altered"}  # of several events of a capture, one is missing in it
    yield mutant(f"{at} capture not shown", set(lost), bundle, (*at, "signed"), None)


def _capture(bundle: Bundle, index: int) -> Iterator[Mutant]:
    """A signed head: every field of it, its signatures, their number and order."""
    at: Path = ("signed", index)
    forged = {"bad-event-signature"}
    special = {
        "chain_id": {"wrong-chain"},
        "kind": {"event-altered"},
        "event_count": {"event-altered", "not-in-tree", "bad-event-signature"},
        "digest": {"event-altered"},
    }
    yield from changed_message(bundle, (*at, "head"), Head, forged, special)
    path: list[str] = bundle["signed"][index].get("path", [])
    if path:
        yield from path_steps(bundle, (*at, "path"), {"event-altered"})
    yield mutant(f"{at} path longer", {"not-in-tree"}, bundle, (*at, "path"), [*path, ZEROS])
    signatures: list[str] = bundle["signed"][index]["signatures"]
    for place, signature in enumerate(signatures):
        other = [*signatures[:place], b64(flip(unb64(signature))), *signatures[place + 1 :]]
        yield mutant(f"{at} signature {place}", forged, bundle, (*at, "signatures"), other)
        yield mutant(f"{at} without {place}", forged, bundle, (*at, "signatures"), without(signatures, place))
    yield mutant(f"{at} one more", forged, bundle, (*at, "signatures"), [*signatures, signatures[0]])
    short = [b64(unb64(signatures[0])[:-1]), *signatures[1:]]
    yield mutant(f"{at} short", forged, bundle, (*at, "signatures"), short)


def _entry(bundle: Bundle) -> Iterator[Mutant]:
    """The entry of a bundle of kind ``event`` and its place in the history."""
    special = {"commitment": {"event-altered"}}
    yield from changed_message(bundle, ("entry",), HistoryEntry, {"history-altered"}, special)
    yield mutant("entry left out", {"refused"}, bundle, ("entry",), None)
    for index in (-1, bundle.get("index", 0) + 1, 10**6):
        yield mutant(f"index={index}", {"history-altered", "not-in-tree"}, bundle, ("index",), index)
    if bundle.get("path"):
        yield from path_steps(bundle, ("path",), {"history-altered"})
    yield mutant("path longer", {"not-in-tree"}, bundle, ("path",), [*bundle.get("path", []), ZEROS])


def _evidence(bundle: Bundle) -> Iterator[Mutant]:
    """Both statements, and who sat in their epoch."""
    neither = {"no-contradiction", "bad-vote-signature"}
    special = {"key": {"unknown-validators"}, "epoch": {"unknown-validators"}, "view": {"bad-vote-signature"}}
    yield from changed_message(bundle, ("evidence",), Evidence, neither, special)
    seats = bundle.get("seats")
    if seats is None:
        return
    at: Path = ("seats",)
    yield mutant("seats left out", {"unknown-validators"}, bundle, at, None)
    high = {"height": {"not-in-history", "not-in-tree"}}
    yield from changed_message(bundle, (*at, "block", "leaf"), HistoryLeaf, {"not-in-history"}, high)
    yield from path_steps(bundle, (*at, "block", "path"), {"not-in-history"})
    yield from changed_message(bundle, (*at, "header"), Header, {"block-altered"})
    yield from changed_message(bundle, (*at, "validators"), ValidatorSet, {"unknown-validators"})


def epoch_mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every change of the ends of epochs in an anchor."""
    ends = bundle["anchor"].get("epochs", [])
    strange, off = {"unknown-validators"}, {"not-in-chain"}
    for index, end in enumerate(ends):
        at: Path = ("anchor", "epochs", index)
        yield mutant(f"{at} left out", strange, bundle, ("anchor", "epochs"), without(ends, index))
        sets = {"epoch": strange, "validators_hash": strange, "next_validators_hash": strange}
        yield from changed_message(bundle, (*at, "boundary"), Header, off, {**sets, "chain_id": {"wrong-chain"}})
        yield from changed_message(bundle, (*at, "next_validators"), ValidatorSet, strange)
        if end.get("closing") is not None:
            foreign = {"chain_id": {"wrong-chain"}}
            yield from changed_message(bundle, (*at, "closing"), ClosingHeader, off, foreign)
        else:
            other = bundle["anchor"]["header"]
            yield mutant(f"{at} closing of another kind", {"unreadable"}, bundle, (*at, "closing"), other)
        counted = {"quorum-short", "unknown-validators", "bad-vote-signature"}
        old = decode(unb64(end["finalisation"]), Certificate, size_max=SIZE_MAX)
        special = {"statement": off, "signers": counted, "signatures": counted}
        assert old.signatures
        yield from changed_message(bundle, (*at, "finalisation"), Certificate, off, special)


def _value(bundle: Any, at: Path) -> Any:
    for step in at:
        bundle = bundle[step]
    return bundle
