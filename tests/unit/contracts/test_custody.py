"""Commissioning, custody in two steps, selling, ending; what is effective, stated, refused."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.invariants import violations
from tallystick.epcis.check_digit import check_digit
from tallystick.payloads.goods import OpenItem
from tallystick.payloads.governance import SuspendOrganisation
from tallystick.reasons import Reason
from tallystick.records.base import read_members, read_public
from tallystick.records.goods import (
    EventStatus,
    HistoryKind,
    ItemStatus,
    Milestone,
    Origin,
    Statements,
    item_key,
    milestone_key,
    statements_key,
)
from tallystick.transactions import Event
from tests.world import FOUNDERS, World, gtin, uri

GRAIN = gtin("95211110")
LOT = f"{GRAIN}/10/H1"
BOX = f"{GRAIN}/21/A"
FOREIGN = gtin("7777777")


@pytest.fixture
def world() -> World:
    world = World()
    world.make("org:grower", BOX, lots={LOT: (1_000, "KGM")})
    return world


def reason(world: World, organisation: str, event: dict[str, Any]) -> Reason:
    return world.reason(world.capture(organisation, event))


def kinds(world: World, identifier: str) -> list[HistoryKind]:
    return [entry.kind for entry in world.state.histories[item_key(identifier)]]


# --- under control ----------------------------------------------------------------------------------------


def test_the_prefix_holder_commissions_and_has_custody(world: World) -> None:
    assert (world.custody(LOT).holder, world.custody(LOT).issued, world.custody(LOT).unit) == (
        "org:grower",
        1_000_000_000,
        "KGM",
    )
    assert (world.item(BOX).status, world.item(BOX).origin, kinds(world, BOX)) == (
        ItemStatus.ACTIVE,
        Origin.COMMISSIONED,
        [HistoryKind.COMMISSION],
    )


def test_a_serial_keeps_the_lot_that_its_link_states(world: World) -> None:
    event = world.commissioning(f"{GRAIN}/21/L1")
    event["epcList"] = [f"https://id.gs1.org/{GRAIN}/10/H1/21/L1"]
    world.must(world.capture("org:grower", event))
    assert world.item(f"{GRAIN}/21/L1").lot == LOT


def test_commissioning_is_refused_twice_and_to_strangers(world: World) -> None:
    assert reason(world, "org:grower", world.commissioning(BOX)) is Reason.ALREADY_COMMISSIONED
    assert reason(world, "org:carrier", world.commissioning(f"{GRAIN}/21/B")) is Reason.NOT_PREFIX_HOLDER
    assert reason(world, "org:carrier", world.commissioning(BOX)) is Reason.NOT_PREFIX_HOLDER
    mixed = world.commissioning(f"{GRAIN}/21/B", f"{FOREIGN}/21/B")
    assert reason(world, "org:grower", mixed) is Reason.MIXED_CONTROL


def test_a_commissioning_needs_a_members_part_and_a_lot_its_quantity(world: World) -> None:
    bare = world.commissioning(f"{GRAIN}/21/B")
    del bare["bizLocation"]
    assert reason(world, "org:grower", bare) is Reason.PROFILE_FIELD_MISSING
    for quantity in (None, (0, "KGM")):
        event = world.commissioning(lots={f"{GRAIN}/10/H2": quantity})
        assert reason(world, "org:grower", event) is Reason.PROFILE_FIELD_MISSING
    assert reason(world, "org:grower", world.commissioning(lots={f"{GRAIN}/10/H2": 10**10})) is Reason.RECORD_TOO_LARGE


def test_a_step_of_custody_is_no_commissioning(world: World) -> None:
    event = {**world.commissioning(f"{GRAIN}/21/B"), "bizStep": "shipping"}
    assert reason(world, "org:grower", event) is Reason.WRONG_EVENT_TYPE


def test_an_event_about_what_nobody_controls_is_stated_and_moves_nothing(world: World) -> None:
    for organisation, event in (
        ("org:carrier", world.commissioning(f"{FOREIGN}/21/B")),
        ("org:carrier", world.shipping("org:retailer", f"{FOREIGN}/21/B")),
        ("org:grower", world.commissioning("urn:example:" + "x" * 400)),
    ):
        assert world.status(world.capture(organisation, event)) is EventStatus.STATED
    key = statements_key(f"{FOREIGN}/21/B")
    assert read_public(world.state.records[key], Statements).history.count == 2
    assert [entry.kind for entry in world.state.histories[key]] == [HistoryKind.STATE] * 2
    assert item_key(f"{FOREIGN}/21/B") not in world.state.records
    assert violations(world.state.records, world.state.histories) == []


def test_an_event_without_identifiers_is_stated(world: World) -> None:
    sensor = world.event(
        action="OBSERVE",
        epcList=[],
        readPoint={"id": "https://id.gs1.org/414/9521234000013"},
        sensorElementList=[{"sensorReport": [{"type": "Temperature", "value": 4, "uom": "CEL"}]}],
    )
    assert world.status(world.capture("org:carrier", sensor)) is EventStatus.STATED


def test_identifiers_with_and_without_control_do_not_mix(world: World) -> None:
    event = world.shipping("org:carrier", BOX, f"{FOREIGN}/21/B")
    assert reason(world, "org:grower", event) is Reason.MIXED_CONTROL


# --- two steps --------------------------------------------------------------------------------------------


def test_custody_passes_in_two_steps(world: World) -> None:
    world.must(world.capture("org:grower", world.shipping("org:carrier", BOX)))
    assert (world.custody(BOX).holder, world.custody(BOX).heading_to) == ("org:grower", "org:carrier")
    world.must(world.capture("org:carrier", world.receiving(BOX)))
    held = world.custody(BOX)
    assert (held.holder, held.heading_to, held.received_from) == ("org:carrier", "", "org:grower")
    assert kinds(world, BOX)[1:] == [HistoryKind.SHIP, HistoryKind.RECEIVE]


def test_only_the_holder_ships_and_only_the_addressee_receives(world: World) -> None:
    assert reason(world, "org:carrier", world.shipping("org:retailer", BOX)) is Reason.NOT_HOLDER
    assert reason(world, "org:carrier", world.receiving(BOX)) is Reason.NOT_IN_TRANSIT
    world.must(world.capture("org:grower", world.shipping("org:carrier", BOX)))
    assert reason(world, "org:retailer", world.receiving(BOX)) is Reason.NOT_ADDRESSED_TO_YOU
    assert reason(world, "org:grower", world.receiving(BOX)) is Reason.NOT_ADDRESSED_TO_YOU
    assert reason(world, "org:grower", world.shipping("org:retailer", BOX)) is Reason.IN_TRANSIT
    assert world.custody(BOX).holder == "org:grower"


def test_a_shipment_names_one_other_active_organisation(world: World) -> None:
    world.must(
        world.payload(SuspendOrganisation("org:retailer", True), *[(name, "ROOT") for name in list(FOUNDERS)[:3]])
    )
    nobody = world.event(action="OBSERVE", bizStep="shipping", epcList=[BOX])
    two = world.shipping("org:carrier", BOX)
    two["destinationList"] = two["destinationList"] + world.shipping("org:processor", BOX)["destinationList"]
    place = world.shipping("org:carrier", BOX)
    place["destinationList"] = [{"type": "location", "destination": "https://id.gs1.org/414/9521234000013"}]
    for event, expected in (
        (nobody, Reason.RECEIVER_MISSING),
        (two, Reason.RECEIVER_MISSING),
        (place, Reason.RECEIVER_MISSING),
        (world.shipping("org:nobody", BOX), Reason.NOT_FOUND),
        (world.shipping("org:grower", BOX), Reason.SAME_ORGANISATION),
        (world.shipping("org:retailer", BOX), Reason.ORGANISATION_SUSPENDED),
    ):
        assert reason(world, "org:grower", event) is expected


def test_a_party_may_be_named_by_a_gln_under_its_prefix(world: World) -> None:
    event = world.shipping("org:carrier", BOX)
    for number, expected in (("9521333300002", Reason.NONE), ("7777777000002", Reason.NOT_FOUND)):
        body = number[:-1]
        destination = f"https://id.gs1.org/417/{body}{check_digit(body)}"
        event["destinationList"] = [{"type": "possessing_party", "destination": destination}]
        got = reason(world, "org:grower", event)
        assert got is expected
        if expected is Reason.NONE:
            assert world.custody(BOX).heading_to == "org:carrier"
            world.must(
                world.capture("org:grower", world.event(action="OBSERVE", bizStep="void_shipping", epcList=[BOX]))
            )


def test_a_shipment_can_be_called_back_by_its_shipper(world: World) -> None:
    void = world.event(action="OBSERVE", bizStep="void_shipping", epcList=[BOX])
    assert reason(world, "org:grower", void) is Reason.NOT_IN_TRANSIT
    world.must(world.capture("org:grower", world.shipping("org:carrier", BOX)))
    assert reason(world, "org:carrier", void) is Reason.NOT_HOLDER
    again = world.event(action="OBSERVE", bizStep="void_shipping", epcList=[BOX], disposition="in_progress")
    world.must(world.capture("org:grower", again))
    assert world.custody(BOX).heading_to == ""
    assert reason(world, "org:carrier", world.receiving(BOX)) is Reason.NOT_IN_TRANSIT


def test_a_carrier_takes_custody_and_hands_over(world: World) -> None:
    world.hand_over("org:grower", "org:carrier", BOX)
    moving = world.event(action="OBSERVE", bizStep="transporting", epcList=[BOX])
    world.must(world.capture("org:carrier", moving))
    world.hand_over("org:carrier", "org:retailer", BOX)
    assert world.custody(BOX).holder == "org:retailer"


def test_a_lot_moves_as_a_whole(world: World) -> None:
    for quantity, expected in (
        ((999, "KGM"), Reason.PART_OF_A_LOT),
        ((1_001, "KGM"), Reason.QUANTITY_SHORT),
        ((1_000, "TNE"), Reason.UNIT_MISMATCH),
        ((1_000, "KGM"), Reason.NONE),
    ):
        event = world.shipping("org:carrier", quantityList={LOT: quantity})
        assert reason(world, "org:grower", event) is expected
    split = world.receiving()
    split["quantityList"] = [
        {"epcClass": uri(LOT), "quantity": 400, "uom": "KGM"},
        {"epcClass": uri(LOT), "quantity": 590, "uom": "KGM"},
    ]
    world.must(world.capture("org:carrier", split))
    milestone = read_members(world.state.records[milestone_key(LOT, HistoryKind.RECEIVE, "org:carrier")], Milestone)
    assert milestone.quantity == 990_000_000


def test_lines_of_one_lot_that_cannot_be_added_are_refused(world: World) -> None:
    event = world.shipping("org:carrier")
    for second in ({"epcClass": uri(LOT)}, {"epcClass": uri(LOT), "quantity": 1, "uom": "TNE"}):
        event["quantityList"] = [{"epcClass": uri(LOT), "quantity": 400, "uom": "KGM"}, second]
        assert reason(world, "org:grower", event) is Reason.UNIT_MISMATCH


def test_milestones_name_the_newest_event_of_each_organisation(world: World) -> None:
    world.hand_over("org:grower", "org:carrier", BOX)
    world.hand_over("org:carrier", "org:retailer", BOX)
    for kind, organisation in (
        (HistoryKind.SHIP, "org:grower"),
        (HistoryKind.RECEIVE, "org:carrier"),
        (HistoryKind.SHIP, "org:carrier"),
        (HistoryKind.RECEIVE, "org:retailer"),
    ):
        record = world.state.records[milestone_key(BOX, kind, organisation)]
        milestone = read_members(record, Milestone)
        assert (milestone.organisation, milestone.quantity) == (organisation, 1_000_000)
        assert len(record.members_salt) == 32
    assert milestone_key(BOX, HistoryKind.RECEIVE, "org:grower") not in world.state.records


def test_a_step_of_custody_in_another_type_of_event_is_refused(world: World) -> None:
    event = world.event(
        "TransactionEvent",
        action="ADD",
        bizStep="shipping",
        epcList=[BOX],
        bizTransactionList=[{"type": "po", "bizTransaction": "urn:example:po:1"}],
    )
    assert reason(world, "org:grower", event) is Reason.WRONG_EVENT_TYPE
    deleted = world.event(action="DELETE", bizStep="shipping", epcList=[BOX])
    assert reason(world, "org:grower", deleted) is Reason.WRONG_EVENT_TYPE
    event["bizStep"] = "accepting"
    world.must(world.capture("org:grower", event))
    assert kinds(world, BOX)[-1] is HistoryKind.TRANSACT


def test_halves_written_without_a_members_part_get_salts_that_nobody_can_guess(world: World) -> None:
    world.must(world.capture("org:grower", world.shipping("org:carrier", BOX)))
    before = world.state.records[item_key(BOX)].members_salt
    receiving = world.split("org:carrier", world.receiving(BOX))
    assert receiving.members == b""
    world.must(world.capture("org:carrier", receiving))
    after = world.state.records[item_key(BOX)].members_salt
    milestone = world.state.records[milestone_key(BOX, HistoryKind.RECEIVE, "org:carrier")].members_salt
    assert len({before, after, milestone}) == 3


# --- parties ----------------------------------------------------------------------------------------------


def test_only_parties_add_to_a_history(world: World) -> None:
    world.admit("org:regulator", "regulator")
    world.admit_laboratory("01/0952111")
    world.admit_laboratory("01/0999", "org:elsewhere")
    world.hand_over("org:grower", "org:carrier", BOX)
    world.must(world.capture("org:carrier", world.shipping("org:retailer", BOX)))

    def seen(organisation: str) -> Reason:
        return reason(world, organisation, world.event(action="OBSERVE", bizStep="storing", epcList=[BOX]))

    for organisation in ("org:grower", "org:carrier", "org:retailer", "org:regulator", "org:laboratory"):
        assert seen(organisation) is Reason.NONE, organisation
    for organisation in ("org:processor", "org:elsewhere"):
        assert seen(organisation) is Reason.NOT_A_PARTY, organisation
    world.must(world.capture("org:retailer", world.receiving(BOX)))
    assert seen("org:carrier") is Reason.NONE  # the holder before: readings may come late


# --- selling and ending -----------------------------------------------------------------------------------


def test_selling_ends_with_sold_and_of_a_lot_the_rest_stays(world: World) -> None:
    sell = world.event(action="OBSERVE", bizStep="retail_selling", epcList=[BOX], quantityList={LOT: (400, "KGM")})
    assert reason(world, "org:carrier", sell) is Reason.NOT_HOLDER
    world.must(world.capture("org:grower", sell))
    assert world.item(BOX).status is ItemStatus.SOLD
    assert (world.item(LOT).status, world.custody(LOT).remaining) == (ItemStatus.ACTIVE, 600_000_000)
    too_much = world.event(action="DELETE", bizStep="retail_selling", quantityList={LOT: (601, "KGM")})
    assert reason(world, "org:grower", too_much) is Reason.QUANTITY_SHORT
    world.must(
        world.capture("org:grower", world.event(action="DELETE", bizStep="dispensing", quantityList={LOT: None}))
    )
    assert world.item(LOT).status is ItemStatus.SOLD
    assert reason(world, "org:grower", world.shipping("org:carrier", BOX)) is Reason.NOT_ACTIVE
    assert violations(world.state.records, world.state.histories) == []


def test_what_was_taken_out_of_use_stays_so(world: World) -> None:
    destroy = world.event(action="DELETE", bizStep="destroying", epcList=[BOX], quantityList={LOT: (1, "TNE")})
    assert reason(world, "org:grower", destroy) is Reason.UNIT_MISMATCH
    destroy = world.event(action="DELETE", bizStep="destroying", epcList=[BOX], quantityList={LOT: None})
    world.must(world.capture("org:grower", destroy))
    assert (world.item(BOX).status, world.item(LOT).status) == (ItemStatus.DECOMMISSIONED,) * 2
    assert reason(world, "org:grower", world.commissioning(BOX)) is Reason.ALREADY_COMMISSIONED


# --- classes and declared origins -------------------------------------------------------------------------


def test_a_class_under_control_has_histories_but_no_custody(world: World) -> None:
    world.make("org:grower", lots={GRAIN: None})
    world.must(world.capture("org:grower", world.event(action="OBSERVE", bizStep="storing", quantityList={GRAIN: 5})))
    shipping = world.shipping("org:carrier", quantityList={GRAIN: 5})
    assert reason(world, "org:grower", shipping) is Reason.CLASS_HAS_NO_CUSTODY


def test_the_prefix_holder_opens_what_existed_before(world: World) -> None:
    old = f"{GRAIN}/10/OLD"
    payload = OpenItem(old, "org:processor", "", 5_000_000, "KGM", "harvest of 2019, paper file 7")
    world.must(world.payload(payload, ("org:grower", "CAPTURE")))
    assert (world.item(old).origin, world.item(old).declared_origin) == (Origin.DECLARED, payload.origin)
    held = world.custody(old)
    assert (held.holder, held.heading_to) == ("org:grower", "org:processor")
    world.must(world.capture("org:processor", world.receiving(quantityList={old: None})))
    assert world.custody(old).holder == "org:processor"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (OpenItem(f"{GRAIN}/21/O", "org:grower", LOT, 0, "", "x"), Reason.NONE),
        (OpenItem(GRAIN, "org:grower", "", 0, "", "x"), Reason.NONE),
        (OpenItem(BOX, "org:grower", "", 0, "", "x"), Reason.ALREADY_COMMISSIONED),
        (OpenItem(f"{FOREIGN}/21/O", "org:grower", "", 0, "", "x"), Reason.NOT_PREFIX_HOLDER),
        (OpenItem("01/123", "org:grower", "", 0, "", "x"), Reason.BAD_NAME),
        (OpenItem("urn:example:x", "org:grower", "", 0, "", "x"), Reason.WRONG_KIND),
        (OpenItem("414/9521111000006", "org:grower", "", 0, "", "x"), Reason.WRONG_KIND),
        (OpenItem(f"{GRAIN}/10/O", "org:grower", "", 0, "KGM", "x"), Reason.PROFILE_FIELD_MISSING),
        (OpenItem(f"{GRAIN}/10/O", "org:grower", "", 1, "kilo", "x"), Reason.BAD_NAME),
        (OpenItem(f"{GRAIN}/21/O", "org:grower", "", 1, "", "x"), Reason.WRONG_KIND),
        (OpenItem(f"{GRAIN}/10/O", "org:grower", LOT, 1, "", "x"), Reason.WRONG_KIND),
        (OpenItem(f"{GRAIN}/21/O", "org:grower", f"{FOREIGN}/10/A", 0, "", "x"), Reason.WRONG_KIND),
        (OpenItem(f"{GRAIN}/21/O", "org:nobody", "", 0, "", "x"), Reason.NOT_FOUND),
    ],
)
def test_opening_is_as_strict_as_commissioning(world: World, payload: OpenItem, expected: Reason) -> None:
    assert world.reason(world.payload(payload, ("org:grower", "CAPTURE"))) is expected


def test_opening_needs_a_key_for_captures(world: World) -> None:
    payload = OpenItem(f"{GRAIN}/21/O", "org:grower", "", 0, "", "x")
    assert world.reason(world.trade("org:grower", payload)) is Reason.KEY_NOT_FOR_THIS


def test_an_event_split_with_nothing_for_members_is_still_an_event(world: World) -> None:
    event = world.split("org:grower", world.event(action="OBSERVE", bizStep="storing", epcList=[BOX]))
    assert isinstance(event, Event) and event.members_salt == b""
    world.must(world.capture("org:grower", event))
