"""An event that two organisations recorded, and one of them declared erroneous: only that one is shown as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client_sdk.story import tell
from explorer.facts_from_proof import facts_from_proof
from explorer.facts_from_rows import facts_from_rows
from explorer.founding import founding_of
from explorer.read_model import ReadModel
from explorer.rebuild import check
from tallystick.epcis import parse_key
from tallystick.proofs import Trust, VerifiedItem, verify_bundle
from tests.unit.explorer.chain import COPIED, copied, node_of
from tests.unit.explorer.sites import Explorer, explorer_over

VECTOR = Path(__file__).resolve().parents[2] / "vectors" / "proofs" / "copy-corrected-by-another.json"


def verified_item() -> VerifiedItem:
    vector = json.loads(VECTOR.read_text())
    trust = vector["trust"]
    hashes = {int(epoch): bytes.fromhex(hash_) for epoch, hash_ in trust["validators_hashes"].items()}
    verified = verify_bundle(json.dumps(vector["bundle"]).encode(), Trust(bytes.fromhex(trust["chain_id"]), hashes))
    assert isinstance(verified, VerifiedItem)
    return verified


def test_a_page_shows_both_and_strikes_the_copy_alone() -> None:
    item = verified_item()
    facts = facts_from_proof(item, parse_key(item.closure.subject))
    shipped = [step for step in facts.journey if step.biz_step == "shipping"]
    struck = {step.recorder for step in shipped if step.correction is not None}
    assert {step.recorder for step in shipped} == {"org:carrier", "org:retailer"}
    assert struck == {"org:retailer"}
    assert all(step.organisation in ("", step.recorder) for step in shipped)


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    return explorer_over(node_of(copied()), tmp_path_factory.mktemp("copied"))


def test_rows_and_proof_say_the_same_of_both(explorer: Explorer) -> None:
    proof = explorer.site.proofs.item(COPIED)
    assert proof.verified is not None
    proven = facts_from_proof(proof.verified, parse_key(COPIED))
    with explorer.engine.connect() as connection:
        rows = facts_from_rows(ReadModel(connection), parse_key(COPIED))
    for facts in (proven, rows):
        struck = [(step.recorder, step.correction is not None) for step in facts.journey if step.biz_step == "storing"]
        assert struck == [("org:grower", False), ("org:carrier", True), ("org:carrier", False)]
    assert [step.recorded for step in rows.journey] == [step.recorded for step in proven.journey]
    assert check(explorer.engine, founding_of(explorer.node.chain.world.genesis)).differences == ()


def test_the_events_own_page_is_that_of_the_original(explorer: Explorer) -> None:
    with explorer.engine.connect() as connection:
        model = ReadModel(connection)
        (commitment,) = {
            step.recorded[0] for step in facts_from_rows(model, parse_key(COPIED)).journey if step.correction
        }
        assert model.correction_of(bytes.fromhex(commitment), "org:grower") is None
        correction = model.correction_of(bytes.fromhex(commitment), "org:carrier")
        assert correction is not None
        declared = correction["declared_by"]
        assert model.corrected_by(declared, "org:carrier") == bytes.fromhex(commitment)
        assert model.corrected_by(declared, "org:grower") is None
    assert "Declared erroneous" not in explorer.get(f"/en/event/{commitment}").text
    assert explorer.get(f"/en/{COPIED}").text.count(">Declared erroneous") == 1


def test_the_clients_story_tells_both_and_marks_the_copy_alone() -> None:
    told = [fact for fact in tell(verified_item()).events if fact.step == "shipping"]
    assert [(fact.corrected, fact.signer) for fact in told[:2]] == [(False, ""), (True, "org:retailer")]
    assert told[0].commitment == told[1].commitment
