"""Worlds whose members record what is legal and seldom seen: a seeded generator of histories for the product page.

What the rules refuse is left out of the ledger as they would have it: only what took effect is on the pages.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from tallystick.epcis.identifiers import encode_value
from tallystick.errors import EventError, RefusedError
from tallystick.payloads.goods import LiftRecall, OpenItem, RecallItems
from tests.unit.explorer.chain import PRODUCT
from tests.world import World, founding, gtin, sscc

JUICE = gtin("952123452")
FRUIT = gtin("952111101")
ELSEWHERE = gtin("952199991")  # a prefix of nobody's
SIGNS = "!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz"
# Of the signs that GS1 has for serial and lot numbers.
SERIALS = (
    "0", "%", "%25", "%2F", "A/B", "a&amp;", "'\"", "<b>", "?at=5", "en", "...", "-", "__proto__", "constructor", "*",
    "1;2", "//", "%00", "+", "a=b&c", ":",
)  # fmt: skip
TEXTS = (
    "Salmonella", "在批次 H1 中发现沙门氏菌", "سالمونيلا في الدفعة", "חיידק", "two\nlines\r\n and\ttabs", "  ",
    "\u202eright to left\u202c", "<b>bold</b> &amp; <script>alert(1)</script>", "🍓🧪 emoji", "{time} {reason} %s",
    "a\u2028b\u2029c", "\ufeffmark", "\x00\x07\x1b[31mred", "~struck", "\u00a0space\u3000wide", "e\u0301 combining",
    "\u0085next", "✓ Proven", "$& $1 $`",
)  # fmt: skip
STEPS = (
    "storing", "transporting", "inspecting", "packing", "holding", "arriving", "sensor_reporting", "cycle_counting",
    "https://vendor.example/step/Washing?x=1&y=%20", "urn:vendor:step:__proto__",
)  # fmt: skip
STATES = ("in_progress", "in_transit", "damaged", "conformant", "non_conformant", "urn:vendor:disp:odd",
          "https://vendor.example/disp#x")  # fmt: skip
UNITS = ("CEL", "KEL", "FAH", "CEL", "CEL", "constructor", "toString", "__proto__", "", "°C", "A93", "cel")
NUMBERS = (
    0, 1e-6, -1e-6, -0.04, 0.005, -0.005, 3.2, 999_999_999_999_999, -999_999_999_999_999, 123_456_789_012.345,
    100_000_000_000_001, 400_000_000_000.125,
)  # fmt: skip
FRACTIONS = ("", ".5", ".0005", ".9995", ".999", ".99949", ".000000001", ".999999999", ".123456789")
OFFSETS = (0, 0, 840, -840, 330, -570, 1, -1)
MEMBERS = ("org:grower", "org:processor", "org:carrier", "org:retailer", "org:laboratory")
LATE_MS = 253_402_200_000_000  # in the last two days of the year 9999


def is_one(key: str) -> bool:
    """Whether a key text names one thing, not a lot or a class."""
    return "/10/" not in key and key != ELSEWHERE


@dataclass
class Odd:
    """A world that random members act in.

    Attributes:
        things: key texts with pages that something may have happened to.
        assets: those without, which hold things all the same, or become part of them.
    """

    seed: int
    world: World = field(default_factory=lambda: World(founding(clock_advance_allowed=False)))
    things: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    captured: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    recalls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.world.admit_laboratory("01/")
        if self.seed % 4 == 3:  # years later
            self.world.block(after_ms=LATE_MS - self.world.time_ms)

    def run(self, steps: int) -> None:
        """Make some things, then let members act."""
        self.pallet()
        make = (self.fruit, self.pack, self.pack, self.pallet, self.opened, self.asset)
        for _ in range(max(6, steps // 6)):
            self.random.choice(make)()
        acts = (
            self.observe, self.observe, self.observe, self.report, self.report, self.inspect, self.fill, self.fill,
            self.transform, self.recall, self.lift, self.declare, self.copy, self.hand_over, self.state, self.end,
        )  # fmt: skip
        for _ in range(steps):
            self.random.choice(acts)()
        self.world.work_off()

    # --- what is recorded ---

    def time(self, *, near: bool = False) -> str:
        """A legal date-time of the past in an odd spelling."""
        random, now = self.random, self.world.time_ms
        first = 0 if not near and random.random() < 0.2 else now - 3_600_000
        seconds = random.randint(first, now - 2_000) // 1_000
        if random.random() < 0.3:
            seconds = seconds // 60 * 60 + random.choice((0, 59))
        minutes = random.choice(OFFSETS)
        local = datetime.fromtimestamp(seconds, UTC) + timedelta(minutes=0)
        try:
            local = local.astimezone(timezone(timedelta(minutes=minutes)))
        except OverflowError:
            minutes = 0
        sign = "-" if minutes < 0 else "+"
        zone = "Z" if minutes == 0 else f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        return f"{local.strftime('%Y').zfill(4)}-{local:%m-%dT%H:%M:%S}{random.choice(FRACTIONS)}{zone}"

    def event(self, type_: str = "ObjectEvent", **fields: Any) -> dict[str, Any]:
        random = self.random
        value = self.world.event(type_, **fields) | {"eventTime": self.time()}
        if random.random() < 0.3 and self.captured:
            value["eventTime"] = random.choice(self.captured)[1]["eventTime"]
        if random.random() < 0.5:
            value["eventID"] = f"urn:uuid:{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}"
        if random.random() < 0.3:
            value["readPoint"] = {"id": random.choice(("https://id.gs1.org/414/9521234000013", "urn:x:place?q='a'&b"))}
        return value

    def send(self, member: str, event: dict[str, Any]) -> None:
        """Record an event, unless the rules refuse it."""
        with suppress(EventError, RefusedError):
            self.world.send(self.world.capture(member, event))
            self.captured.append((member, event))

    def member(self) -> str:
        return self.random.choice(MEMBERS)

    def maker(self, thing: str) -> str:
        """Who has a thing, as a rule."""
        if self.random.random() < 0.15:
            return self.member()
        return "org:grower" if thing.startswith(FRUIT) else "org:processor"

    def thing(self) -> str:
        return self.random.choice(self.assets if self.assets and self.random.random() < 0.1 else self.things)

    def value(self) -> str:
        """A serial or lot number."""
        random = self.random
        if random.random() < 0.4:
            return random.choice(SERIALS)
        return "".join(random.choice(SIGNS) for _ in range(random.randint(1, 20)))

    # --- things ---

    def fruit(self) -> None:
        lot = f"{FRUIT}/10/{encode_value(self.value())}"
        self.world.send(self.world.capture("org:grower", self.world.commissioning(lots={lot: (100, "KGM")})))
        self.things.append(lot)

    def pack(self) -> None:
        random = self.random
        lot = f"{PRODUCT}/10/{encode_value(self.value())}"
        if random.random() < 0.5:
            self.world.send(self.world.capture("org:processor", self.world.commissioning(lots={lot: 5})))
            self.things.append(lot)
        classes = (PRODUCT, JUICE, lot)  # a serial may state its lot
        packs = [f"{random.choice(classes)}/21/{encode_value(self.value())}" for _ in range(random.randint(1, 3))]
        self.make(*dict.fromkeys(packs))
        self.things += [re.sub("/10/[^/]+", "", pack) for pack in packs]

    def asset(self) -> None:
        asset = f"8004/95212345{encode_value(self.value())}"
        self.make(asset)
        self.assets.append(asset)

    def pallet(self) -> None:
        pallet = sscc(f"95212345{self.random.randint(0, 99999):05d}")
        self.make(pallet)
        self.things.append(pallet)

    def make(self, *keys: str) -> None:
        self.send("org:processor", self.world.commissioning(*keys) | {"eventTime": self.time()})

    def opened(self) -> None:
        random = self.random
        key = f"{PRODUCT}/21/{encode_value(self.value())}"
        lot = random.choice(("", *[thing for thing in self.things if thing.startswith(f"{PRODUCT}/10/")]))
        payload = OpenItem(key, random.choice(MEMBERS[:4]), lot, 0, "", random.choice(TEXTS))
        self.world.send(self.world.payload(payload, ("org:processor", "CAPTURE")))
        self.things.append(key)

    # --- acts ---

    def named(self, *keys: str) -> dict[str, Any]:
        """The lists of an event that name these things."""
        single = [key for key in keys if is_one(key)]
        lots = {key: 1 for key in keys if not is_one(key)}
        return ({"epcList": single} if single else {}) | ({"quantityList": lots} if lots else {})

    def observe(self) -> None:
        random = self.random
        thing = self.thing()
        event = self.event(action="OBSERVE", **self.named(thing))
        if random.random() < 0.8:
            event["bizStep"] = random.choice(STEPS)
        if random.random() < 0.6:
            event["disposition"] = random.choice(STATES)
        self.send(self.maker(thing), event)

    def report(self) -> None:
        thing = self.thing()
        event = self.event(action="OBSERVE", bizStep="sensor_reporting", **self.named(thing))
        event["sensorElementList"] = self.sensors(event["eventTime"])
        self.send(self.maker(thing), event)

    def sensors(self, event_time: str) -> list[dict[str, Any]]:
        random, elements = self.random, []
        for _ in range(random.choice((1, 1, 2))):
            reports = [self.reading(event_time) for _ in range(random.choice((1,) * 9 + (2, 3, 5, 20, 260)))]
            metadata = {"sensorMetadata": {"time": event_time}} if random.random() < 0.4 else {}
            elements.append({**metadata, "sensorReport": reports})
        return elements

    def reading(self, event_time: str) -> dict[str, Any]:
        random = self.random
        report: dict[str, Any] = {
            "type": random.choice(("Temperature",) * 5 + ("RelativeHumidity", "urn:vendor:type:T"))
        }
        for name in random.choice(
            (("value",), ("value",), ("minValue", "maxValue"), ("minValue", "value", "maxValue"), ())
        ):
            report[name] = self.number()
        if random.random() < 0.8:
            report["uom"] = random.choice(UNITS)
        if random.random() < 0.5:
            report["time"] = event_time
        if random.random() < 0.2:
            report["exception"] = random.choice(("ALARM_CONDITION", "ERROR_CONDITION", "urn:vendor:alert:x"))
        if random.random() < 0.1:
            report |= {"booleanValue": True, "stringValue": random.choice(TEXTS)}
        return report

    def number(self) -> int | float:
        random = self.random
        if random.random() < 0.6:
            return round(random.uniform(3, 3.1), random.randint(1, 4))
        if random.random() < 0.5:
            return random.choice((random.randint(-30, 90), round(random.uniform(-40, 120), 3)))
        return random.choice(NUMBERS)

    def inspect(self) -> None:
        found = self.random.choice(("conformant", "non_conformant"))
        event = self.event(action="OBSERVE", bizStep="inspecting", disposition=found, **self.named(self.thing()))
        self.send("org:laboratory", event)

    def fill(self) -> None:
        random = self.random
        parents = [key for key in (*self.things, *self.assets) if is_one(key)]
        parent, children = random.choice(parents), [self.thing() for _ in range(random.randint(1, 3))]
        single = [key for key in dict.fromkeys(children) if is_one(key) and key != parent]
        lots = {key: 1 for key in children if not is_one(key)}
        listed: dict[str, Any] = {"childEPCs": single} if single else {}
        listed |= {"childQuantityList": lots} if lots else {}
        action = random.choice(("ADD", "ADD", "DELETE", "OBSERVE"))
        event = self.event("AggregationEvent", action=action, parentID=parent, bizStep=random.choice(STEPS), **listed)
        self.send("org:processor", event)

    def transform(self) -> None:
        random = self.random
        output = f"{JUICE}/21/{encode_value(self.value())}"
        inputs = list(dict.fromkeys(self.thing() for _ in range(random.randint(1, 3))))
        lots = {key: 1 for key in inputs if not is_one(key)}
        listed = {"inputEPCList": [key for key in inputs if is_one(key)]} | (
            {"inputQuantityList": lots} if lots else {}
        )
        event = self.event("TransformationEvent", bizStep="creating_class_instance", outputEPCList=[output], **listed)
        self.send("org:processor", event)
        self.things.append(output)

    def recall(self) -> None:
        random = self.random
        roots = tuple(
            dict.fromkeys(random.choice((self.thing(), self.thing(), PRODUCT)) for _ in range(random.randint(1, 3)))
        )
        name = f"recall-{random.getrandbits(40)}"
        payload = RecallItems(name, roots, random.choice(TEXTS), random.randint(1, 3))
        self.world.send(self.world.trade(random.choice(("org:processor", "org:grower")), payload))
        self.recalls.append(name)

    def lift(self) -> None:
        if self.recalls and self.random.random() < 0.5:
            for member in ("org:processor", "org:grower"):
                self.world.send(self.world.trade(member, LiftRecall(self.random.choice(self.recalls))))

    def declare(self) -> None:
        """An event is declared erroneous, perhaps by another than who recorded it."""
        random = self.random
        known = [(who, event) for who, event in self.captured if "errorDeclaration" not in event and "eventID" in event]
        if not known:
            return
        who, event = random.choice(known)
        wrong: dict[str, Any] = {"declarationTime": self.time(near=True)}
        if random.random() < 0.7:
            wrong["reason"] = random.choice(("incorrect_data", "did_not_occur", "urn:vendor:reason:odd"))
        if random.random() < 0.5:
            wrong["correctiveEventIDs"] = [random.choice(known)[1]["eventID"]]
        self.send(random.choice((who, who, self.member())), {**event, "errorDeclaration": wrong})

    def copy(self) -> None:
        """Another records the same event, byte for byte."""
        if self.captured:
            self.send(self.member(), self.random.choice(self.captured)[1])

    def hand_over(self) -> None:
        thing = self.thing()
        if is_one(thing):
            giver, taker = self.maker(thing), self.member()
            self.send(giver, self.world.shipping(taker, thing))
            self.send(taker, self.world.receiving(thing))

    def state(self) -> None:
        """Something about what nobody controls."""
        key = f"{ELSEWHERE}/21/{encode_value(self.value())}"
        if self.random.random() < 0.2:
            key = ELSEWHERE
        event = self.event(action="OBSERVE", **({"quantityList": {key: 3}} if key == ELSEWHERE else {"epcList": [key]}))
        if self.random.random() < 0.5:
            event["sensorElementList"] = self.sensors(event["eventTime"])
        self.send(self.member(), event)
        self.things.append(key)

    def end(self) -> None:
        step = self.random.choice(("retail_selling", "decommissioning", "destroying"))
        thing = self.thing()
        if self.random.random() < 0.3:
            self.send(self.maker(thing), self.event(action="DELETE", bizStep=step, **self.named(thing)))
