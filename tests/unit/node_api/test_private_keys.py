"""Keys that name a party or can be guessed are proven to members only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tallystick import api
from tallystick.records.base import MEMBERS_ONLY_SPACES, Space
from tallystick.records.goods import HistoryKind, item_key, milestone_key
from tallystick.records.trade import account_key
from tests.unit.node_api.api_world import World


@pytest.mark.parametrize(
    "key",
    [
        account_key("org:bank", "CNY", "org:retailer"),
        milestone_key("01/09521234543213/21/A1", HistoryKind.RECEIVE, "org:retailer"),
        bytes((Space.DUE,)) + bytes(16),
    ],
    ids=["account", "milestone", "due-work"],
)
def test_strangers_cannot_ask_whether_a_guessable_record_exists(tmp_path: Path, key: bytes) -> None:
    world = World(tmp_path)
    assert key[0] in MEMBERS_ONLY_SPACES
    answer = world.get(f"{api.RECORD_PROOF}?key={key.hex()}")
    assert answer.status == 403
    assert answer.code == "forbidden"
    assert api.MEMBERS_RECORD_PROOF in answer.json["remedy"]
    assert world.get(f"{api.MEMBERS_RECORD_PROOF}?key={key.hex()}").status == 401
    assert world.read(f"{api.MEMBERS_RECORD_PROOF}?key={key.hex()}").status == 200


def test_public_identifiers_are_proven_to_anybody(tmp_path: Path) -> None:
    key = item_key("01/09521234543213/21/A1")
    assert World(tmp_path).get(f"{api.RECORD_PROOF}?key={key.hex()}").status == 200
