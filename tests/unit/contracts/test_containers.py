"""Containers: sessions, custody by look-up, late readings, bounds."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.invariants import violations
from contracts.workspace import SHARE_PER_ORGANISATION
from tallystick.encoding import ZERO32
from tallystick.reasons import Reason
from tallystick.records.base import key_hash, read_members, read_public
from tallystick.records.goods import (
    HistoryKind,
    SessionMembers,
    SessionPublic,
    item_key,
    milestone_key,
    session_key,
)
from tests.world import START_MS, World, gtin, sscc

GRAIN = gtin("95211110")
A, B, C = (f"{GRAIN}/21/{name}" for name in "ABC")
LOT = f"{GRAIN}/10/H1"
PALLET = sscc("95211110")
CARTON = sscc("952111101")


@pytest.fixture
def world() -> World:
    world = World()
    world.make("org:grower", A, B, C, PALLET, CARTON, lots={LOT: (10, "KGM")})
    return world


def reason(world: World, organisation: str, event: dict[str, Any]) -> Reason:
    return world.reason(world.capture(organisation, event))


def sound(world: World) -> bool:
    return violations(world.state.records, world.state.histories) == []


def session(world: World, container: str, number: int) -> tuple[SessionPublic, SessionMembers]:
    record = world.state.records[session_key(container, number)]
    return read_public(record, SessionPublic), read_members(record, SessionMembers)


def kinds(world: World, owner: bytes) -> list[HistoryKind]:
    return [entry.kind for entry in world.state.histories[owner]]


def test_packing_opens_a_session_and_the_last_thing_out_closes_it(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(PALLET, A, B, childQuantityList={LOT: None})))
    shown, hidden = session(world, PALLET, 1)
    assert (shown.open, hidden.contents, hidden.total, hidden.depth) == (True, tuple(sorted((A, B, LOT))), 3, 0)
    assert world.item(A).container == key_hash(session_key(PALLET, 1))
    world.must(world.capture("org:grower", world.packing(PALLET, A, action="DELETE", childQuantityList={LOT: None})))
    assert session(world, PALLET, 1)[1].contents == (B,)
    assert world.item(A).container == ZERO32
    world.must(world.capture("org:grower", world.packing(PALLET, action="DELETE")))
    shown, hidden = session(world, PALLET, 1)
    assert (shown.open, hidden.contents, hidden.total) == (False, (), 0)
    assert shown.closed_ms >= shown.opened_ms
    world.must(world.capture("org:grower", world.packing(PALLET, C)))
    assert session(world, PALLET, 2)[1].contents == (C,)
    assert sound(world)


def test_packing_and_unpacking_link_items_to_their_sessions(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(PALLET, A)))
    world.must(world.capture("org:grower", world.packing(PALLET, A, action="DELETE")))
    link = key_hash(session_key(PALLET, 1))
    entries = world.state.histories[item_key(A)][1:]
    assert [(entry.kind, entry.link) for entry in entries] == [(HistoryKind.PACK, link), (HistoryKind.UNPACK, link)]
    own = world.state.histories[item_key(PALLET)][1:]
    assert [(entry.kind, entry.link) for entry in own] == [(HistoryKind.PACK, ZERO32), (HistoryKind.UNPACK, ZERO32)]
    assert kinds(world, session_key(PALLET, 1)) == [HistoryKind.PACK, HistoryKind.UNPACK]


def test_contents_follow_their_outermost_container(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(CARTON, A, B)))
    world.must(world.capture("org:grower", world.packing(PALLET, CARTON, C)))
    assert session(world, PALLET, 1)[1].total == 4
    world.hand_over("org:grower", "org:carrier", PALLET)
    assert world.custody(A).holder == "org:grower"  # its own record says so until it is unpacked
    moving = world.event(action="OBSERVE", bizStep="transporting", epcList=[A])
    world.must(world.capture("org:carrier", moving))
    assert reason(world, "org:grower", world.shipping("org:retailer", A)) is Reason.NOT_HOLDER
    assert reason(world, "org:carrier", world.shipping("org:retailer", A)) is Reason.ALREADY_IN_CONTAINER
    assert reason(world, "org:retailer", world.receiving(A)) is Reason.ALREADY_IN_CONTAINER
    world.must(world.capture("org:carrier", world.packing(CARTON, A, action="DELETE")))
    assert (world.custody(A).holder, world.custody(A).received_from) == ("org:carrier", "org:grower")
    assert session(world, PALLET, 1)[1].total == 3
    world.must(world.capture("org:carrier", world.packing(PALLET, action="DELETE")))
    assert world.custody(CARTON).holder == "org:carrier"
    assert session(world, CARTON, 1)[1].contents == (B,)
    assert sound(world)


def test_a_receipt_of_a_container_is_a_milestone_of_everything_inside(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(CARTON, A, childQuantityList={LOT: None})))
    world.must(world.capture("org:grower", world.packing(PALLET, CARTON)))
    world.hand_over("org:grower", "org:carrier", PALLET)
    for identifier in (PALLET, CARTON, A, LOT):
        assert milestone_key(identifier, HistoryKind.RECEIVE, "org:carrier") in world.state.records
    assert milestone_key(A, HistoryKind.SHIP, "org:grower") not in world.state.records


def test_packing_asks_for_custody_of_both_and_an_active_free_child(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(PALLET, A)))
    world.must(world.capture("org:grower", world.shipping("org:carrier", B)))
    sell = world.event(action="DELETE", bizStep="destroying", epcList=[C])
    world.must(world.capture("org:grower", sell))
    for organisation, event, expected in (
        ("org:carrier", world.packing(PALLET, A), Reason.NOT_HOLDER),
        ("org:grower", world.packing(CARTON, A), Reason.ALREADY_IN_CONTAINER),
        ("org:grower", world.packing(CARTON, B), Reason.IN_TRANSIT),
        ("org:grower", world.packing(CARTON, C), Reason.NOT_ACTIVE),
        ("org:grower", world.packing(CARTON, childQuantityList={LOT: (1, "KGM")}), Reason.PART_OF_A_LOT),
        ("org:grower", world.packing("414/9521234000013", A), Reason.WRONG_KIND),
        ("org:grower", world.packing(sscc("7777777"), A), Reason.MIXED_CONTROL),
    ):
        assert reason(world, organisation, event) is expected, event


def test_a_container_is_filled_before_it_is_packed(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(PALLET, CARTON)))
    assert reason(world, "org:grower", world.packing(CARTON, A)) is Reason.ALREADY_IN_CONTAINER


def test_unpacking_is_the_holders_and_only_of_what_is_inside(world: World) -> None:
    assert reason(world, "org:grower", world.packing(PALLET, action="DELETE")) is Reason.NOT_IN_CONTAINER
    world.must(world.capture("org:grower", world.packing(PALLET, A)))
    assert reason(world, "org:grower", world.packing(PALLET, B, action="DELETE")) is Reason.NOT_IN_CONTAINER
    assert reason(world, "org:carrier", world.packing(PALLET, A, action="DELETE")) is Reason.NOT_HOLDER
    world.must(world.capture("org:grower", world.shipping("org:carrier", PALLET)))
    assert reason(world, "org:grower", world.packing(PALLET, A, action="DELETE")) is Reason.IN_TRANSIT


def test_a_container_with_something_inside_is_neither_sold_nor_destroyed(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(PALLET, A)))
    for step in ("retail_selling", "destroying"):
        event = world.event(action="DELETE", bizStep=step, epcList=[PALLET])
        assert reason(world, "org:grower", event) is Reason.WRONG_STATE


def test_containers_nest_four_deep_and_not_deeper(world: World) -> None:
    boxes = [sscc(f"95211110{number}") for number in range(1, 6)]
    world.make("org:grower", *[box for box in boxes if box != CARTON])
    inside = A
    for box in boxes[:4]:
        world.must(world.capture("org:grower", world.packing(box, inside)))
        inside = box
    assert reason(world, "org:grower", world.packing(boxes[4], inside)) is Reason.CONTAINER_FULL
    assert sound(world)


def test_a_container_holds_a_thousand_things_at_all_levels(world: World) -> None:
    serials = [f"{GRAIN}/21/S{number:04d}" for number in range(999)]
    world.make("org:grower", *serials)
    world.must(world.capture("org:grower", world.packing(CARTON, *serials)))
    world.must(world.capture("org:grower", world.packing(PALLET, CARTON)))
    assert reason(world, "org:grower", world.packing(PALLET, A)) is Reason.CONTAINER_FULL
    world.hand_over("org:grower", "org:carrier", PALLET)
    assert sound(world)


def test_looking_into_containers_is_bounded_per_organisation_and_block(world: World) -> None:
    serials = [f"{GRAIN}/21/S{number:04d}" for number in range(900)]
    world.make("org:grower", *serials)
    world.must(world.capture("org:grower", world.packing(PALLET, *serials)))
    transactions = []
    for number in range(6):
        step = {"disposition": "in_transit"} if number % 2 else {}
        transactions.append(
            world.capture("org:grower", world.shipping("org:carrier", PALLET, time_ms=START_MS + number))
        )
        void = world.event(
            action="OBSERVE", bizStep="void_shipping", epcList=[PALLET], time_ms=START_MS + number, **step
        )
        transactions.append(world.capture("org:grower", void))
    reasons = [receipt.reason for receipt in world.block(*transactions).receipts][:-1]
    done = SHARE_PER_ORGANISATION // 900
    assert reasons == [Reason.NONE] * 2 * done + [Reason.SHARE_SPENT, Reason.NOT_IN_TRANSIT] * (6 - done)
    world.must(world.capture("org:grower", world.shipping("org:carrier", PALLET)))


def test_readings_reach_the_session_that_is_open_and_late_ones_the_last(world: World) -> None:
    def reading(time_ms: int) -> None:
        event = world.event(action="OBSERVE", bizStep="sensor_reporting", epcList=[PALLET], time_ms=time_ms)
        world.must(world.capture("org:grower", event))

    def count(number: int) -> int:
        return session(world, PALLET, number)[0].history.count

    world.must(world.capture("org:grower", world.packing(PALLET, A)))
    inside_ms = world.time_ms
    reading(inside_ms)
    assert count(1) == 2
    world.block()
    world.must(world.capture("org:grower", world.packing(PALLET, A, action="DELETE")))
    reading(inside_ms + 1)  # late
    assert count(1) == 4
    reading(world.time_ms)  # the pallet is empty: nobody's goods
    assert count(1) == 4
    world.must(world.capture("org:grower", world.packing(PALLET, B)))
    reading(inside_ms + 2)
    assert (count(1), count(2)) == (4, 2)
    assert world.item(PALLET).history.count == 8
    assert sound(world)


def test_a_serial_may_be_a_container_but_a_lot_may_not(world: World) -> None:
    world.must(world.capture("org:grower", world.packing(C, A)))
    event = world.event("AssociationEvent", action="ADD", parentID=PALLET, childEPCs=[B])
    world.must(world.capture("org:grower", event))
    assert kinds(world, item_key(PALLET))[-1] is HistoryKind.OBSERVE
    assert sound(world)
