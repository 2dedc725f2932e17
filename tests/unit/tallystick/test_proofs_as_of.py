"""As of a height, for every kind of bundle: the height asked for is proven, any other is refused, the newest too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import ProofError
from tallystick.proofs import ANY_HEIGHT, VerifiedBlock, VerifiedReceipt, verify_bundle
from tests.proof_world import EXECUTED_HEIGHT, TRUST, time_of

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "proofs"
AT = 17
STATES = [
    "item-as-of", "item-as-of-never-issued", "event-as-of", "record-as-of", "record-as-of-absent", "receivable-as-of",
    "evidence-as-of",
]  # fmt: skip


def vector(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    return value


def code_of(name: str, at: int | None) -> str:
    one = vector(name)
    try:
        verify_bundle(json.dumps(one["bundle"]).encode(), TRUST, subject=one["subject"], at=at)
    except ProofError as error:
        return str(error.code)
    return "holds"


@pytest.mark.parametrize("name", STATES)
def test_the_state_of_a_height_is_proven_to_who_asked_for_that_height_alone(name: str) -> None:
    assert code_of(name, AT) == "holds"
    assert {code_of(name, at) for at in (None, AT - 1, AT + 1, EXECUTED_HEIGHT, 0)} == {"wrong-height"}
    one = vector(name)
    verified = verify_bundle(json.dumps(one["bundle"]).encode(), TRUST)
    assert not isinstance(verified, VerifiedBlock | VerifiedReceipt)
    assert verified.as_of is not None
    assert (verified.as_of.height, verified.as_of.time_ms) == (AT, time_of(AT))


@pytest.mark.parametrize("name", ["item", "never-issued", "event", "record", "record-absent", "receivable", "evidence"])
def test_the_newest_state_is_not_taken_for_an_earlier_one(name: str) -> None:
    assert code_of(name, None) == "holds"
    assert {code_of(name, at) for at in (AT, EXECUTED_HEIGHT)} == {"wrong-height"}
    assert code_of(name, ANY_HEIGHT) == "holds"


@pytest.mark.parametrize("name", ["block", "block-genesis", "receipt"])
def test_blocks_and_receipts_are_of_their_own_height(name: str) -> None:
    one = vector(name)
    verified = verify_bundle(json.dumps(one["bundle"]).encode(), TRUST, subject=one["subject"])
    assert isinstance(verified, VerifiedBlock | VerifiedReceipt)
    assert verified.leaf.height == (0 if name == "block-genesis" else 9)
    assert verified.leaf.time_ms == time_of(verified.leaf.height)
