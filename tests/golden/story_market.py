"""A market that nobody planned: many small steps in an order drawn by hashing, most allowed and some not.

The other stories say what must come of each transaction; here whatever comes is frozen as it is. What is drawn depends
on the drawing alone and on the state, so the market is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

from client_sdk.event_builder import (
    Reading,
    commission,
    declare_error,
    destroy,
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
from tallystick.conditions import DocumentType
from tallystick.epcis import JsonObject
from tallystick.payloads.goods import LiftRecall, RecallItems
from tallystick.payloads.trade import RecordDocument, Transfer
from tallystick.records.base import read_members
from tallystick.records.goods import ItemMembers, item_key
from tests.golden.author import Author, Story
from tests.golden.founders import HOUR, goods, gtin, named, sscc
from tests.golden.story_goods import CARRIER, GROWER, PROCESSOR, RETAILER
from tests.golden.story_trade import BANK

T = TypeVar("T")
TRADERS = (GROWER, PROCESSOR, CARRIER, RETAILER)
CASES, LOOSE = gtin("95212345", "8"), gtin("95211110", "8")
CRATES = tuple(sscc("95211110", f"8{number}") for number in range(4))


class Market:
    """What the market remembers between its blocks."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.things: list[str] = list(CRATES)
        self.told: list[tuple[str, JsonObject]] = []
        self.recalls: list[str] = []
        self._drawn = 0

    def draw(self, count: int) -> int:
        """A number below ``count``."""
        self._drawn += 1
        return int.from_bytes(sha256(f"market {self._drawn}".encode()).digest(), "big") % count

    def one_of(self, choices: Sequence[T]) -> T:
        """One of several."""
        return choices[self.draw(len(choices))]

    def some_things(self) -> list[str]:
        """One to three different things, rather new ones."""
        recent = self.things[-24:]
        return sorted({self.one_of(recent) for _ in range(1 + self.draw(3))})

    def custody(self, thing: str) -> ItemMembers | None:
        """Who has a thing, as of the newest block."""
        record = self.author.run.state.get(item_key(thing))
        return None if record is None else read_members(record, ItemMembers)

    def capture(self, organisation: str, event: JsonObject) -> None:
        """Put an event into the next block, whatever comes of it."""
        self.author.capture(organisation, event, reason=None)
        self.told.append((organisation, event))

    # --- steps --------------------------------------------------------------------------------------------

    def make(self) -> None:
        """New serials, sometimes with a lot."""
        maker, kind = self.one_of(((GROWER, LOOSE), (PROCESSOR, CASES)))
        number = self._drawn
        new = [f"{kind}/21/S{number}-{index}" for index in range(1 + self.draw(4))]
        if self.draw(3) == 0:
            new.append(f"{kind}/10/L{number}")
        self.things += new
        made = [f"{thing}={1 + self.draw(40)}.5KGM" if "/10/" in thing else thing for thing in new]
        self.capture(maker, commission(goods(*made), self.author.at()))

    def move(self) -> None:
        """What a thing's custody allows next: receive it, void it, ship it on, send it back."""
        thing = self.one_of(self.things[-24:])
        custody = self.custody(thing)
        at = self.author.at()
        if custody is None:
            self.capture(self.one_of(TRADERS), observe(goods(thing), at))
        elif custody.heading_to and self.draw(5) == 0:
            self.capture(custody.holder, observe(goods(thing), at, step="void_shipping"))
        elif custody.heading_to:
            taker = custody.heading_to if self.draw(8) else self.one_of(TRADERS)
            self.capture(taker, receive(goods(thing), at, sender=custody.holder, receiver=taker))
        else:
            step = send_back if self.draw(6) == 0 else ship
            giver = custody.holder if self.draw(8) else self.one_of(TRADERS)
            self.capture(giver, step(goods(thing), at, sender=giver, receiver=self.one_of(TRADERS)))

    def stow(self) -> None:
        """Into a crate, or out of it."""
        crate = self.one_of(CRATES)
        custody = self.custody(crate)
        who = custody.holder if custody is not None else GROWER
        contents = [thing for thing in self.some_things() if thing != crate]
        if self.draw(3) == 0:
            self.capture(who, unpack(read_goods(crate), (), self.author.at()))
        elif contents:
            self.capture(who, pack(read_goods(crate), goods(*contents), self.author.at()))

    def use(self) -> None:
        """Sold, destroyed, made into something else, or looked at."""
        things = self.some_things()
        custody = self.custody(things[0])
        who = custody.holder if custody is not None else self.one_of(TRADERS)
        at = self.author.at(readings=[Reading(f"{self.draw(9)}.{self.draw(10)}5")])
        match self.draw(5):
            case 0:
                self.capture(who, sell(goods(*things[:1]), at))
            case 1:
                self.capture(who, destroy(goods(*things[:1]), at))
            case 2:
                kind = LOOSE if who == GROWER else CASES
                made = f"{kind}/21/T{self._drawn}"
                self.things.append(made)
                self.capture(who, transform(goods(*things), goods(made), at))
            case _:
                self.capture(who, observe(goods(*things), at, step=self.one_of(("storing", "loading", "picking"))))

    def regret(self) -> None:
        """An earlier event is declared erroneous, or sent once more."""
        organisation, event = self.one_of(self.told)
        if self.draw(3) == 0:
            self.capture(organisation, event)
        elif "errorDeclaration" not in event:
            self.capture(organisation, declare_error(event, time_ms=self.author.now))

    def recall(self) -> None:
        """A recall comes or goes."""
        if self.recalls and self.draw(2):
            self.author.payload(GROWER, LiftRecall(self.one_of(self.recalls)), None)
            return
        self.recalls.append(f"market-{self._drawn}")
        payload = RecallItems(self.recalls[-1], (self.one_of(self.things),), "Somebody did not like it.", 2)
        self.author.payload(self.one_of((GROWER, "org:regulator")), payload, None)

    def trade(self) -> None:
        """A payment or a paper."""
        payer, payee = self.one_of((GROWER, PROCESSOR, RETAILER)), self.one_of((PROCESSOR, RETAILER, CARRIER))
        if self.draw(2):
            payment = Transfer(BANK, "CNY", payee, 1 + self.draw(90_000), named("market", self.draw(40)))
            self.author.payload(payer, payment, None)
        else:
            kind = self.one_of(list(DocumentType))
            self.author.payload(payer, RecordDocument(kind, named("paper", self.draw(40)), payee, ()), None)


def market(author: Author, last_height: int) -> Story:
    """Open until a height; now and then it rests, for a block or for some hours."""
    here = Market(author)
    author.capture(GROWER, commission(goods(*CRATES), author.at()))
    here.make()
    yield 0
    steps = (here.make, here.move, here.move, here.move, here.stow, here.stow, here.use, here.use, here.trade)
    while len(author.blocks) < last_height:
        for _ in range(here.draw(5)):
            here.one_of(steps)()
        if here.draw(4) == 0:
            here.one_of((here.regret, here.recall))()
        yield author.now + 5 * HOUR if here.draw(30) == 0 else author.now + 1
