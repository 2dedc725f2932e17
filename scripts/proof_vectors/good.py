"""Every good vector, by name."""

from __future__ import annotations

from scripts.proof_vectors.epochs import crossed, crossed_twice, with_defaults
from scripts.proof_vectors.evidence import good_evidence
from scripts.proof_vectors.making import (
    Bundle,
    block,
    copied_world,
    corrected_event,
    event,
    event_at,
    event_in_pieces,
    event_of_two,
    item,
    item_at,
    item_in_pieces,
    loads,
    receipt,
    receivable,
    receivable_at,
    record,
    record_at,
    record_in_pieces,
    stated_by_two,
)
from tallystick.proofs import build_record, write_bundle
from tallystick.records.goods import item_key
from tests import proof_world as w


def good() -> dict[str, tuple[str, str, Bundle]]:
    """Name to (expected code, subject, bundle)."""
    world = w.finished_world()
    never = f"{w.GTIN}/21/never"
    return {
        "item": ("proven", w.SERIAL, item()),
        "lot": ("proven", w.LOT, item(w.LOT)),
        "stated": ("stated", w.STATED, item(w.STATED)),
        "stated-by-two": ("stated", w.STATED, stated_by_two()),
        "never-issued": ("unknown-item", never, item(never)),
        "event": ("proven", w.FIELD_LOT, event()),
        "item-in-pieces": ("proven", w.SERIAL, item_in_pieces()),
        "container-in-pieces": ("proven", w.PALLET, item_in_pieces(w.PALLET)),
        "stated-in-pieces": ("stated", w.STATED, item_in_pieces(w.STATED)),
        "copy-corrected-in-pieces": ("proven", w.SERIAL, item_in_pieces(w.SERIAL, copied_world())),
        "event-in-pieces": ("proven", w.FIELD_LOT, event_in_pieces()),
        "event-corrected-in-pieces": ("proven", w.PALLET, event_in_pieces(item_key(w.PALLET), 2)),
        "container": ("proven", w.PALLET, item(w.PALLET)),
        "event-corrected": ("proven", w.PALLET, corrected_event()),
        "copy-corrected-by-another": ("proven", w.SERIAL, item(w.SERIAL, copied_world())),
        "event-copy-corrected-by-another": ("proven", w.PALLET, event_of_two()),
        "item-as-of": ("proven", w.SERIAL, item_at()),
        "item-as-of-never-issued": ("unknown-item", never, item_at(never)),
        "event-as-of": ("proven", w.FIELD_LOT, event_at()),
        "record-as-of": ("proven", item_key(w.LOT).hex(), record_at(item_key(w.LOT))),
        "record-as-of-absent": ("proven", item_key("x").hex(), record_at(item_key("x"))),
        "block": ("proven", "9", block(9)),
        "block-genesis": ("proven", "0", block(0)),
        "receipt": ("proven", world.transactions[9, 0].id.hex(), receipt(9)),
        "receivable": ("proven", w.OBLIGATION.hex(), receivable()),
        "receivable-as-of": ("proven", w.OBLIGATION.hex(), receivable_at()),
        "receivable-presented": ("proven", w.PRESENTED.hex(), receivable(w.PRESENTED)),
        "record": ("proven", item_key(w.LOT).hex(), loads(write_bundle(build_record(item_key(w.LOT), world)))),
        "record-one-epoch-later-in-pieces": (
            "proven",
            item_key(w.LOT).hex(),
            crossed(record_in_pieces(), closed=True, in_pieces=True),
        ),
        "record-two-epochs-later": ("proven", item_key(w.LOT).hex(), crossed_twice(record())),
        "record-two-epochs-later-in-pieces": (
            "proven",
            item_key(w.LOT).hex(),
            crossed_twice(record_in_pieces(), in_pieces=True),
        ),
        "record-with-its-defaults": ("proven", item_key(w.LOT).hex(), with_defaults(record())),
        "record-one-epoch-later": ("proven", item_key(w.LOT).hex(), crossed(record())),
        "record-pinned-at-the-later-epoch": ("proven", item_key(w.LOT).hex(), crossed(record())),
        "record-of-the-last-height-of-its-epoch": ("proven", item_key(w.LOT).hex(), record()),
        "record-one-epoch-later-by-a-closing-header": ("proven", item_key(w.LOT).hex(), crossed(record(), closed=True)),
        **good_evidence(),
        "record-absent": (
            "proven",
            item_key("x").hex(),
            loads(write_bundle(build_record(item_key("x"), world))),
        ),
    }
