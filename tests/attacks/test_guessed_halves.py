"""A stranger who has a proof, and knows all who might hold the goods, cannot find out who does by trying."""

from __future__ import annotations

from hashlib import sha256
from itertools import product

from msgspec import structs

from tallystick.encoding import ZERO32, encode
from tallystick.hashing import TAG_RECORD_MEMBERS, tagged
from tallystick.proofs import build_record
from tallystick.records.base import key_hash, members_salt_after_due_work, members_salt_for, read_members
from tallystick.records.goods import ItemMembers, item_key
from tests.unit.client_sdk.ledger import Ledger
from tests.world import FOUNDERS, gtin

SERIAL = gtin("952111101") + "/21/A1"


def test_who_holds_the_goods_is_not_found_by_trying_every_member_and_everything_public() -> None:
    ledger = Ledger()
    world, key = ledger.world, item_key(SERIAL)
    world.make("org:grower", SERIAL)
    world.hand_over("org:grower", "org:carrier", SERIAL)
    record = ledger.record(key)
    assert record is not None
    held = read_members(record, ItemMembers)
    shown = build_record(key, ledger).record
    assert shown is not None
    members_hash = shown.members_hash
    assert held.holder == "org:carrier"
    # Everything that strangers can see of it, and what might be made of that.
    public = {b"", ZERO32, key, key_hash(key), record.public, sha256(record.public).digest(), world.chain_id}
    for context, transactions in world.blocks:
        public |= {sha256(str(context.height).encode()).digest()}
        for one in transactions:
            signed = one.signed
            public |= {signed.id, signed.head.nonce, signed.head.digest, *signed.commitments, *signed.signatures}
            public |= {event.slots()[1] for event in signed.events} | {event.public for event in signed.events}
    salts = public | {members_salt_for(text, key) for text in public}
    salts |= {members_salt_after_due_work(text, height) for text in public for height in range(len(world.blocks) + 1)}
    guesses = [encode(structs.replace(held, holder=name)) for name in FOUNDERS]
    assert encode(held) in guesses
    assert all(tagged(TAG_RECORD_MEMBERS, salt, guess) != members_hash for salt, guess in product(salts, guesses))
    # Whoever is given the salt can check it; another holder does not fit.
    fitting = [guess for guess in guesses if tagged(TAG_RECORD_MEMBERS, record.members_salt, guess) == members_hash]
    assert fitting == [encode(held)]
    assert len(record.members_salt) == 32


def test_the_same_half_under_two_keys_or_written_twice_has_another_hash() -> None:
    ledger = Ledger()
    world = ledger.world
    other = SERIAL[:-1] + "2"
    world.make("org:grower", SERIAL, other)
    first, second = ledger.record(item_key(SERIAL)), ledger.record(item_key(other))
    assert first is not None and second is not None
    assert first.members == second.members
    assert first.members_hash() != second.members_hash()
