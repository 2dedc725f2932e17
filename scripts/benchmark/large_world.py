"""A state of many keys with the worlds that proofs are measured in: one item with a rich closure, one with none."""

from __future__ import annotations

from hashlib import sha256
from itertools import count

from msgspec import structs

from tallystick.blocks import Header
from tallystick.encoding import ZERO32, encode
from tallystick.records.base import Record, key_hash
from tallystick.records.goods import (
    HistoryKind,
    ItemPublic,
    ItemStatus,
    Origin,
    SessionPublic,
    item_key,
    session_key,
)
from tallystick.trie import Trie
from tests import proof_world as w

MORE_EVENTS = 5
PLAIN = f"{w.GTIN}/21/PLAIN"
PLAIN_EVENTS = 12
PLAIN_HEIGHT = 100  # of its first event; far from those of the other items


class LargeWorld(w.ProofWorld):
    """The proof world in a state of many keys, with twelve events in its serial's closure."""

    whole: Trie
    keys_shown: int  # by the newest tree

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """See ``CertifiedState``; counts the keys."""
        self.keys_shown = len(key_hashes)
        return super().prove(key_hashes)

    def trie(self) -> Trie:
        """See ``ProofWorld``; made once."""
        return self.whole

    def salt(self, height: int, place: int) -> bytes:
        """See ``ProofWorld``; every event has another, as real ones have."""
        return sha256(b"salt of event %d of %d" % (place, height)).digest()

    def nonce(self, height: int) -> bytes:
        """See ``ProofWorld``; as random as real ones look."""
        return sha256(b"nonce %d" % height).digest()[:16]

    def header(self, **changes: object) -> Header:
        """See ``ProofWorld``; the block before it is one."""
        return super().header(**{"parent_hash": sha256(b"the block before").digest(), **changes})

    def add_plain_item(self) -> None:
        """Add an item with twelve events and nothing around it: commissioned, seen eleven times, a capture each."""
        before, own = set(self.records), item_key(PLAIN)
        for number in range(PLAIN_EVENTS):
            step = {"action": "ADD", "bizStep": "commissioning"} if number == 0 else {"bizStep": "storing"}
            height, time = PLAIN_HEIGHT + number, f"2026-11-22T{number:02}:00:00.000Z"
            (one,) = self.capture("org:processor", height, w.event(**step, epcList=[w.uri(PLAIN)], eventTime=time))
            self.append(own, one, height, 0, HistoryKind.OBSERVE if number else HistoryKind.COMMISSION)
        public = ItemPublic(ItemStatus.ACTIVE, Origin.COMMISSIONED, self.history(own), "", ZERO32, ZERO32, 0, ())
        self.records[own] = Record(encode(public), b"\x90", sha256(own).digest())
        added = self.records.keys() - before
        self.whole = self.whole.update({key_hash(key): self.records[key].leaf_hash() for key in sorted(added)})

    @classmethod
    def of(cls, keys_wanted: int) -> LargeWorld:
        """The world with so many keys in its state."""
        small = w.finished_world(empty=cls())
        world = cls(small.records, small.histories, small.transactions, small.state_height, small.recorded_by)
        for key in (*map(item_key, (w.SERIAL, w.LOT, w.FIELD_LOT, w.PALLET)), session_key(w.PALLET, 1)):
            # Who holds a thing is for members: as the rules write them, such records have both halves.
            salt = sha256(key).digest()
            world.records[key] = structs.replace(world.records[key], members_salt=salt, members=b"\x90")
        world._observe()
        own = {key_hash(key): record.leaf_hash() for key, record in world.records.items()}
        others = (sha256(b"%d" % number).digest() for number in count())
        filling = sorted(next(others) for _ in range(max(0, keys_wanted - len(own))))
        world.whole = Trie.of_sorted(b"".join(key + sha256(key).digest() for key in filling)).update(own)
        return world

    def _observe(self) -> None:
        """More events of the container that the serial is in."""
        session = session_key(w.PALLET, 1)
        events = [
            w.event(bizStep="transporting", epcList=[w.uri(w.PALLET)], eventTime=f"2026-11-22T1{hour}:00:00.000Z")
            for hour in range(MORE_EVENTS)
        ]
        for index, commitment in enumerate(self.capture("org:carrier", 17, *events)):
            self.append(session, commitment, 17, index, HistoryKind.OBSERVE)
        public = SessionPublic(w.PALLET, 1, True, self.history(session), 1_700_000_000_000, 0)
        self.records[session] = structs.replace(self.records[session], public=encode(public))
