"""Transformations: inputs used up, outputs new, quantities conserved."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.invariants import violations
from tallystick.reasons import Reason
from tallystick.records.base import key_hash, read_public
from tallystick.records.goods import (
    DESCENDANTS_PER_CHUNK,
    DescendantsPublic,
    EventStatus,
    HistoryKind,
    ItemStatus,
    Origin,
    Transformation,
    descendants_key,
    item_key,
    transformation_key,
)
from tests.world import World, gtin, sscc

GRAIN = gtin("95211110")
H1, H2 = f"{GRAIN}/10/H1", f"{GRAIN}/10/H2"
SACK = f"{GRAIN}/21/SACK"
PACK = gtin("95212345")


@pytest.fixture
def world() -> World:
    world = World()
    world.make("org:grower", SACK, lots={H1: (100, "KGM"), H2: (50, "KGM")})
    world.hand_over("org:grower", "org:processor", SACK, quantityList={H1: None, H2: None})
    return world


def making(world: World, **fields: Any) -> dict[str, Any]:
    place = {"bizLocation": {"id": "https://id.gs1.org/414/9521234000013"}}
    return world.event("TransformationEvent", bizStep="commissioning", **{**place, **fields})


def reason(world: World, event: dict[str, Any], organisation: str = "org:processor") -> Reason:
    return world.reason(world.capture(organisation, event))


def test_inputs_are_used_up_and_outputs_come_under_control(world: World) -> None:
    event = making(
        world,
        inputEPCList=[SACK],
        inputQuantityList={H1: (60, "KGM"), H2: None},
        outputEPCList=[f"{PACK}/21/P1", f"{PACK}/21/P2"],
    )
    transaction = world.capture("org:processor", event)
    world.must(transaction)
    (commitment,) = transaction.commitments
    key = transformation_key(commitment)
    assert world.item(SACK).status is ItemStatus.CONSUMED
    assert (world.item(H1).status, world.custody(H1).remaining) == (ItemStatus.ACTIVE, 40_000_000)
    assert (world.item(H2).status, world.custody(H2).remaining) == (ItemStatus.CONSUMED, 0)
    made = world.item(f"{PACK}/21/P1")
    assert (made.origin, made.made_by) == (Origin.PRODUCED, key_hash(key))
    assert world.custody(f"{PACK}/21/P1").holder == "org:processor"
    record = read_public(world.state.records[key], Transformation)
    assert (record.organisation, record.inputs) == ("org:processor", (SACK, H1, H2))
    for identifier, kind in ((H1, HistoryKind.CONSUME), (f"{PACK}/21/P2", HistoryKind.PRODUCE)):
        entry = world.state.histories[item_key(identifier)][-1]
        assert (entry.kind, entry.link) == (kind, key_hash(key))
    assert violations(world.state.records, world.state.histories) == []


def test_inputs_must_be_in_hand_free_whole_and_enough(world: World) -> None:
    pallet = sscc("95212345")
    world.make("org:processor", pallet)
    out = {"outputEPCList": [f"{PACK}/21/P1"]}
    for fields, organisation, expected in (
        ({"inputQuantityList": {H1: (101, "KGM")}}, "org:processor", Reason.QUANTITY_SHORT),
        ({"inputQuantityList": {H1: (1, "TNE")}}, "org:processor", Reason.UNIT_MISMATCH),
        ({"inputQuantityList": {H1: (1, "KGM")}}, "org:grower", Reason.NOT_HOLDER),
        ({"inputEPCList": [f"{gtin('7777777')}/21/A", SACK]}, "org:processor", Reason.MIXED_CONTROL),
    ):
        assert reason(world, making(world, **out, **fields), organisation) is expected
    world.must(world.capture("org:processor", world.packing(pallet, SACK)))
    assert reason(world, making(world, **out, inputEPCList=[SACK])) is Reason.ALREADY_IN_CONTAINER
    assert reason(world, making(world, **out, inputEPCList=[pallet])) is Reason.WRONG_STATE
    world.must(world.capture("org:processor", world.shipping("org:carrier", quantityList={H2: None})))
    assert reason(world, making(world, **out, inputQuantityList={H2: None})) is Reason.IN_TRANSIT
    world.must(world.capture("org:processor", making(world, **out, inputQuantityList={H1: None})))
    again = making(world, outputEPCList=[f"{PACK}/21/P9"], inputQuantityList={H1: None})
    assert reason(world, again) is Reason.NOT_ACTIVE


def test_outputs_must_be_new_and_under_the_makers_prefix(world: World) -> None:
    world.make("org:processor", f"{PACK}/21/P1")
    inputs = {"inputQuantityList": {H1: (10, "KGM")}}
    assert reason(world, making(world, **inputs, outputEPCList=[f"{PACK}/21/P1"])) is Reason.OUTPUT_EXISTS
    assert reason(world, making(world, **inputs, outputEPCList=[f"{GRAIN}/21/P1"])) is Reason.NOT_PREFIX_HOLDER
    assert reason(world, making(world, **inputs, outputQuantityList={f"{PACK}/10/Q": None})) is (
        Reason.PROFILE_FIELD_MISSING
    )
    both = making(world, inputEPCList=[SACK], outputEPCList=[SACK])
    assert reason(world, both) is Reason.OUTPUT_EXISTS


def test_a_transformation_in_two_events_or_without_a_members_part_is_refused(world: World) -> None:
    half = making(world, inputEPCList=[SACK], transformationID="urn:example:t1")
    assert reason(world, half) is Reason.PROFILE_FIELD_MISSING
    bare = making(world, inputEPCList=[SACK], outputEPCList=[f"{PACK}/21/P1"])
    del bare["bizLocation"]
    assert reason(world, bare) is Reason.PROFILE_FIELD_MISSING


def test_a_transformation_of_what_nobody_controls_is_stated_and_opens_nothing(world: World) -> None:
    foreign = f"{gtin('7777777')}/21/A"
    event = making(world, inputEPCList=[foreign], outputEPCList=[f"{PACK}/21/P1"])
    assert world.status(world.capture("org:processor", event)) is EventStatus.STATED
    assert item_key(f"{PACK}/21/P1") not in world.state.records
    world.make("org:processor", f"{PACK}/21/P2")
    event = making(world, inputEPCList=[foreign], outputEPCList=[f"{PACK}/21/P2"])
    assert reason(world, event) is Reason.MIXED_CONTROL


def test_no_more_comes_out_than_went_in_where_one_unit_holds(world: World) -> None:
    def milling(out: object) -> Reason:
        lots = {f"{PACK}/10/F1": out}
        return reason(
            world, making(world, inputQuantityList={H1: (10, "KGM"), H2: (5, "KGM")}, outputQuantityList=lots)
        )

    assert milling((15.000001, "KGM")) is Reason.QUANTITY_SHORT
    assert milling((15, "KGM")) is Reason.NONE
    other = making(world, inputQuantityList={H1: (1, "KGM")}, outputQuantityList={f"{PACK}/10/F2": (3_000, "LTR")})
    assert reason(world, other) is Reason.NONE


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60_000), st.integers(1, 60_000)), min_size=1, max_size=6))
def test_quantities_are_conserved_whatever_is_tried(steps: list[tuple[int, int]]) -> None:
    world = World()
    world.make("org:processor", lots={f"{PACK}/10/IN": (0.1, "KGM")})
    left, made = 100_000, 0
    for number, (taken, given_out) in enumerate(steps):
        event = making(
            world,
            inputQuantityList={f"{PACK}/10/IN": (taken / 10**6, "KGM")},
            outputQuantityList={f"{PACK}/10/OUT{number}": (given_out / 10**6, "KGM")},
        )
        for line in (*event["inputQuantityList"], *event["outputQuantityList"]):
            line["quantity"] = round(line["quantity"], 6)
        expected = Reason.NONE
        if left == 0:
            expected = Reason.NOT_ACTIVE
        elif taken > left or given_out > taken:
            expected = Reason.QUANTITY_SHORT
        assert reason(world, event) is expected
        if expected is Reason.NONE:
            left, made = left - taken, made + given_out
    assert world.custody(f"{PACK}/10/IN").remaining == left
    assert left + made <= 100_000
    assert violations(world.state.records, world.state.histories) == []


def test_descendants_are_listed_by_chunks_for_serial_lot_and_class(world: World) -> None:
    lots = {f"{PACK}/10/S{number}": (1, "KGM") for number in range(DESCENDANTS_PER_CHUNK + 2)}
    for number, (lot, quantity) in enumerate(lots.items()):
        event = making(world, inputQuantityList={H1: quantity}, outputQuantityList={lot: quantity})
        world.must(world.capture("org:processor", event))
        if number % 20 == 0:
            assert violations(world.state.records) == []
    for identifier in (H1, GRAIN):
        head = read_public(world.state.records[descendants_key(identifier, 0)], DescendantsPublic)
        assert head.total == DESCENDANTS_PER_CHUNK + 2
        assert descendants_key(identifier, 1) in world.state.records
    assert violations(world.state.records, world.state.histories) == []
