"""Goods from harvest to counter: every business step that changes something, and what each refuses."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from msgspec.structs import replace

from client_sdk.event_builder import (
    Reading,
    commission,
    declare_error,
    destroy,
    inspect,
    observe,
    receive,
    sell,
    send_back,
    ship,
    transform,
)
from tallystick.epcis import DISCREET, JsonObject, split_event
from tallystick.payloads.goods import OpenItem
from tallystick.reasons import Reason
from tallystick.records.members import party_uri
from tallystick.transactions import Event
from tests.golden.author import Author, Story
from tests.golden.founders import DAY, HOUR, goods, gtin, named

GROWER, PROCESSOR, CARRIER, RETAILER = "org:grower", "org:processor", "org:carrier", "org:retailer"
LABORATORY = "org:laboratory"
FRUIT = gtin("95211110", "1")
LOT_A, LOT_B, LOT_C = (f"{FRUIT}/10/{name}" for name in ("A", "B", "C"))
CRATE_CLASS = gtin("95211110", "7")
ASSET, SENSOR = "8004/95211110TRAY1", "8004/95211110LOGGER1"
PUREE = gtin("95212345", "3")
STRANGE = "01/09629990000015/10/X"  # a lot under a prefix that nobody holds here


def harvest(author: Author) -> Story:
    """Lots, assets and a class come under control; what cannot is refused or stays a statement."""
    author.capture(GROWER, commission(goods(f"{LOT_A}=100.5KGM", f"{LOT_B}=80KGM"), author.at()))
    author.capture(
        GROWER,
        commission(goods(ASSET, SENSOR), author.at()),
        commission(
            goods(CRATE_CLASS),
            author.at(namespaces={"ex": "https://example.org/terms#"}, extra={"ex:season": "spring ☘"}),
            ilmd={"cbvmda:countryOfOrigin": "CN"},
        ),
    )
    author.capture(GROWER, commission(goods(f"{LOT_C}=40KGM"), author.at()))
    yield 0
    again = commission(goods(f"{LOT_A}=1KGM"), author.at())
    author.capture(GROWER, again, reason=Reason.ALREADY_COMMISSIONED)
    author.capture(CARRIER, commission(goods(f"{FRUIT}/10/Z=1KGM"), author.at()), reason=Reason.NOT_PREFIX_HOLDER)
    author.capture(GROWER, commission(goods(f"{FRUIT}/10/Z"), author.at()), reason=Reason.PROFILE_FIELD_MISSING)
    bare = commission(goods(f"{FRUIT}/21/BARE"), author.at(location=""))
    author.capture(GROWER, bare, reason=Reason.PROFILE_FIELD_MISSING)
    author.capture(
        GROWER, commission(goods(f"{FRUIT}/10/Z=2000000000KGM"), author.at()), reason=Reason.RECORD_TOO_LARGE
    )
    late = commission(goods(f"{FRUIT}/21/LATE"), author.at(time_ms=author.now + HOUR))
    author.capture(GROWER, late, reason=Reason.EVENT_IN_FUTURE)
    mixed = commission(goods(f"{FRUIT}/10/Z=1KGM", f"{STRANGE}=1KGM"), author.at())
    author.capture(GROWER, mixed, reason=Reason.MIXED_CONTROL)
    yield 0
    seen = observe(goods(LOT_A), author.at(readings=[Reading("-0.5"), Reading("3.25", time_ms=author.now - HOUR)]))
    author.capture(GROWER, seen)
    parts = split_event(observe(goods(LOT_B), author.at(read_point="https://id.gs1.org/414/9521111000013")), DISCREET)
    author.capture(GROWER, Event(parts.public, named("salt"), parts.members, 3, named("sealed")))
    author.capture(GROWER, association(author, ASSET, SENSOR), sale_of(author, LOT_A))
    author.capture(GROWER, observe(goods(LOT_A, STRANGE), author.at()), reason=Reason.MIXED_CONTROL)
    author.capture(CARRIER, observe(goods(LOT_A), author.at()), reason=Reason.NOT_A_PARTY)
    yield 0
    first = author.capture(GROWER, observe(goods(CRATE_CLASS), author.at()))
    yield 0
    author.add(first, Reason.REPLAYED, "replayed")
    author.capture(GROWER, *first.events, reason=Reason.DUPLICATE)
    author.capture(GROWER, *first.events, observe(goods(LOT_B), author.at()))
    before = observe(goods(LOT_B), author.at())
    author.capture(GROWER, before, *first.events, again, reason=Reason.ALREADY_COMMISSIONED)
    yield 0


def association(author: Author, parent: str, child: str) -> JsonObject:
    """An AssociationEvent: a sensor is fixed to an asset."""
    event = observe(goods(child), author.at(), step="installing")
    del event["epcList"]
    (one,), (other,) = goods(parent), goods(child)
    return event | {
        "type": "AssociationEvent",
        "action": "ADD",
        "parentID": one.identifier.uri,
        "childEPCs": [other.identifier.uri],
    }


def sale_of(author: Author, lot: str, step: str = "accepting") -> JsonObject:
    """A TransactionEvent: goods belong to a purchase order."""
    order = ("po", "https://id.gs1.org/253/9521111000013ORDER7")
    return observe(goods(lot), author.at(documents=[order]), step=step) | {"type": "TransactionEvent", "action": "ADD"}


def statements(author: Author) -> Story:
    """Events about what nobody controls are kept as their signer's word, and can be corrected."""
    event = observe(goods(STRANGE), author.at(), step="storing")
    author.capture(CARRIER, event)
    yield 0
    author.capture(RETAILER, commission(goods(f"{STRANGE}=3KGM"), author.at()))
    author.capture(CARRIER, transform(goods(f"{STRANGE}=1KGM"), goods("01/09629990000015/10/Y=1KGM"), author.at()))
    author.capture(CARRIER, declare_error(event, time_ms=author.now, reason="did_not_occur"))
    author.capture(
        CARRIER,
        transform(goods(f"{STRANGE}=1KGM"), goods(f"{LOT_A}=1KGM"), author.at()),
        reason=Reason.MIXED_CONTROL,
    )
    yield 0
    author.capture(CARRIER, declare_error(event, time_ms=author.now), reason=Reason.ALREADY_CORRECTED)
    other = observe(goods(STRANGE), author.at())
    author.capture(CARRIER, declare_error(other, time_ms=author.now))  # of an event that only others know: a statement
    unknown = observe(goods(LOT_A), author.at())
    author.capture(CARRIER, declare_error(unknown, time_ms=author.now), reason=Reason.UNKNOWN_EVENT)
    repeated = observe(goods(STRANGE), author.at(event_id=event["eventID"]))
    author.capture(CARRIER, repeated, reason=Reason.ALREADY_EXISTS)
    yield 0


def shipments(author: Author) -> Story:
    """Custody in two steps, called back, sent back, corrected; and everybody who may not."""
    at = author.at
    to_processor = {"sender": GROWER, "receiver": PROCESSOR}
    author.capture(PROCESSOR, receive(goods(LOT_A), at(), **to_processor), reason=Reason.NOT_IN_TRANSIT)
    author.capture(PROCESSOR, ship(goods(LOT_A), at(), sender=PROCESSOR, receiver=GROWER), reason=Reason.NOT_HOLDER)
    nowhere = ship(goods(LOT_A), at(), **to_processor)
    del nowhere["destinationList"]
    author.capture(GROWER, nowhere, reason=Reason.RECEIVER_MISSING)
    author.capture(GROWER, ship(goods(LOT_A), at(), sender=GROWER, receiver="org:nobody"), reason=Reason.NOT_FOUND)
    author.capture(GROWER, ship(goods(LOT_A), at(), sender=GROWER, receiver=GROWER), reason=Reason.SAME_ORGANISATION)
    author.capture(GROWER, ship(goods(CRATE_CLASS), at(), **to_processor), reason=Reason.CLASS_HAS_NO_CUSTODY)
    author.capture(GROWER, ship(goods(f"{LOT_A}=1KGM"), at(), **to_processor), reason=Reason.PART_OF_A_LOT)
    author.capture(GROWER, ship(goods(f"{LOT_A}=1LTR"), at(), **to_processor), reason=Reason.UNIT_MISMATCH)
    author.capture(GROWER, ship(goods(f"{LOT_A}=101KGM"), at(), **to_processor), reason=Reason.QUANTITY_SHORT)
    wrong = sale_of(author, LOT_A, step="shipping")
    author.capture(GROWER, wrong, reason=Reason.WRONG_EVENT_TYPE)
    yield 0
    sent = ship(goods(f"{LOT_A}=100.5KGM", LOT_B), at(), **to_processor)
    author.capture(GROWER, sent)
    yield 0
    author.capture(CARRIER, receive(goods(LOT_A), at(), **to_processor), reason=Reason.NOT_ADDRESSED_TO_YOU)
    author.capture(GROWER, ship(goods(LOT_A), at(), **to_processor), reason=Reason.IN_TRANSIT)
    author.capture(GROWER, void(author, LOT_B))
    author.capture(PROCESSOR, receive(goods(LOT_A), at(), **to_processor))
    yield 0
    author.capture(GROWER, void(author, LOT_B), reason=Reason.NOT_IN_TRANSIT)
    author.capture(GROWER, void(author, LOT_A), reason=Reason.NOT_HOLDER)
    author.capture(GROWER, declare_error(sent, time_ms=author.now, corrective_event_ids=[str(sent["eventID"])]))
    gln = ship(goods(LOT_B), at(), **to_processor)
    gln["destinationList"] = [
        {"type": "possessing_party", "destination": "https://id.gs1.org/417/9521234500001"},
        {"type": "owning_party", "destination": party_uri(RETAILER)},
    ]
    author.capture(GROWER, gln)
    yield 0
    author.capture(PROCESSOR, receive(goods(LOT_B), at(offset="+08:00"), **to_processor))
    yield 0
    author.capture(PROCESSOR, send_back(goods(LOT_B), at(), sender=PROCESSOR, receiver=GROWER))
    yield 0
    author.capture(GROWER, receive(goods(LOT_B), at(), sender=PROCESSOR, receiver=GROWER))
    yield 0


def void(author: Author, lot: str) -> JsonObject:
    """A shipment is called back."""
    return observe(goods(lot), author.at(), step="void_shipping")


def declared(author: Author) -> Story:
    """Identifiers older than the ledger are opened with a declared origin; their holder takes them over."""
    old = f"{PUREE}/21/OLD"

    def open_item(reason: Reason = Reason.NONE, who: str = PROCESSOR, **fields: object) -> None:
        payload = OpenItem(old, PROCESSOR, "", 0, "", "made in 2019, before the ledger")
        author.payload(who, replace(payload, **fields), reason, ("CAPTURE",))

    open_item(Reason.NOT_PREFIX_HOLDER, GROWER)
    open_item(Reason.WRONG_KIND, quantity=1)
    open_item(Reason.WRONG_KIND, lot=LOT_A)
    open_item(Reason.WRONG_KIND, identifier="414/9521234500001")
    open_item(Reason.BAD_NAME, identifier="01/123")
    open_item(Reason.PROFILE_FIELD_MISSING, identifier=f"{PUREE}/10/OLD")
    open_item(Reason.NOT_FOUND, holder="org:nobody")
    open_item(lot=f"{PUREE}/10/OLDLOT")
    open_item(identifier=f"{PUREE}/10/OLD", quantity=12_500_000, unit="LTR", holder=RETAILER)
    yield 0
    open_item(Reason.ALREADY_COMMISSIONED)
    lot = goods(f"{PUREE}/10/OLD")
    author.capture(RETAILER, receive(lot, author.at(), sender=PROCESSOR, receiver=RETAILER))
    yield 0
    author.capture(RETAILER, sell(goods(f"{PUREE}/10/OLD=2.25LTR"), author.at()))
    author.capture(RETAILER, destroy(goods(f"{PUREE}/10/OLD=0.25LTR"), author.at(location="")))
    yield 0
    author.capture(RETAILER, sell(lot, author.at()))
    author.capture(PROCESSOR, destroy(goods(old), author.at()))
    yield 0
    author.capture(RETAILER, sell(lot, author.at()), reason=Reason.NOT_ACTIVE)
    yield 0


def inspections(author: Author) -> Story:
    """A lot fails, cannot leave, is declared a mistake of the laboratory, and passes with its report."""
    to_retailer = {"sender": GROWER, "receiver": RETAILER}
    report = "ni:///sha-256;" + urlsafe_b64encode(named("report")).decode().rstrip("=")
    failed = inspect(goods(LOT_C), author.at(documents=[("testres", report)]), passed=False)
    author.capture(LABORATORY, failed)
    unclear = inspect(goods(LOT_C), author.at(), passed=True) | {"disposition": "unknown"}
    author.capture(LABORATORY, unclear, reason=Reason.PROFILE_FIELD_MISSING)
    yield 0
    author.capture(GROWER, ship(goods(LOT_C), author.at(), **to_retailer), reason=Reason.INSPECTION_FAILED)
    author.capture(GROWER, sell(goods(f"{LOT_C}=1KGM"), author.at()), reason=Reason.INSPECTION_FAILED)
    author.capture(LABORATORY, declare_error(failed, time_ms=author.now, reason="https://example.org/mix-up"))
    author.capture(LABORATORY, declare_error(failed, time_ms=author.now), reason=Reason.ALREADY_CORRECTED)
    yield 0
    again = inspect(goods(LOT_C), author.at(), passed=True)
    author.capture(LABORATORY, again)
    wordy = declare_error(again, time_ms=author.now, reason="https://example.org/" + "x" * 200)
    author.capture(LABORATORY, wordy, reason=Reason.RECORD_TOO_LARGE)
    author.capture(GROWER, ship(goods(LOT_C), author.at(), **to_retailer))
    yield 0
    author.capture(RETAILER, receive(goods(LOT_C), author.at(time_ms=author.now - DAY), **to_retailer))
    yield 0
