"""The goods: two lots harvested, packs made of them, inspected, shipped cold, received, corrected, recalled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from client_sdk import event_builder as build
from client_sdk.event_builder import Circumstances, Reading
from client_sdk.intents import goods as goods_intents
from client_sdk.intents import governance
from client_sdk.member import Done
from client_sdk.values import Goods, read_identifier
from scripts.story.cast import ACCREDITOR, CARRIER, GROWER, LABORATORY, PROCESSOR, RETAILER, Cast
from scripts.story.network import START_S
from tallystick.epcis import JsonObject

KILOGRAM = "KGM"
MICRO = 1_000_000


def with_check_digit(digits: str) -> str:
    """Digits with their GS1 check digit (GS1 General Specifications, section 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return digits + str(-weighted % 10)


FIELD_GTIN = with_check_digit("0952100100001")
PACK_GTIN = with_check_digit("0952100200001")
FIELD_A, FIELD_B = f"01/{FIELD_GTIN}/10/FIELD-A", f"01/{FIELD_GTIN}/10/FIELD-B"
BATCH_A, BATCH_B = f"01/{PACK_GTIN}/10/BATCH-A", f"01/{PACK_GTIN}/10/BATCH-B"
PACKS_A = tuple(f"01/{PACK_GTIN}/21/A{number:03}" for number in range(1, 5))
PACKS_B = tuple(f"01/{PACK_GTIN}/21/B{number:03}" for number in range(1, 4))
PALLET_A, PALLET_B = (f"00/{with_check_digit(f'0952100300000000{number}')}" for number in (1, 2))
NEVER_ISSUED = f"01/{PACK_GTIN}/21/Z999"

FARM = "https://id.gs1.org/414/" + with_check_digit("952100100002")
PLANT = "https://id.gs1.org/414/" + with_check_digit("952100200002")
STORE = "https://id.gs1.org/414/" + with_check_digit("952100400002")


def item(key: str) -> Goods:
    """One identified thing or lot, without a quantity."""
    return Goods(read_identifier(key))


def lot(key: str, kilograms: int) -> Goods:
    """A lot with its weight."""
    return Goods(read_identifier(key), kilograms * MICRO, KILOGRAM)


@dataclass(slots=True)
class GoodsStory:
    """The acts about goods. ``events`` keeps what was captured, by name, for later acts."""

    cast: Cast
    events: dict[str, JsonObject] = field(default_factory=dict)
    done: dict[str, Done] = field(default_factory=dict)

    def capture(self, organisation: str, name: str, event: JsonObject) -> Done:
        """Capture one event and remember it."""
        self.events[name] = event
        self.done[name] = self.cast[organisation].capture([event])
        return self.done[name]

    def at(self, place: str = "", *, readings: tuple[Reading, ...] = ()) -> Circumstances:
        """Now, at a place."""
        return Circumstances(
            time_ms=self.cast[GROWER].client.chain_time_ms(),
            event_id=build.event_id_of(os.urandom(16)),
            offset="+08:00",
            read_point=place,
            location=place or PLANT,
            readings=readings,
        )

    # --- acts ---------------------------------------------------------------------------------------------

    def harvest(self) -> None:
        """The grower harvests two lots of half a ton each."""
        for name, key in (("harvest-a", FIELD_A), ("harvest-b", FIELD_B)):
            self.capture(GROWER, name, build.commission([lot(key, 500)], self.at(FARM)))

    def deliver_to_plant(self) -> None:
        """The harvest goes to the processor in two steps: shipped by one, received by the other."""
        lots = [lot(FIELD_A, 500), lot(FIELD_B, 500)]
        ship = build.ship(lots, self.at(FARM), sender=GROWER, receiver=PROCESSOR)
        self.capture(GROWER, "ship-harvest", ship)
        receive = build.receive(lots, self.at(PLANT), sender=GROWER, receiver=PROCESSOR)
        self.capture(PROCESSOR, "receive-harvest", receive)

    def make_packs(self) -> None:
        """The processor turns each lot into a batch of serialised packs."""
        for field_lot, batch, packs in ((FIELD_A, BATCH_A, PACKS_A), (FIELD_B, BATCH_B, PACKS_B)):
            lots = [lot(field_lot, 500)]
            in_batch = [item(pack.replace("/21/", f"/10/{batch.rpartition('/')[2]}/21/")) for pack in packs]
            outputs = [lot(batch, 400), *in_batch]
            event = build.transform(lots, outputs, self.at(PLANT))
            self.capture(PROCESSOR, f"make-{batch[-1].lower()}", event)

    def accredit(self) -> None:
        """The accreditation body lets the laboratory inspect what the processor makes."""
        now = self.cast[ACCREDITOR].client.chain_time_ms()
        intent = governance.accredit(
            LABORATORY, (f"01/{PACK_GTIN}",), from_ms=now - 1_000, until_ms=now + 365 * 86_400_000
        )
        self.cast[ACCREDITOR].do(intent)

    def inspect(self) -> None:
        """The laboratory passes both batches."""
        for batch in (BATCH_A, BATCH_B):
            event = build.inspect(
                [item(batch)], self.at(PLANT), passed=True, certificates=["https://lab.example/certificate/17"]
            )
            self.capture(LABORATORY, f"inspect-{batch[-1].lower()}", event)

    def load(self) -> None:
        """The carrier brings pallets; the processor packs them and hands them over."""
        carrier_units = [item(PALLET_A), item(PALLET_B)]
        self.capture(CARRIER, "pallets", build.commission(carrier_units, self.at()))
        self.capture(CARRIER, "pallets-out", build.ship(carrier_units, self.at(), sender=CARRIER, receiver=PROCESSOR))
        self.capture(
            PROCESSOR, "pallets-in", build.receive(carrier_units, self.at(PLANT), sender=CARRIER, receiver=PROCESSOR)
        )
        for pallet, packs in ((PALLET_A, PACKS_A), (PALLET_B, PACKS_B)):
            event = build.pack(item(pallet), [item(pack) for pack in packs], self.at(PLANT))
            self.capture(PROCESSOR, f"pack-{packs[0][-4].lower()}", event)
        self.capture(
            PROCESSOR, "hand-over", build.ship(carrier_units, self.at(PLANT), sender=PROCESSOR, receiver=CARRIER)
        )
        self.capture(
            CARRIER, "take-over", build.receive(carrier_units, self.at(PLANT), sender=PROCESSOR, receiver=CARRIER)
        )

    def travel(self) -> None:
        """Temperatures on the way; one reading is wrong."""
        for name, value in (("warm-1", "3.5"), ("warm-wrong", "31.2"), ("warm-2", "4.1")):
            reading = (Reading(value),)
            event = build.observe([item(PALLET_A)], self.at(readings=reading), step="transporting")
            self.capture(CARRIER, name, event)

    def correct(self) -> None:
        """The carrier declares the wrong reading erroneous and records the right one."""
        right = build.observe([item(PALLET_A)], self.at(readings=(Reading("3.2"),)), step="transporting")
        self.capture(CARRIER, "warm-right", right)
        now = self.cast[CARRIER].client.chain_time_ms()
        declaration = build.declare_error(
            self.events["warm-wrong"], time_ms=now, corrective_event_ids=[str(right["eventID"])]
        )
        self.capture(CARRIER, "declaration", declaration)

    def ship_to_store(self) -> None:
        """Both pallets leave for the retailer."""
        pallets = [item(PALLET_A), item(PALLET_B)]
        self.capture(CARRIER, "ship-store", build.ship(pallets, self.at(), sender=CARRIER, receiver=RETAILER))

    def receive_at_store(self) -> None:
        """The retailer receives and unpacks."""
        pallets = [item(PALLET_A), item(PALLET_B)]
        event = build.receive(pallets, self.at(STORE), sender=CARRIER, receiver=RETAILER)
        self.capture(RETAILER, "receive-store", event)
        self.capture(RETAILER, "unpack-b", build.unpack(item(PALLET_B), [], self.at(STORE)))

    def recall(self) -> None:
        """The grower recalls one field lot; everything made of it carries the recall."""
        intent = goods_intents.recall(
            "RC-2026-11", (FIELD_B,), "Salmonella found in samples of this lot. 该批次样品检出沙门氏菌。", severity=1
        )
        self.done["recall"] = self.cast[GROWER].do(intent)

    def send_back(self) -> None:
        """Recalled packs may go back to who made them."""
        event = build.send_back([item(PACKS_B[0])], self.at(STORE), sender=RETAILER, receiver=PROCESSOR)
        self.capture(RETAILER, "send-back", event)

    def withdraw_shipment(self) -> None:
        """The carrier declares its shipment to the store erroneous; who has the goods does not change by that."""
        now = self.cast[CARRIER].client.chain_time_ms()
        declaration = build.declare_error(self.events["ship-store"], time_ms=now)
        self.capture(CARRIER, "withdrawn-shipment", declaration)

    def recalled_packs(self) -> tuple[str, ...]:
        """What was made of the recalled lot."""
        return PACKS_B

    def wait_until(self, reached: Callable[[], bool], timeout_s: float = START_S) -> None:
        """Ask until due work has been done."""
        deadline = time.monotonic() + timeout_s
        while not reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"due work is not done after {timeout_s:.0f} s")
            time.sleep(0.1)
