"""Proof bundles: every frozen vector gives its code, and no mutation of a good bundle is proven."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tallystick import keys
from tallystick.errors import ProofError
from tallystick.proofs import Signer, Trust, VerifiedEvent, VerifiedItem, build_event, verify_bundle, write_bundle
from tallystick.records.goods import HistoryKind, item_key
from tallystick.records.members import Key, KeyStatus, KeyUse, member_key
from tests.proof_world import FIELD_LOT, SERIAL, TRUST, finished_world, seed

ROOT = Path(__file__).resolve().parents[3]
VECTORS = sorted((ROOT / "tests" / "vectors" / "proofs").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text())
    return value


def trust_of(vector: dict[str, Any]) -> Trust:
    trust = vector["trust"]
    hashes = {int(epoch): bytes.fromhex(hash_) for epoch, hash_ in trust["validators_hashes"].items()}
    last_heights = {int(epoch): height for epoch, height in trust.get("last_heights", {}).items()}
    return Trust(bytes.fromhex(trust["chain_id"]), hashes, trust["height_min"], last_heights)


def code_of(vector: dict[str, Any]) -> str:
    data = json.dumps(vector["bundle"]).encode()
    trust = trust_of(vector)
    try:
        verified = verify_bundle(data, trust, subject=vector["subject"], at=vector.get("at"))
    except ProofError as error:
        return error.code
    return str(verified.verdict) if isinstance(verified, VerifiedItem) else "proven"


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_vector_gives_its_code(path: Path) -> None:
    vector = load(path)
    assert code_of(vector) == vector["expected"]


def test_the_vectors_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_proof_vectors.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_200)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_proven_closure_names_lot_class_container_input_and_its_recall() -> None:
    vector = load(ROOT / "tests" / "vectors" / "proofs" / "item.json")
    verified = verify_bundle(json.dumps(vector["bundle"]).encode(), trust_of(vector))
    assert isinstance(verified, VerifiedItem)
    closure = verified.closure
    assert {SERIAL, FIELD_LOT} <= set(closure.parts)
    assert list(closure.recalls) == ["recall-1"]
    assert len(closure.sessions) == len(closure.corrections) == len(closure.transformations) == 1
    assert {signer.organisation for signer in verified.signers.values()} == {
        "org:grower",
        "org:processor",
        "org:carrier",
        "org:laboratory",
    }


def test_a_copy_that_its_recorder_declared_erroneous_does_not_mark_the_original() -> None:
    vector = load(ROOT / "tests" / "vectors" / "proofs" / "copy-corrected-by-another.json")
    verified = verify_bundle(json.dumps(vector["bundle"]).encode(), trust_of(vector))
    assert isinstance(verified, VerifiedItem)
    (session,) = verified.closure.sessions.values()
    original, copy = (entry for entry in session.entries if entry.kind is HistoryKind.SHIP)
    assert (original.commitment, original.organisation) == (copy.commitment, "org:carrier")
    assert copy.organisation == "org:retailer"
    assert copy.recorded in verified.closure.corrections
    assert original.recorded not in verified.closure.corrections
    vector = load(ROOT / "tests" / "vectors" / "proofs" / "event-copy-corrected-by-another.json")
    event = verify_bundle(json.dumps(vector["bundle"]).encode(), trust_of(vector))
    assert isinstance(event, VerifiedEvent)
    assert (event.correction, event.signer) == (None, Signer("org:carrier"))


@pytest.mark.parametrize(("since", "until"), [(0, 0), (3, 0), (0, 3), (3, 3), (0, 20)])
def test_a_key_may_have_become_active_or_been_revoked_in_the_very_block_of_the_event(since: int, until: int) -> None:
    world = finished_world()
    status = KeyStatus.REVOKED if until else KeyStatus.ACTIVE
    world.put(
        member_key(keys.public_key_of(seed("org:grower capture"))),
        Key("org:grower", status, (KeyUse.CAPTURE,), "", since, until),
    )
    (harvest,) = world.histories[item_key(FIELD_LOT)][:1]
    assert harvest.height == 3
    verified = verify_bundle(write_bundle(build_event(harvest.commitment, FIELD_LOT, world)), TRUST)
    assert isinstance(verified, VerifiedEvent) and verified.signer == Signer("org:grower")


def test_an_older_proof_than_one_seen_before_is_refused_as_rolled_back() -> None:
    vector = load(ROOT / "tests" / "vectors" / "proofs" / "item.json")
    trust = trust_of(vector)
    with pytest.raises(ProofError) as caught:
        verify_bundle(json.dumps(vector["bundle"]).encode(), Trust(trust.chain_id, trust.validators_hashes, 21))
    assert caught.value.code == "rolled-back"


def mutate(value: Any, rng: random.Random) -> Any:
    """One edit somewhere in a JSON value: a character, a number, a list's order or length."""
    if isinstance(value, dict):
        name = rng.choice(sorted(value))
        return {**value, name: mutate(value[name], rng)}
    if isinstance(value, list):
        if not value:
            return [0]
        choice = rng.randrange(4)
        if choice == 0:
            return value[:-1]
        if choice == 1:
            return [*value, value[0]]
        index = rng.randrange(len(value))
        return [*value[:index], mutate(value[index], rng), *value[index + 1 :]]
    if isinstance(value, str):
        if not value:
            return "0"
        index = rng.randrange(len(value))
        return value[:index] + ("A" if value[index] != "A" else "B").lower() + value[index + 1 :]
    return value + 1 if isinstance(value, int) else 0


@pytest.mark.parametrize("name", ["item", "event", "record"])
def test_no_mutant_of_a_good_bundle_says_more_than_the_original(name: str) -> None:
    vector = load(ROOT / "tests" / "vectors" / "proofs" / f"{name}.json")
    original = verify_bundle(json.dumps(vector["bundle"]).encode(), trust_of(vector))
    rng = random.Random(20_261_122)
    for _ in range(300):
        bundle = mutate(vector["bundle"], rng)
        try:
            verified = verify_bundle(json.dumps(bundle).encode(), trust_of(vector))
        except ProofError:
            continue
        if isinstance(verified, VerifiedItem):
            assert isinstance(original, VerifiedItem)
            if verified.verdict == original.verdict:
                assert verified.closure.parts == original.closure.parts
                assert verified.closure.recalls == original.closure.recalls
                assert verified.closure.corrections == original.closure.corrections
                assert set(verified.events) >= set(original.events)
        elif name == "event" or verified.key == original.key:
            assert verified == original
