"""The sample documents play on the real rules from harvest to error declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from client_sdk.escrow_terms import read_terms
from client_sdk.reader import Reader
from client_sdk.story import tell
from client_sdk.trust import pin
from tallystick.encoding import encode
from tallystick.epcis.documents import read_document
from tallystick.genesis import CardBody, Genesis, merge_cards, sign_card
from tallystick.records.goods import EventStatus
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger, nodes_for
from tests.world import FOUNDERS, START_MS, World, public_key, seed

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
CAPTURED_BY = {
    "01-harvest": "org:grower", "02-delivery": "org:grower", "03-arrival": "org:processor",
    "04-processing": "org:processor", "05-inspection": "org:laboratory", "06-packing": "org:processor",
    "07-handover": "org:processor", "08-pickup": "org:carrier", "09-transport": "org:carrier",
    "10-shipping": "org:carrier", "11-receiving": "org:retailer", "12-error-declaration": "org:carrier",
}  # fmt: skip
PREFIXES = dict(zip(FOUNDERS, ("9521001", "9521002", "9521003", "9521004"), strict=True))
PACK = "01/09521002000016/21/A001"


def genesis() -> Genesis:
    """The four founders with the prefixes of the samples."""
    cards = []
    for name, (roles, _) in FOUNDERS.items():
        body = CardBody(
            1, name, name, roles, (PREFIXES[name],), (), public_key(name, "ROOT"), public_key(name, "VALIDATOR"),
            b"certificate", "127.0.0.1:1", "127.0.0.1:2",
        )  # fmt: skip
        cards.append(sign_card(body, seed(name, "ROOT"), seed(name, "VALIDATOR")))
    return merge_cards(tuple(cards), network="samples", time_ms=START_MS)


@pytest.fixture
def ledger() -> Ledger:
    world = World(genesis())
    world.admit_laboratory("01/09521002000016")
    return Ledger(world)


def play(member, until: str = "99") -> None:
    """Capture every sample before ``until``, each by its organisation."""
    for name, organisation in CAPTURED_BY.items():
        if name < until:
            actor = member(organisation)
            prepared = actor.prepare_document((SAMPLES / f"{name}.json").read_bytes())
            done = actor.capture_prepared(prepared.events)
            assert {event.status for event in done.outcome.events} == {EventStatus.EFFECTIVE}, name


def test_every_sample_takes_effect_in_order(ledger: Ledger, node: FakeNode, member) -> None:
    play(member)
    trust = pin(encode(ledger.world.genesis), ledger.world.chain_id)
    story = tell(Reader(nodes_for("org:retailer", node, dice=Dice("r")), trust).item(PACK))
    assert story.verdict == "proven"
    steps = [event.step for event in story.events]
    assert steps[0] == "creating_class_instance"  # the lot of the farm is part of the pack's story
    assert {"packing", "shipping", "receiving", "transporting", "unpacking"} <= set(steps)
    assert [event.readings for event in story.events if event.corrected] == [("Temperature 31.2 CEL",)]
    assert ("Temperature 3.2 CEL",) in [event.readings for event in story.events]


def test_a_sample_out_of_turn_is_refused(ledger: Ledger, member) -> None:
    play(member, until="02")
    carrier = member("org:carrier")
    prepared = carrier.prepare_document((SAMPLES / "02-delivery.json").read_bytes())
    outcome = carrier.client.submit(carrier.client.sign_events(prepared.events, [seed("org:carrier", "CAPTURE")]))
    assert outcome.reason.name == "NOT_HOLDER"


@pytest.mark.parametrize("name", sorted(CAPTURED_BY))
def test_each_sample_is_read_without_a_warning(name: str) -> None:
    assert not read_document((SAMPLES / f"{name}.json").read_bytes()).warnings


def test_the_sample_terms_are_terms() -> None:
    terms = read_terms((SAMPLES / "escrow-terms.json").read_bytes(), START_MS)
    assert terms.milestones[0].amount == 1_500_000
    assert terms.refund_after_ms == START_MS + 30 * 86_400_000
