"""What a cheat would show: stripped signatures, altered events, refused events and hidden corrections as proofs."""

from __future__ import annotations

import json
from typing import Any

from tallystick.api import b64, unb64
from tallystick.encoding import decode, encode
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.transactions import Event, SignedTransaction, WireTransaction
from tallystick.trie import ENTRY_SIZE, bucket_hash


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
    bundle = json.loads(genuine)
    _, members, sealed = refused.events[0].slots()
    bundle["event"] = {
        "public": b64(refused.events[0].public),
        "members": members.hex(),
        "sealed": sealed.hex(),
        "signed": 0,
    }
    signatures = [b64(signature) for signature in refused.signatures]
    bundle["signed"] = [{"head": b64(refused.head_bytes), "signatures": signatures}]
    for name in ("entry", "index", "path"):
        bundle.pop(name, None)
    return json.dumps(bundle).encode()


def without_record(genuine: bytes, key: bytes, key_hash: bytes) -> bytes:
    """A proof in which neither a record nor its absence is shown any more."""
    bundle = json.loads(genuine)
    bundle["records"] = [record for record in bundle["records"] if record["key"] != key.hex()]
    hidden, end = _hide(unb64(bundle["state"]), 0, key_hash)
    assert end == len(unb64(bundle["state"]))
    bundle["state"] = b64(hidden)
    return json.dumps(bundle).encode()


def _hide(tree: bytes, at: int, key_hash: bytes, depth: int = 0, on_path: bool = True) -> tuple[bytes, int]:
    """The partial tree from ``at`` with the bucket where ``key_hash`` leads replaced by its hash."""
    if tree[at] == 0:
        return tree[at : at + 33], at + 33
    if tree[at] == 2:
        end = at + 2 + tree[at + 1] * ENTRY_SIZE
        return (b"\x00" + bucket_hash(tree[at + 2 : end]) if on_path else tree[at:end]), end
    goes_right = key_hash[depth >> 3] >> (7 - (depth & 7)) & 1
    left, middle = _hide(tree, at + 1, key_hash, depth + 1, on_path and not goes_right)
    right, end = _hide(tree, middle, key_hash, depth + 1, on_path and bool(goes_right))
    return b"\x01" + left + right, end
