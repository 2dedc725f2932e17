"""Bundles in which nothing is left out: as valid as those in pieces, and easier to change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from tallystick.encoding import encode
from tallystick.merkle import leaf_hash, root_from_shared_path
from tallystick.proofs import EventBundle, EvidenceBundle, ItemBundle, RecordBundle, read_bundle
from tallystick.proofs.bundle import AnchorShown, EpochShown, EventShown, Pieces, SignedShown
from tallystick.proofs.messages import read_message
from tallystick.proofs.pieces import DIGEST, Known
from tallystick.proofs.written import WrittenOut, write_out, write_out_anchor
from tallystick.transactions import Head
from tests.proof_bytes import b64

Bundle = dict[str, Any]


def written_out(bundle: Bundle) -> Bundle:
    """The bundle with all byte strings whole."""
    bundle = {**bundle, "anchor": written_out_anchor(bundle["anchor"])}
    if bundle["kind"] in ("record", "evidence"):
        return _with_one_record(bundle)
    if bundle["kind"] not in ("item", "event"):
        return bundle
    shown = read_bundle(json.dumps(bundle).encode())
    assert isinstance(shown, ItemBundle | EventBundle)
    known = Known(shown.anchor.chain_id, shown.hashes)
    if isinstance(shown, ItemBundle):
        written = write_out(known, shown.records, shown.histories, shown.events)
        heads = _heads(written, shown.events, shown.signed)
    else:
        written = write_out(known, shown.records, (), [shown.event])
        heads = _heads(written, [shown.event], shown.signed)
    whole = {**bundle, "records": _records(bundle, written)}
    whole["signed"] = [one | {"head": b64(head)} for one, head in zip(bundle["signed"], heads, strict=True)]
    whole.pop("hashes", None)
    if "histories" in bundle:
        whole["histories"] = [
            {"owner": b64(owner), "entries": [b64(entry) for entry in history.entries]}
            for owner, history in written.histories.items()
        ]
    if isinstance(shown, EventBundle) and shown.entry is not None:
        whole["entry"] = b64(known.whole(shown.entry))
    return whole


def written_out_anchor(anchor: Bundle | AnchorShown) -> Bundle:
    """The anchor with all byte strings whole, as plain JSON."""
    anchor = anchor if isinstance(anchor, AnchorShown) else msgspec.convert(anchor, AnchorShown)
    written = write_out_anchor(anchor)
    first, *sets = map(encode, written.sets)
    epochs = [
        EpochShown(end.boundary, end.finalisation, following, end.closing)
        for end, following in zip(written.epochs, sets, strict=True)
    ]
    descendants: list[Pieces] = [*written.descendants]
    shown = AnchorShown(anchor.chain_id, written.header, written.finalisation, first, descendants, epochs)
    whole: Bundle = msgspec.to_builtins(shown)
    return whole


def _with_one_record(bundle: Bundle) -> Bundle:
    shown = read_bundle(json.dumps(bundle).encode())
    assert isinstance(shown, RecordBundle | EvidenceBundle)
    if shown.record is None:
        return bundle
    named = (shown.key,) if isinstance(shown, RecordBundle) else ()
    written = write_out(Known(shown.anchor.chain_id, named), [shown.record], (), ())
    (record,) = _records({"records": [bundle["record"]]}, written)
    return {**bundle, "record": record}


def _records(bundle: Bundle, written: WrittenOut) -> list[Bundle]:
    halves = zip(bundle["records"], written.keys, written.publics, strict=True)
    return [record | {"key": b64(key), "public": b64(public)} for record, key, public in halves]


def _heads(written: WrittenOut, events: Sequence[EventShown], signed: Sequence[SignedShown]) -> list[bytes]:
    heads = []
    for place, shown in enumerate(signed):
        if not isinstance(shown.head, list) or shown.head[-1] != DIGEST:
            heads.append(written.known.whole(shown.head))
            continue
        begin = written.known.whole(shown.head[:-1])
        count = read_message(begin + bytes(32), Head, 1_024).event_count
        named = zip(events, written.commitments, strict=True)
        leaves = {event.index: leaf_hash(commitment) for event, commitment in named if event.signed == place}
        heads.append(begin + root_from_shared_path(leaves, count, shown.path))
    return heads
