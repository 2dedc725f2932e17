"""Recalls: what they block and what not, how they spread, how they end."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.goods.recall import STEP_ITEMS_MAX
from contracts.invariants import violations
from tallystick.payloads.goods import LiftRecall, RecallItems
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Space, key_hash, read_public
from tallystick.records.goods import HistoryKind, Recall, RecallState, item_key, recall_key
from tests.world import World, gtin, sscc

GRAIN = gtin("95211110")
LOT = f"{GRAIN}/10/H1"
PACK = gtin("95212345")
P1, P2 = f"{PACK}/21/P1", f"{PACK}/21/P2"
PALLET = sscc("95212345")


@pytest.fixture
def world() -> World:
    world = World()
    world.make("org:grower", lots={LOT: (100, "KGM"), f"{GRAIN}/10/H2": (100, "KGM"), GRAIN: None})
    world.hand_over("org:grower", "org:processor", quantityList={LOT: None, f"{GRAIN}/10/H2": None})
    world.make("org:processor", PALLET)
    transform(world, {LOT: (60, "KGM")}, P1, P2)
    return world


def transform(world: World, inputs: dict[str, Any], *outputs: str, organisation: str = "org:processor") -> None:
    world.must(world.capture(organisation, transformation(world, inputs, *outputs)))


def transformation(world: World, inputs: dict[str, Any], *outputs: str) -> dict[str, Any]:
    serials = [name for name in inputs if "/21/" in name]
    lots = {name: quantity for name, quantity in inputs.items() if name not in serials}
    lists: dict[str, Any] = {"inputQuantityList": lots} if lots else {}
    if serials:
        lists["inputEPCList"] = serials
    return world.event(
        "TransformationEvent",
        outputEPCList=outputs,
        bizLocation={"id": "https://id.gs1.org/414/9521234000013"},
        **lists,
    )


def recall(world: World, organisation: str, *identifiers: str, id_: str = "R1") -> Reason:
    return world.reason(world.trade(organisation, RecallItems(id_, identifiers, "glass splinters", 1)))


def recall_of(world: World, id_: str = "R1") -> Recall:
    return read_public(world.state.records[recall_key(id_)], Recall)


def reason(world: World, organisation: str, event: dict[str, Any]) -> Reason:
    return world.reason(world.capture(organisation, event))


def test_a_recall_marks_what_it_names_at_once_and_spreads_to_what_was_made_from_it(world: World) -> None:
    assert recall(world, "org:grower", LOT) is Reason.NONE
    assert (recall_of(world).state, recall_of(world).reached) == (RecallState.SPREADING, 1)
    assert (world.item(LOT).recalls, world.item(P1).recalls) == (("R1",), ())
    world.work_off()
    assert (recall_of(world).state, recall_of(world).reached) == (RecallState.IN_FORCE, 3)
    assert world.item(P1).recalls == world.item(P2).recalls == ("R1",)
    assert world.item(f"{GRAIN}/10/H2").recalls == ()
    entry = world.state.histories[item_key(P1)][-1]
    assert (entry.kind, entry.link) == (HistoryKind.RECALL, key_hash(recall_key("R1")))
    assert entry.height == recall_of(world).height
    assert not [key for key in world.state.records if key[0] == Space.RECALL_PROGRESS]
    assert violations(world.state.records, world.state.histories) == []


def test_recalled_goods_are_not_shipped_sold_or_used_but_returned_and_destroyed(world: World) -> None:
    world.must(world.capture("org:processor", world.packing(PALLET, P1)))
    world.hand_over("org:processor", "org:retailer", PALLET)
    world.hand_over("org:processor", "org:retailer", P2)
    recall(world, "org:grower", LOT)
    world.work_off()
    sell = world.event(action="DELETE", bizStep="retail_selling", epcList=[P2])
    back = {"disposition": "returned"}
    for organisation, event, expected in (
        ("org:retailer", world.shipping("org:carrier", P2), Reason.RECALLED),
        ("org:retailer", world.shipping("org:carrier", PALLET), Reason.RECALLED),
        ("org:retailer", sell, Reason.RECALLED),
        ("org:processor", transformation(world, {LOT: (1, "KGM")}, f"{PACK}/21/P3"), Reason.RECALLED),
        ("org:retailer", world.shipping("org:carrier", P2, **back), Reason.RECALLED),  # neither sender nor issuer
        ("org:retailer", world.shipping("org:processor", P2, **back), Reason.NONE),
        ("org:processor", world.receiving(P2), Reason.NONE),
        ("org:processor", world.event(action="DELETE", bizStep="destroying", epcList=[P2]), Reason.NONE),
        ("org:retailer", world.shipping("org:processor", PALLET, **back), Reason.NONE),
        ("org:retailer", world.packing(PALLET, action="DELETE"), Reason.IN_TRANSIT),
        ("org:processor", world.receiving(PALLET), Reason.NONE),
        ("org:processor", world.packing(PALLET, action="DELETE"), Reason.NONE),
    ):
        assert reason(world, organisation, event) is expected, event
    assert world.state.histories[item_key(P2)][-3].kind is HistoryKind.RETURN


def test_recalled_goods_go_back_to_who_issued_them_too(world: World) -> None:
    world.hand_over("org:processor", "org:carrier", P1)
    world.hand_over("org:carrier", "org:retailer", P1)
    recall(world, "org:processor", P1)
    event = world.shipping("org:processor", P1, disposition="returned")
    assert reason(world, "org:retailer", event) is Reason.NONE


def test_a_serial_is_recalled_with_its_lot_and_a_lot_with_its_class(world: World) -> None:
    event = world.commissioning(f"{GRAIN}/21/S")
    event["epcList"] = [f"https://id.gs1.org/{GRAIN}/10/H3/21/S"]
    world.must(world.capture("org:grower", event))
    world.make("org:grower", f"{GRAIN}/21/T", lots={f"{GRAIN}/10/H3": (5, "KGM")})
    recall(world, "org:grower", f"{GRAIN}/10/H3")
    assert reason(world, "org:grower", world.shipping("org:carrier", f"{GRAIN}/21/S")) is Reason.RECALLED
    assert reason(world, "org:grower", world.shipping("org:retailer", f"{GRAIN}/21/T")) is Reason.NONE
    recall(world, "org:grower", GRAIN, id_="R2")
    h2 = world.shipping("org:carrier", quantityList={f"{GRAIN}/10/H2": None})
    assert reason(world, "org:processor", h2) is Reason.RECALLED
    world.work_off()
    assert world.item(P1).recalls == ("R2",)


def test_a_recall_of_a_lot_reaches_what_was_made_from_its_serials(world: World) -> None:
    event = world.commissioning(f"{GRAIN}/21/S")
    event["epcList"] = [f"https://id.gs1.org/{GRAIN}/10/H3/21/S"]
    world.must(world.capture("org:grower", event))
    world.make("org:grower", lots={f"{GRAIN}/10/H3": (5, "KGM")})
    world.hand_over("org:grower", "org:processor", f"{GRAIN}/21/S")
    transform(world, {f"{GRAIN}/21/S": None}, f"{PACK}/21/Q")
    recall(world, "org:grower", f"{GRAIN}/10/H3")
    world.work_off()
    assert world.item(f"{PACK}/21/Q").recalls == ("R1",)


def test_only_the_prefix_holder_and_a_regulator_recall(world: World) -> None:
    world.admit("org:regulator", "regulator")
    assert recall(world, "org:retailer", P1) is Reason.NOT_PREFIX_HOLDER
    assert recall(world, "org:grower", LOT, f"{GRAIN}/10/NONE") is Reason.NOT_FOUND
    assert recall(world, "org:regulator", P1, LOT) is Reason.NONE
    assert recall(world, "org:grower", LOT) is Reason.ALREADY_EXISTS
    capture = world.payload(RecallItems("R9", (LOT,), "x", 1), ("org:grower", "CAPTURE"))
    assert world.reason(capture) is Reason.KEY_NOT_FOR_THIS


def test_a_lifted_recall_blocks_nothing(world: World) -> None:
    recall(world, "org:grower", LOT)
    world.work_off()
    assert world.reason(world.trade("org:processor", LiftRecall("R1"))) is Reason.ROLE_MISSING
    assert world.reason(world.trade("org:grower", LiftRecall("R2"))) is Reason.NOT_FOUND
    world.must(world.trade("org:grower", LiftRecall("R1")))
    assert world.reason(world.trade("org:grower", LiftRecall("R1"))) is Reason.WRONG_STATE
    assert reason(world, "org:processor", world.shipping("org:retailer", P1)) is Reason.NONE
    assert world.item(P1).recalls == ("R1",)


def test_a_recall_lifted_on_its_way_stops_spreading_and_leaves_no_queue(world: World) -> None:
    recall(world, "org:grower", LOT)
    world.must(world.trade("org:grower", LiftRecall("R1")))
    world.work_off()
    assert world.item(P1).recalls == ()
    assert not [key for key in world.state.records if key[0] == Space.RECALL_PROGRESS]
    assert recall_of(world).state is RecallState.LIFTED


def test_spreading_is_bounded_per_block_and_reaches_everything_through_many_levels(world: World) -> None:
    first = [f"{PACK}/21/F{number:04d}" for number in range(900)]
    transform(world, {f"{GRAIN}/10/H2": (50, "KGM")}, *first)
    transform(world, dict.fromkeys(first[:100]), *[f"{PACK}/21/G{number:03d}" for number in range(200)])
    transform(world, {f"{PACK}/21/G000": None, f"{PACK}/21/G001": None}, f"{PACK}/21/H")
    recall(world, "org:grower", f"{GRAIN}/10/H2")
    steps = 0
    while recall_of(world).state is RecallState.SPREADING:
        before = recall_of(world).reached
        result = world.block(due_work=True)
        assert [receipt.kind for receipt in result.receipts][:1] == [ReceiptKind.DUE_WORK]
        assert recall_of(world).reached - before <= STEP_ITEMS_MAX
        steps += 1
    assert recall_of(world).reached == 1 + 900 + 200 + 1
    assert steps >= 4
    assert world.item(f"{PACK}/21/H").recalls == ("R1",)
    assert violations(world.state.records, world.state.histories) == []


def test_an_item_carries_sixty_four_recalls_and_forgets_lifted_ones_first(world: World) -> None:
    for number in range(64):
        assert recall(world, "org:processor", P1, id_=f"R{number}") is Reason.NONE
    assert recall(world, "org:processor", P1, id_="more") is Reason.NONE
    assert "more" not in world.item(P1).recalls
    world.must(world.trade("org:processor", LiftRecall("R0")))
    assert recall(world, "org:processor", P1, id_="again") is Reason.NONE
    assert world.item(P1).recalls[-1] == "again"
    assert "R0" not in world.item(P1).recalls
    world.work_off()
    assert violations(world.state.records, world.state.histories) == []
