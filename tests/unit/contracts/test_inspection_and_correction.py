"""Inspections by accredited inspectors; error declarations."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest

from contracts.invariants import violations
from tallystick.encoding import ZERO32
from tallystick.payloads.governance import RevokeAccreditation
from tallystick.reasons import Reason
from tallystick.records.base import key_hash, read_public
from tallystick.records.goods import (
    Correction,
    EventRecord,
    EventStatus,
    HistoryKind,
    Inspection,
    Verdict,
    correction_key,
    event_id_key,
    inspection_key,
    item_key,
    milestone_key,
    session_key,
    statements_key,
)
from tests.world import World, gtin, sscc

GRAIN = gtin("95211110")
LOT = f"{GRAIN}/10/H1"
A = f"{GRAIN}/21/A"
FOREIGN = f"{gtin('7777777')}/21/A"
DAY_MS = 86_400_000


def event_id(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012x}"


@pytest.fixture
def world() -> World:
    world = World()
    world.make("org:grower", A, lots={LOT: (10, "KGM")})
    world.admit_laboratory("01/0952111")
    return world


def reason(world: World, organisation: str, event: dict[str, Any]) -> Reason:
    return world.reason(world.capture(organisation, event))


def inspecting(world: World, disposition: str | None = "conformant", **fields: Any) -> dict[str, Any]:
    listed = fields or {"quantityList": {LOT: None}}
    stated = {"disposition": disposition} if disposition else {}
    return world.event(action="OBSERVE", bizStep="inspecting", eventID=event_id(world.time_ms), **stated, **listed)


# --- inspections ------------------------------------------------------------------------------------------


def test_an_accredited_laboratory_passes_a_lot(world: World) -> None:
    digest = sha256(b"report").digest()
    event = inspecting(world)
    report = "ni:///sha-256;" + urlsafe_b64encode(digest).decode().rstrip("=")
    event["bizTransactionList"] = [{"type": "testres", "bizTransaction": report}]
    world.must(world.capture("org:laboratory", event))
    inspection = read_public(world.state.records[inspection_key(LOT)], Inspection)
    assert (inspection.inspector, inspection.verdict, inspection.report) == ("org:laboratory", Verdict.PASS, digest)
    entry = world.state.histories[item_key(LOT)][-1]
    assert (entry.kind, entry.link) == (HistoryKind.INSPECT, key_hash(inspection_key(LOT)))
    assert milestone_key(LOT, HistoryKind.INSPECT, "org:laboratory") in world.state.records


def test_an_inspection_without_accreditation_scope_or_verdict_is_refused(world: World) -> None:
    world.admit("org:unaccredited", "inspector")
    foreign = gtin("95212345") + "/21/P"
    world.make("org:processor", foreign)
    for organisation, event, expected in (
        ("org:unaccredited", inspecting(world), Reason.NOT_ACCREDITED),
        ("org:grower", inspecting(world), Reason.ROLE_MISSING),
        ("org:laboratory", inspecting(world, epcList=[foreign]), Reason.OUT_OF_SCOPE),
        ("org:laboratory", inspecting(world, None), Reason.PROFILE_FIELD_MISSING),
        ("org:laboratory", inspecting(world, "damaged"), Reason.PROFILE_FIELD_MISSING),
    ):
        assert reason(world, organisation, event) is expected
    assert inspection_key(LOT) not in world.state.records


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("01", True),
        ("01/0", True),
        (GRAIN, True),
        (LOT, True),
        (LOT[:-1], False),
        (f"{LOT}0", False),
        (f"{GRAIN}/10", True),
        (f"{GRAIN}/1", False),
        ("00/0", False),
    ],
)
def test_an_accreditation_covers_whole_lots_and_serials_and_beginnings_of_digits(scope: str, covered: bool) -> None:
    world = World()
    world.make("org:grower", lots={LOT: (10, "KGM")})
    world.admit_laboratory(scope)
    event = inspecting(world)
    if covered:
        world.must(world.capture("org:laboratory", event))
    else:
        assert reason(world, "org:laboratory", event) is Reason.OUT_OF_SCOPE


def test_an_accreditation_that_ended_gives_no_leave(world: World) -> None:
    world.block(after_ms=366 * DAY_MS)
    assert reason(world, "org:laboratory", inspecting(world)) is Reason.NOT_ACCREDITED
    world = World()
    world.make("org:grower", lots={LOT: (10, "KGM")})
    world.admit_laboratory("01/")
    world.must(world.trade("org:accreditor", RevokeAccreditation("org:laboratory")))
    assert reason(world, "org:laboratory", inspecting(world)) is Reason.NOT_ACCREDITED


def test_a_failed_inspection_keeps_goods_from_leaving_until_it_is_passed_or_declared_erroneous(world: World) -> None:
    serial = world.commissioning()
    serial["epcList"] = [f"https://id.gs1.org/{GRAIN}/10/H1/21/S"]
    world.must(world.capture("org:grower", serial))
    pallet = sscc("95211110")
    world.make("org:grower", pallet)
    world.must(world.capture("org:grower", world.packing(pallet, f"{GRAIN}/21/S")))
    failed = inspecting(world, "non_conformant")
    world.must(world.capture("org:laboratory", failed))
    for event in (
        world.shipping("org:carrier", quantityList={LOT: None}),
        world.shipping("org:carrier", pallet),
        world.event(action="DELETE", bizStep="retail_selling", quantityList={LOT: None}),
    ):
        assert reason(world, "org:grower", event) is Reason.INSPECTION_FAILED
    world.must(world.capture("org:laboratory", declaration(failed)))
    world.must(world.capture("org:grower", world.shipping("org:carrier", pallet)))
    world.must(world.capture("org:laboratory", inspecting(world, "non_conformant")))
    assert (
        reason(world, "org:grower", world.shipping("org:carrier", quantityList={LOT: None})) is Reason.INSPECTION_FAILED
    )
    world.must(world.capture("org:laboratory", inspecting(world, "conformant")))
    world.must(world.capture("org:grower", world.shipping("org:carrier", quantityList={LOT: None})))


# --- error declarations -----------------------------------------------------------------------------------


def declaration(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The event again, declared erroneous."""
    body = {"declarationTime": event["eventTime"], "reason": "incorrect_data", **fields}
    return {**event, "errorDeclaration": body}


def reading(world: World, identifier: str = A, number: int | None = 1) -> dict[str, Any]:
    ids = {"eventID": event_id(number)} if number else {}
    return world.event(action="OBSERVE", bizStep="storing", epcList=[identifier], **ids)


def test_a_declaration_writes_a_correction_and_undoes_nothing(world: World) -> None:
    event = {**world.shipping("org:carrier", A), "eventID": event_id(2)}
    original = world.capture("org:grower", event)
    world.must(original)
    declared = world.capture("org:grower", declaration(event, correctiveEventIDs=[event_id(3)]))
    assert world.status(declared) is EventStatus.EFFECTIVE
    key = correction_key("org:grower", original.commitments[0])
    correction = read_public(world.state.records[key], Correction)
    assert correction.declared_by == declared.commitments[0]
    assert (correction.reason, correction.corrective_event_ids) == ("incorrect_data", (event_id(3),))
    entry = world.state.histories[item_key(A)][-1]
    assert (entry.kind, entry.link, entry.commitment) == (HistoryKind.CORRECT, key_hash(key), correction.declared_by)
    assert world.custody(A).heading_to == "org:carrier"
    assert violations(world.state.records, world.state.histories) == []


def test_a_declaration_about_what_nobody_controls_here_is_a_statement_and_takes_the_id(world: World) -> None:
    event = reading(world, FOREIGN)
    declared = world.capture("org:grower", declaration(event))
    assert world.status(declared) is EventStatus.STATED
    assert correction_key("org:grower", declared.commitments[0]) not in world.state.records
    assert world.state.histories[statements_key(FOREIGN)][-1].kind is HistoryKind.STATE
    assert reason(world, "org:grower", event) is Reason.ALREADY_EXISTS, "it would stand there as if it held"
    without = world.capture("org:grower", declaration(reading(world, FOREIGN, None)))
    assert world.status(without) is EventStatus.STATED
    assert violations(world.state.records, world.state.histories) == []


def test_an_event_is_declared_erroneous_once_by_its_own_signer(world: World) -> None:
    event = reading(world)
    world.must(world.capture("org:grower", event))
    assert reason(world, "org:carrier", declaration(event)) is Reason.UNKNOWN_EVENT
    assert reason(world, "org:grower", declaration(reading(world, A, None))) is Reason.UNKNOWN_EVENT
    other = {**event, "epcList": reading(world, FOREIGN)["epcList"]}
    assert reason(world, "org:grower", declaration(other)) is Reason.UNKNOWN_EVENT
    world.must(world.capture("org:grower", declaration(event)))
    assert reason(world, "org:grower", declaration(event)) is Reason.DUPLICATE
    assert reason(world, "org:grower", declaration(event, reason="did_not_occur")) is Reason.ALREADY_CORRECTED


def test_a_declaration_is_bounded(world: World) -> None:
    event = reading(world)
    world.must(world.capture("org:grower", event))
    for fields in (
        {"correctiveEventIDs": [event_id(number) for number in range(33)]},
        {"reason": "urn:example:" + "x" * 200},
    ):
        assert reason(world, "org:grower", declaration(event, **fields)) is Reason.RECORD_TOO_LARGE


def test_an_organisation_uses_an_event_id_once(world: World) -> None:
    world.must(world.capture("org:grower", reading(world)))
    assert reason(world, "org:grower", reading(world)) is Reason.ALREADY_EXISTS
    world.hand_over("org:grower", "org:carrier", A)
    world.must(world.capture("org:carrier", reading(world)))


def test_a_statement_is_corrected_where_it_stands(world: World) -> None:
    event = reading(world, FOREIGN)
    transaction = world.capture("org:carrier", event)
    assert world.status(transaction) is EventStatus.STATED
    assert world.status(world.capture("org:carrier", declaration(event))) is EventStatus.STATED
    entries = world.state.histories[statements_key(FOREIGN)]
    assert [entry.kind for entry in entries] == [HistoryKind.STATE, HistoryKind.CORRECT]
    record = world.state.records[event_id_key("org:carrier", event["eventID"])]
    assert read_public(record, EventRecord).status is EventStatus.STATED


def test_a_late_declaration_reaches_the_items_after_custody_has_passed(world: World) -> None:
    world.hand_over("org:grower", "org:carrier", A)
    event = reading(world)
    world.must(world.capture("org:carrier", event))
    world.hand_over("org:carrier", "org:retailer", A)
    world.hand_over("org:retailer", "org:processor", A)
    world.must(world.capture("org:carrier", declaration(event)))
    assert world.state.histories[item_key(A)][-1].kind is HistoryKind.CORRECT


def corrects(world: World, owner: bytes, commitment: bytes, recorder: str = "org:grower") -> bool:
    """Whether the newest entry of a history is the correction of an event, by who recorded it."""
    entry = world.state.histories[owner][-1]
    link = key_hash(correction_key(recorder, commitment))
    return (entry.kind, entry.link, entry.organisation) == (HistoryKind.CORRECT, link, recorder)


def test_an_event_and_its_copy_by_another_are_corrected_each_by_who_recorded_it(world: World) -> None:
    event = reading(world)
    original = world.capture("org:grower", event)
    world.must(original)
    world.hand_over("org:grower", "org:carrier", A)
    copy = world.capture("org:carrier", *original.events)
    world.must(copy)
    (commitment,) = original.commitments
    assert copy.commitments == (commitment,)
    world.must(world.capture("org:carrier", declaration(event)))
    assert corrects(world, item_key(A), commitment, "org:carrier")
    assert correction_key("org:grower", commitment) not in world.state.records
    world.must(world.capture("org:grower", declaration(event)))
    assert corrects(world, item_key(A), commitment)
    assert reason(world, "org:grower", declaration(event, reason="did_not_occur")) is Reason.ALREADY_CORRECTED
    assert violations(world.state.records, world.state.histories) == []


def test_another_laboratory_cannot_lift_a_failed_inspection_by_a_copy(world: World) -> None:
    world.admit_laboratory("01/0952111", "org:laboratory-b")
    failed = inspecting(world, "non_conformant")
    original = world.capture("org:laboratory-b", failed)
    world.must(original)
    world.must(world.capture("org:laboratory", *original.events))
    shipping = world.shipping("org:carrier", quantityList={LOT: None})
    world.must(world.capture("org:laboratory-b", declaration(failed)))
    assert reason(world, "org:grower", shipping) is Reason.INSPECTION_FAILED
    world.must(world.capture("org:laboratory", declaration(failed)))
    world.must(world.capture("org:grower", world.shipping("org:carrier", quantityList={LOT: None})))


def test_a_correction_enters_the_container_sessions_that_its_event_entered_and_no_others(world: World) -> None:
    pallet = sscc("95211110")
    world.make("org:grower", pallet)
    world.must(world.capture("org:grower", world.packing(pallet, A)))
    event = reading(world, pallet)
    original = world.capture("org:grower", event)
    world.must(original)
    world.must(world.capture("org:grower", world.packing(pallet, A, action="DELETE")))
    world.must(world.capture("org:grower", world.packing(pallet, A)))
    later = len(world.state.histories[session_key(pallet, 2)])
    declared = world.capture("org:grower", declaration(event))
    assert world.status(declared) is EventStatus.EFFECTIVE
    assert corrects(world, item_key(pallet), original.commitments[0])
    assert corrects(world, session_key(pallet, 1), original.commitments[0])
    assert len(world.state.histories[session_key(pallet, 2)]) == later
    assert violations(world.state.records, world.state.histories) == []


def test_a_corrected_unpacking_is_found_in_the_session_by_what_it_did_not_name(world: World) -> None:
    pallet = sscc("95211110")
    world.make("org:grower", pallet)
    world.must(world.capture("org:grower", world.packing(pallet, A)))
    emptying = {**world.packing(pallet, action="DELETE"), "eventID": event_id(7)}
    original = world.capture("org:grower", emptying)
    world.must(original)
    world.must(world.capture("org:grower", declaration(emptying)))
    left = world.state.histories[item_key(A)][-1]
    assert (left.kind, left.link) == (HistoryKind.UNPACK, key_hash(session_key(pallet, 1)))
    assert corrects(world, session_key(pallet, 1), original.commitments[0])


def test_a_statement_is_corrected_among_the_statements_when_the_thing_is_under_control_since(world: World) -> None:
    late = f"{GRAIN}/21/LATE"
    event = reading(world, late)
    original = world.capture("org:grower", event)
    assert world.status(original) is EventStatus.STATED
    world.make("org:grower", late)
    assert world.status(world.capture("org:grower", declaration(event))) is EventStatus.STATED
    assert corrects(world, statements_key(late), original.commitments[0])
    assert [entry.kind for entry in world.state.histories[item_key(late)]] == [HistoryKind.COMMISSION]


def test_entries_name_the_organisation_that_recorded_the_event(world: World) -> None:
    world.hand_over("org:grower", "org:carrier", A)
    names = [(entry.kind, entry.organisation) for entry in world.state.histories[item_key(A)]]
    assert names == [
        (HistoryKind.COMMISSION, "org:grower"),
        (HistoryKind.SHIP, "org:grower"),
        (HistoryKind.RECEIVE, "org:carrier"),
    ]


def test_a_report_is_named_by_a_hash_or_not_at_all(world: World) -> None:
    event = inspecting(world)
    event["bizTransactionList"] = [{"type": "testres", "bizTransaction": "urn:example:report:7"}]
    world.must(world.capture("org:laboratory", event))
    assert read_public(world.state.records[inspection_key(LOT)], Inspection).report == ZERO32
