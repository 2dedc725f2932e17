"""What a cheat would show: stripped signatures, altered events, refused events and hidden corrections as proofs."""

from __future__ import annotations

import json
from typing import Any

from tallystick.encoding import decode, encode
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.records.goods import HistoryEntry
from tallystick.transactions import Event, SignedTransaction, WireTransaction
from tests.proof_bytes import b64, unb64
from tests.proof_entries import written_out
from tests.proof_trees import as_neighbour


def rewired(transaction: SignedTransaction, **changes: Any) -> bytes:
    """The bytes of a transaction with parts of its wire form exchanged."""
    wire = decode(transaction.raw, WireTransaction, size_max=TRANSACTION_SIZE_MAX)
    fields = {name: getattr(wire, name) for name in wire.__struct_fields__}
    return encode(WireTransaction(**{**fields, **changes}))


def without_last_signature(transaction: SignedTransaction) -> bytes:
    """The transaction with one signature stripped."""
    return rewired(transaction, signatures=transaction.signatures[:-1])


def with_altered_event(transaction: SignedTransaction) -> bytes:
    """The transaction with one digit of its first event's time changed."""
    first = transaction.events[0]
    place = first.public.index(b'"eventTime":"') + len(b'"eventTime":"')
    digit = b"1" if first.public[place : place + 1] != b"1" else b"2"
    public = first.public[:place] + digit + first.public[place + 1 :]
    altered = Event(public, first.members_salt, first.members, first.sealed_count, first.sealed_root)
    return rewired(transaction, events=(altered, *transaction.events[1:]))


def refused_event_as_proof(genuine: bytes, refused: SignedTransaction) -> bytes:
    """The proof of another event with a refused event, genuinely signed and in a block, put in its place."""
    bundle = written_out(json.loads(genuine))
    _, members, sealed = refused.events[0].slots()
    bundle["event"] = {
        "public": b64(refused.events[0].public),
        "members": b64(members),
        "sealed": b64(sealed),
        "signed": 0,
    }
    signatures = [b64(signature) for signature in refused.signatures]
    bundle["signed"] = [{"head": b64(refused.head_bytes), "signatures": signatures}]
    for name in ("entry", "index", "path"):
        bundle.pop(name, None)
    return json.dumps(bundle).encode()


def without_record(genuine: bytes, key: bytes) -> bytes:
    """A proof that keeps a record to itself, and shows its leaf like that of a neighbour in the tree."""
    bundle = written_out(json.loads(genuine))
    (place,) = (at for at, record in enumerate(bundle["records"]) if record["key"] == b64(key))
    return json.dumps(as_neighbour(bundle, place)).encode()


def without_entries(genuine: bytes, commitment: bytes) -> bytes:
    """A proof of an item whose histories keep an event to themselves."""
    bundle = written_out(json.loads(genuine))
    for history in bundle["histories"]:
        entries = {text: decode(unb64(text), HistoryEntry, size_max=256) for text in history["entries"]}
        history["entries"] = [text for text, entry in entries.items() if entry.commitment != commitment]
    return json.dumps(bundle).encode()
