"""Edits of bundles that the broken vectors are made with: anchors, records, trees, certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from scripts.proof_vectors.making import Bundle
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import decode, encode
from tallystick.proofs import show_anchor
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key
from tallystick.votes import Certificate
from tests import proof_world as w
from tests.proof_bytes import b64, read, unb64
from tests.proof_entries import written_out_anchor


def change(bundle: Bundle, edit: Callable[[Bundle], Any]) -> Bundle:
    """The bundle after an edit in place."""
    edit(bundle)
    return bundle


def flip(text: str) -> str:
    """The base64url text with one bit of its first byte flipped."""
    data = unb64(text)
    return b64(bytes((data[0] ^ 1,)) + data[1:])


def reanchor(bundle: Bundle, world: w.ProofWorld | None = None, **changes: Any) -> Bundle:
    """The bundle under a header with changed fields, signed anew by the validators."""
    world = world or w.finished_world()
    header = world.header(**changes)
    shown = show_anchor(header.chain_id, header, (), w.certify(header), w.validators())
    return {**bundle, "anchor": written_out_anchor(shown)}


def certificate(bundle: Bundle, edit: Callable[[Certificate], Certificate]) -> Bundle:
    """The bundle with its certificate edited."""
    old = decode(unb64(bundle["anchor"]["finalisation"]), Certificate, size_max=8_192)
    bundle["anchor"]["finalisation"] = b64(encode(edit(old)))
    return bundle


def drop_record(bundle: Bundle, key: bytes) -> Bundle:
    """The bundle without one record, for which the tree still has a place."""
    bundle["records"] = [record for record in bundle["records"] if record["key"] != b64(key)]
    return bundle


def hide_record(bundle: Bundle, key: bytes, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle without one record, whose leaf the tree shows as that of a neighbour."""
    drop_record(bundle, key)
    absent = [item_key(each.split("/10/")[0]) for each in (w.LOT, w.FIELD_LOT)]
    hidden = [key_hash(key)]
    shown = [key_hash(unb64(record["key"])) for record in bundle["records"]]
    trie = (world or w.finished_world()).trie()
    bundle["state"] = b64(trie.prove([*shown, *map(key_hash, absent), *hidden], hidden))
    return bundle


def unshow(bundle: Bundle, key: bytes) -> Bundle:
    """The bundle without one record, and with a tree that does not show its place."""
    drop_record(bundle, key)
    shown = [key_hash(unb64(record["key"])) for record in bundle["records"]]
    bundle["state"] = b64(w.finished_world().trie().prove(shown))
    return bundle


def record_of(bundle: Bundle, key: bytes) -> Bundle:
    """One record of a bundle."""
    found: Bundle
    (found,) = (record for record in bundle["records"] if record["key"] == b64(key))
    return found


def leaf_of(bundle: Bundle, place: str = "block", **changes: Any) -> Bundle:
    """The bundle with fields of its height's leaf changed."""
    old = read(bundle[place]["leaf"], HistoryLeaf, 256)
    bundle[place]["leaf"] = b64(encode(structs.replace(old, **changes)))
    return bundle
