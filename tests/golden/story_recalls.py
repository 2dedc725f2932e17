"""A thousand packs: made from a lot in one event, packed on a pallet, recalled at the root and reached step by step."""

from __future__ import annotations

from client_sdk.event_builder import (
    commission,
    declare_error,
    observe,
    pack,
    receive,
    sell,
    send_back,
    ship,
    transform,
    unpack,
)
from client_sdk.values import read_goods
from tallystick.payloads.goods import LiftRecall, RecallItems
from tallystick.reasons import Reason
from tests.golden.author import Author, Story
from tests.golden.founders import goods, gtin, sscc
from tests.golden.story_goods import CARRIER, GROWER, PROCESSOR, RETAILER, void

ROOTS = gtin("95211110", "4")
HARVEST, OTHER_HARVEST = f"{ROOTS}/10/H1", f"{ROOTS}/10/H2"
PACKS = gtin("95212345", "1")
PACK_LOT = f"{PACKS}/10/L1"
PACK_COUNT = 900
MEALS = gtin("95212345", "5")
MEALS_LOT = f"{MEALS}/10/M1"
PALLET, BOX = sscc("95212345", "1"), sscc("95212345", "2")
DEEP = tuple(sscc("95212345", str(30 + level)) for level in range(6))


def serials(count: int, start: int = 0) -> list[str]:
    """Packs of the lot, in texts that also name the lot."""
    return [f"{PACK_LOT}/21/P{number}" for number in range(start, start + count)]


def packs(author: Author) -> Story:
    """Harvest, production, packing, a shipment of everything at once, a recall that spreads, goods that come back."""
    at = author.at
    author.capture(GROWER, commission(goods(f"{HARVEST}=500KGM", f"{OTHER_HARVEST}=200KGM"), at()))
    yield 0
    handed = {"sender": GROWER, "receiver": PROCESSOR}
    author.capture(GROWER, ship(goods(HARVEST, OTHER_HARVEST), at(), **handed))
    yield 0
    author.capture(PROCESSOR, receive(goods(HARVEST, OTHER_HARVEST), at(), **handed))
    author.capture(PROCESSOR, commission(goods(PALLET, BOX, *DEEP), at()))
    yield 0
    yield from _production(author)
    yield from _packing(author)
    yield from _delivery(author)
    yield from _recall(author)


def _production(author: Author) -> Story:
    at = author.at
    made = goods(f"{PACK_LOT}={PACK_COUNT}", *serials(PACK_COUNT))
    author.capture(PROCESSOR, transform(goods(f"{HARVEST}=450.125KGM"), made, at()))
    yield 0
    author.capture(PROCESSOR, transform(goods(f"{HARVEST}=1KGM"), made[:1], at()), reason=Reason.OUTPUT_EXISTS)
    more = goods(f"{MEALS}/10/M1=60KGM")
    author.capture(PROCESSOR, transform(goods(f"{OTHER_HARVEST}=50KGM"), more, at()), reason=Reason.QUANTITY_SHORT)
    meals = transform(goods(f"{OTHER_HARVEST}=50KGM", *serials(2)), goods(f"{MEALS}/10/M1=40KGM"), at())
    author.capture(PROCESSOR, meals)
    blank = transform(goods(f"{OTHER_HARVEST}"), goods(f"{MEALS}/21/M2"), at(location=""))
    author.capture(PROCESSOR, blank, reason=Reason.PROFILE_FIELD_MISSING)
    yield 0
    further = goods(f"{MEALS}/21/M3", f"{MEALS}/21/M4")
    author.capture(PROCESSOR, transform(goods(f"{MEALS}/10/M1=10.5KGM"), further, at()))
    yield 0


def _packing(author: Author) -> Story:
    at = author.at
    inside = goods(*serials(PACK_COUNT - 10, 10))
    author.capture(PROCESSOR, pack(read_goods(PALLET), inside, at()))
    author.capture(PROCESSOR, pack(read_goods(BOX), goods(*serials(3, 2), f"{MEALS}/21/M3"), at()))
    yield 0
    author.capture(PROCESSOR, pack(read_goods(BOX), inside[:1], at()), reason=Reason.ALREADY_IN_CONTAINER)
    author.capture(PROCESSOR, unpack(read_goods(BOX), inside[:1], at()), reason=Reason.NOT_IN_CONTAINER)
    author.capture(PROCESSOR, pack(read_goods("414/9521234500001"), inside[:1], at()), reason=Reason.WRONG_KIND)
    author.capture(PROCESSOR, unpack(read_goods(DEEP[5]), (), at()), reason=Reason.NOT_IN_CONTAINER)
    author.capture(GROWER, unpack(read_goods(BOX), (), at()), reason=Reason.NOT_HOLDER)
    author.capture(PROCESSOR, sell(goods(PALLET), at()), reason=Reason.WRONG_STATE)
    author.capture(PROCESSOR, pack(read_goods(PALLET), goods(BOX), at()))
    yield 0
    for outer, inner in zip(DEEP[1:5], DEEP, strict=False):
        author.capture(PROCESSOR, pack(read_goods(outer), goods(inner), at()))
    author.capture(PROCESSOR, pack(read_goods(DEEP[5]), goods(DEEP[4]), at()), reason=Reason.CONTAINER_FULL)
    yield 0
    author.capture(PROCESSOR, unpack(read_goods(DEEP[1]), (), at()))
    yield 0
    author.capture(PROCESSOR, observe(goods(DEEP[1]), at(time_ms=author.now - 5_000)))  # a late reading
    yield 0


def _delivery(author: Author) -> Story:
    at = author.at
    first, second = {"sender": PROCESSOR, "receiver": CARRIER}, {"sender": CARRIER, "receiver": RETAILER}
    turns = [event for _ in range(4) for event in (ship(goods(PALLET), at(), **first), void(author, PALLET))]
    author.capture(PROCESSOR, *turns, ship(goods(PALLET), at(), **first), reason=Reason.SHARE_SPENT)
    yield 0
    author.capture(PROCESSOR, *turns[:2], ship(goods(PALLET), at(), **first))
    yield 0
    author.capture(PROCESSOR, unpack(read_goods(BOX), (), at()), reason=Reason.IN_TRANSIT)
    author.capture(CARRIER, receive(goods(BOX), at(), **first), reason=Reason.ALREADY_IN_CONTAINER)
    author.capture(CARRIER, receive(goods(PALLET), at(), **first))
    yield 0
    author.capture(CARRIER, ship(goods(PALLET), at(), **second))
    yield 0
    author.capture(RETAILER, receive(goods(PALLET), at(), **second))
    yield 0
    out = goods(BOX, *serials(30, 10))
    author.capture(RETAILER, unpack(read_goods(PALLET), out, at()))
    author.capture(RETAILER, sell(goods(*serials(3, 10)), at()))
    yield 0
    counted = observe(goods(*serials(2, 20)), at(), step="stock_taking")
    author.capture(RETAILER, counted)
    yield 0
    author.capture(RETAILER, declare_error(counted, time_ms=author.now))
    yield 0


def _recall(author: Author) -> Story:
    at = author.at
    recall = RecallItems("recall-1", (HARVEST,), "Listeria was found in what was kept back.", 1)
    author.payload(CARRIER, recall, Reason.NOT_PREFIX_HOLDER)
    author.payload(GROWER, RecallItems("recall-1", (f"{ROOTS}/10/NONE",), "No such lot.", 3), Reason.NOT_FOUND)
    author.payload(GROWER, LiftRecall("recall-1"), Reason.NOT_FOUND)
    author.payload(GROWER, recall)
    yield 0
    author.payload(GROWER, recall, Reason.ALREADY_EXISTS)
    author.capture(PROCESSOR, transform(goods(HARVEST), goods(f"{MEALS}/21/M9"), at()), reason=Reason.RECALLED)
    yield from author.worked_off(author.now + 12_000)
    out = serials(1, 20)
    elsewhere = ship(goods(*out), at(), sender=RETAILER, receiver=GROWER)
    author.capture(RETAILER, elsewhere, reason=Reason.RECALLED)
    author.capture(RETAILER, sell(goods(*out), at()), reason=Reason.RECALLED)
    back = {"sender": RETAILER, "receiver": PROCESSOR}
    author.capture(RETAILER, send_back(goods(*out), at(), **back))
    yield 0
    author.capture(PROCESSOR, receive(goods(*out), at(), **back))
    held = (MEALS_LOT, PALLET, HARVEST, BOX, f"{MEALS}/21/M3", OTHER_HARVEST)
    author.payload("org:regulator", RecallItems("hold-2", held, "Held until it is tested.", 3))
    yield 0
    author.payload("org:regulator", LiftRecall("hold-2"))  # lifted while it spreads
    yield from author.worked_off(author.now + 4_000)
    author.payload(CARRIER, LiftRecall("recall-1"), Reason.ROLE_MISSING)
    author.payload(GROWER, LiftRecall("recall-1"))
    yield 0
    author.payload(GROWER, LiftRecall("recall-1"), Reason.WRONG_STATE)
    author.capture(RETAILER, sell(goods(*serials(1, 21)), at()))
    yield 0
