"""Good bundles of the proof world, as plain JSON, of every kind."""

from __future__ import annotations

import json
from typing import Any

from msgspec import structs

from tallystick.proofs import (
    build_block,
    build_event,
    build_item,
    build_receipt,
    build_receivable,
    build_record,
    show_height,
    write_bundle,
)
from tallystick.records.base import key_hash, read_public
from tallystick.records.goods import (
    Correction,
    HistoryKind,
    ItemPublic,
    SessionPublic,
    Statements,
    correction_key,
    item_key,
    session_key,
    statements_key,
)
from tallystick.transactions import sign_transaction
from tests import proof_world as w
from tests.proof_entries import written_out

Bundle = dict[str, Any]
AT = 17  # the height that bundles as of a height are about


def item(subject: str = w.SERIAL, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of an item as plain JSON."""
    return loads(write_bundle(build_item(subject, world or w.finished_world())))


def event(world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of the field lot's harvest."""
    world = world or w.finished_world()
    commitment = world.histories[item_key(w.FIELD_LOT)][0].commitment
    return loads(write_bundle(build_event(commitment, w.FIELD_LOT, world)))


def corrected_event() -> Bundle:
    """The bundle of the pallet's transport that was declared erroneous."""
    world = w.finished_world()
    commitment = world.histories[item_key(w.PALLET)][2].commitment
    return loads(write_bundle(build_event(commitment, w.PALLET, world)))


def stated_by_two() -> Bundle:
    """The bundle of a thing about which two members recorded the very same event."""
    world, owner = w.finished_world(), statements_key(w.STATED)
    original = world.transactions[13, 0]
    copy = sign_transaction(
        chain_id=w.CHAIN_ID,
        nonce=bytes(16),
        valid_until_ms=10**12,
        seeds=[w.seed("org:carrier capture")],
        events=original.events,
    )
    world.transactions[14, 0], world.recorded_by[14, 0] = copy, "org:carrier"
    world.append(owner, copy.commitments[0], 14, 0, HistoryKind.STATE)
    world.put(owner, Statements(world.history(owner)))
    return loads(write_bundle(build_item(w.STATED, world)))


def copied_world() -> w.ProofWorld:
    """A world in which a retailer recorded the carrier's shipping again, byte for byte, and declared that erroneous."""
    world, session = w.finished_world(), session_key(w.PALLET, 1)
    shipping = world.transactions[9, 0].events[1]
    copy = sign_transaction(
        chain_id=w.CHAIN_ID,
        nonce=bytes(16),
        valid_until_ms=10**12,
        seeds=[w.seed("org:retailer capture")],
        events=(shipping,),
    )
    world.transactions[14, 0], world.recorded_by[14, 0] = copy, "org:retailer"
    (shipped,) = copy.commitments
    event_id = "urn:uuid:22222222-2222-4222-8222-222222222222"
    (declared,) = world.capture(
        "org:retailer", 16, w.event(bizStep="shipping", epcList=[w.uri(w.PALLET)], eventID=event_id)
    )
    correction = correction_key("org:retailer", shipped)
    for owner in (session, item_key(w.PALLET)):
        world.append(owner, shipped, 14, 0, HistoryKind.SHIP)
        world.append(owner, declared, 16, 0, HistoryKind.CORRECT, key_hash(correction))
    world.put(correction, Correction(declared, "did_not_occur", (), 16))
    world.put(session, SessionPublic(w.PALLET, 1, True, world.history(session), 1_700_000_000_000, 0))
    pallet = read_public(world.records[item_key(w.PALLET)], ItemPublic)
    world.put(item_key(w.PALLET), structs.replace(pallet, history=world.history(item_key(w.PALLET))))
    return world


def event_of_two() -> Bundle:
    """The bundle of the carrier's shipping, whose copy its recorder declared erroneous."""
    world = copied_world()
    return loads(write_bundle(build_event(world.histories[item_key(w.PALLET)][1].commitment, w.PALLET, world)))


def record() -> Bundle:
    """The bundle of the lot's record."""
    return loads(write_bundle(build_record(item_key(w.LOT), w.finished_world())))


def record_in_pieces() -> Bundle:
    """The bundle of the lot's record as it is made."""
    return as_made(write_bundle(build_record(item_key(w.LOT), w.finished_world())))


def earlier_world() -> w.ProofWorld:
    """A world whose state is that of an earlier height than its anchor certifies."""
    world = w.finished_world()
    world.state_height = AT
    return world


def item_at(subject: str = w.SERIAL, height: int = AT) -> Bundle:
    """The bundle of an item as of an earlier height."""
    world = earlier_world()
    return loads(write_bundle(build_item(subject, world, show_height(world, height))))


def event_at() -> Bundle:
    """The bundle of the field lot's harvest as of an earlier height."""
    world = earlier_world()
    commitment = world.histories[item_key(w.FIELD_LOT)][0].commitment
    return loads(write_bundle(build_event(commitment, w.FIELD_LOT, world, show_height(world, AT))))


def record_at(key: bytes) -> Bundle:
    """The bundle of a record, or of its absence, as of an earlier height."""
    world = earlier_world()
    return loads(write_bundle(build_record(key, world, show_height(world, AT))))


def block(height: int) -> Bundle:
    """The bundle of a block."""
    return loads(write_bundle(build_block(height, w.finished_world())))


def receipt(height: int) -> Bundle:
    """The bundle of a height's first receipt."""
    return loads(write_bundle(build_receipt(height, 0, w.finished_world())))


def receivable_at() -> Bundle:
    """The bundle of an obligation as of an earlier height."""
    world = earlier_world()
    return loads(write_bundle(build_receivable(w.OBLIGATION, world, show_height(world, AT))))


def receivable(obligation: bytes = w.OBLIGATION, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of an obligation."""
    return loads(write_bundle(build_receivable(obligation, world or w.finished_world())))


def transaction_of(height: int) -> str:
    """Id of a height's first transaction."""
    return w.finished_world().transactions[height, 0].id.hex()


def item_in_pieces(subject: str = w.SERIAL, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of an item as it is made: what follows from other parts is named and not repeated."""
    return as_made(write_bundle(build_item(subject, world or w.finished_world())))


def event_in_pieces(owner: bytes = item_key(w.FIELD_LOT), place: int = 0) -> Bundle:
    """The bundle of an event as it is made."""
    world = w.finished_world()
    commitment = world.histories[owner][place].commitment
    return as_made(write_bundle(build_event(commitment, owner[1:].decode(), world)))


def loads(data: bytes) -> Bundle:
    """A bundle as plain JSON, with nothing left out."""
    return written_out(as_made(data))


def as_made(data: bytes) -> Bundle:
    """A bundle as plain JSON."""
    value: Bundle = json.loads(data)
    return value
