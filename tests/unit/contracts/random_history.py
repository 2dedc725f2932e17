"""Random histories of goods: organisations try what comes to mind, most of it wrong.

``python -m tests.unit.contracts.random_history SEED`` prints a digest of every receipt and of the final state.
"""

from __future__ import annotations

import random
import sys
from hashlib import sha256
from typing import Any

from tallystick.encoding import encode
from tallystick.payloads.goods import LiftRecall, RecallItems
from tallystick.transactions import SignedTransaction
from tests.world import FOUNDERS, World, gtin, sscc

NAMES = list(FOUNDERS)
CLASSES = {"org:grower": gtin("95211110"), "org:processor": gtin("95212345")}
PALLETS = [sscc("95211110"), sscc("95212345"), sscc("952123451")]
PLACE = {"bizLocation": {"id": "https://id.gs1.org/414/9521234000013"}}


class Player:
    """Chooses what organisations send, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.serials: list[str] = []
        self.lots: list[str] = []
        self.captured: list[tuple[str, dict[str, Any]]] = []
        self.recalls = 0
        self.world.admit_laboratory("01/")
        for pallet, owner in zip(PALLETS, ("org:grower", "org:processor", "org:processor"), strict=True):
            self.world.make(owner, pallet)

    def somebody(self) -> str:
        return self.random.choice(NAMES)

    def things(self, count_max: int = 3) -> list[str]:
        known = self.serials + PALLETS
        return self.random.sample(known, k=min(len(known), self.random.randint(1, count_max)))

    def holder_of(self, identifier: str) -> str:
        """The organisation to which an item's own record points, so that some tries succeed; else anybody."""
        if self.random.random() < 0.15:
            return self.somebody()
        try:
            held = self.world.custody(identifier)
        except KeyError:
            return self.somebody()
        return held.heading_to or held.holder

    def new(self, owner: str, kind: str) -> str:
        known = self.serials if kind == "21" else self.lots
        name = f"{CLASSES[owner]}/{kind}/N{len(known)}"
        known.append(name)
        return name

    # --- what can be tried --------------------------------------------------------------------------------

    def commission(self) -> tuple[str, dict[str, Any]]:
        owner = self.random.choice(list(CLASSES))
        serials = [self.new(owner, "21") for _ in range(self.random.randint(0, 3))]
        if serials and self.random.random() < 0.1:
            serials.append(self.random.choice(self.serials[:-1] or serials))
        lots = {self.new(owner, "10"): (self.random.randint(1, 5), "KGM")}
        return owner, self.world.commissioning(*dict.fromkeys(serials), lots=lots)

    def ship(self) -> tuple[str, dict[str, Any]]:
        things = self.things(2)
        fields = {"disposition": "returned"} if self.random.random() < 0.2 else {}
        if self.lots and self.random.random() < 0.4:
            fields["quantityList"] = {self.random.choice(self.lots): None}  # type: ignore[assignment]
        return self.holder_of(things[0]), self.world.shipping(self.somebody(), *things, **fields)

    def receive(self) -> tuple[str, dict[str, Any]]:
        things = self.things(1)
        return self.holder_of(things[0]), self.world.receiving(*things)

    def void(self) -> tuple[str, dict[str, Any]]:
        things = self.things(1)
        return self.somebody(), self.world.event(action="OBSERVE", bizStep="void_shipping", epcList=things)

    def pack(self) -> tuple[str, dict[str, Any]]:
        things = [thing for thing in self.things() if thing not in PALLETS[:1]]
        parent = PALLETS[0] if self.random.random() < 0.5 else self.random.choice(PALLETS + self.serials[:2])
        things = [thing for thing in things if thing != parent]
        lots = {self.random.choice(self.lots): None} if self.lots and self.random.random() < 0.3 else None
        listed = {"childQuantityList": lots} if lots else {}
        if not things and not lots:
            return self.unpack()
        return self.holder_of(parent), self.world.packing(parent, *things, **listed)

    def unpack(self) -> tuple[str, dict[str, Any]]:
        parent = self.random.choice(PALLETS + self.serials[:2])
        things = [thing for thing in self.things() if thing != parent] if self.random.random() < 0.4 else []
        return self.holder_of(parent), self.world.packing(parent, *things, action="DELETE")

    def transform(self) -> tuple[str, dict[str, Any]]:
        owner = self.random.choice(list(CLASSES))
        inputs: dict[str, Any] = {}
        if self.lots:
            quantity = (self.random.randint(1, 4), "KGM") if self.random.random() < 0.7 else None
            inputs["inputQuantityList"] = {self.random.choice(self.lots): quantity}
        if self.serials and self.random.random() < 0.5:
            inputs["inputEPCList"] = [self.random.choice(self.serials)]
        if not inputs:
            return self.commission()
        outputs: dict[str, Any] = {"outputEPCList": [self.new(owner, "21") for _ in range(self.random.randint(1, 3))]}
        if self.random.random() < 0.4:
            outputs = {"outputQuantityList": {self.new(owner, "10"): (self.random.randint(1, 4), "KGM")}}
        return owner, self.world.event("TransformationEvent", **inputs, **outputs, **PLACE)

    def end(self) -> tuple[str, dict[str, Any]]:
        things = self.things(1)
        step = self.random.choice(("retail_selling", "destroying"))
        fields = {"quantityList": {self.random.choice(self.lots): (1, "KGM")}} if self.lots else {}
        event = self.world.event(action="DELETE", bizStep=step, epcList=things, **fields)
        return self.holder_of(things[0]), event

    def observe(self) -> tuple[str, dict[str, Any]]:
        at_ms = self.world.time_ms - self.random.randint(0, 20_000)
        number = self.random.randint(0, 10**9)
        event_id = f"urn:uuid:00000000-0000-4000-8000-{number:012x}"
        things = self.things()
        return self.somebody(), self.world.event(
            action="OBSERVE", bizStep="storing", epcList=things, eventID=event_id, time_ms=at_ms
        )

    def inspect(self) -> tuple[str, dict[str, Any]]:
        verdict = self.random.choice(("conformant", "non_conformant", "conformant"))
        return "org:laboratory", self.world.event(
            action="OBSERVE", bizStep="inspecting", disposition=verdict, epcList=self.things(2)
        )

    def correct(self) -> tuple[str, dict[str, Any]]:
        named = [(who, event) for who, event in self.captured if "eventID" in event and "errorDeclaration" not in event]
        if not named:
            return self.observe()
        who, event = self.random.choice(named)
        return who, {**event, "errorDeclaration": {"declarationTime": event["eventTime"], "reason": "incorrect_data"}}

    # --- blocks -------------------------------------------------------------------------------------------

    def transaction(self) -> SignedTransaction:
        """One transaction: mostly a capture, sometimes a recall or its end."""
        if self.random.random() < 0.06 and self.lots + self.serials:
            self.recalls += 1
            roots = (self.random.choice(self.lots + self.serials),)
            owner = next(name for name, key in CLASSES.items() if roots[0].startswith(key))
            return self.world.trade(owner, RecallItems(f"R{self.recalls}", roots, "because", 2))
        if self.random.random() < 0.04 and self.recalls:
            return self.world.trade(self.somebody(), LiftRecall(f"R{self.random.randint(1, self.recalls)}"))
        tries = (
            self.commission, self.ship, self.ship, self.receive, self.receive, self.void, self.pack, self.pack,
            self.unpack, self.transform, self.transform, self.end, self.observe, self.inspect, self.correct,
        )  # fmt: skip
        who, event = self.random.choice(tries)()
        events = [event]
        if self.random.random() < 0.1:
            events.append(self.observe()[1])
        self.captured.append((who, event))
        return self.world.capture(who, *events)

    def play(self, blocks: int) -> None:
        """Run blocks of one to four transactions, every third with due work."""
        for number in range(blocks):
            transactions = [self.transaction() for _ in range(self.random.randint(1, 4))]
            self.world.block(*transactions, due_work=number % 3 == 0)


def digest(world: World) -> str:
    """A hash over every receipt, every record of the state and every history entry."""
    whole = sha256()
    for result in world.results:
        whole.update(encode(result.receipts))
    for key, record in sorted(world.state.records.items()):
        whole.update(encode((key, record)))
    for owner, entries in sorted(world.state.histories.items()):
        whole.update(encode((owner, tuple(entries))))
    return whole.hexdigest()


if __name__ == "__main__":
    player = Player(int(sys.argv[1]))
    player.play(25)
    print(digest(player.world))
