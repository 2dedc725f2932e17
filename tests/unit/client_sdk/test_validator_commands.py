"""Orders about validators from the command line: seats out of cards and seat files, heights, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from client_sdk.commands import validators
from client_sdk.commands.base import Context
from client_sdk.commands.validators import read_seat, read_switch, switch_for_joining
from tallystick.encoding import encode
from tallystick.errors import ConfigError
from tallystick.payloads.membership import NewSeat
from tests import compact_world as w
from tests.recorded_bls import recorded_bls
from tests.world import founding, public_key

CONTEXT = cast(Context, SimpleNamespace(client=lambda: SimpleNamespace(head=lambda: SimpleNamespace(height=100))))


def test_a_card_and_a_seat_file_name_the_same_seat(tmp_path: Path) -> None:
    card = founding().cards[0]
    (tmp_path / "card.bin").write_bytes(encode(card))
    seat = read_seat(tmp_path / "card.bin")
    assert (seat.organisation, seat.key) == (card.body.organisation, card.body.validator_key)
    (tmp_path / "seat.bin").write_bytes(encode(seat))
    assert read_seat(tmp_path / "seat.bin") == seat


def test_a_seat_shows_that_its_owner_has_the_secret_of_its_bls_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validators, "bls", recorded_bls)
    card, other = w.world().genesis.cards[0], w.world().genesis.cards[1]
    (tmp_path / "card.bin").write_bytes(encode(card))
    seat = read_seat(tmp_path / "card.bin")
    assert (seat.bls_key, seat.bls_possession) == (card.body.bls_key, card.body.bls_possession)
    unproven = msgspec.structs.replace(seat, bls_possession=other.body.bls_possession)
    (tmp_path / "seat.bin").write_bytes(encode(unproven))
    with pytest.raises(ConfigError, match="does not show that it has the secret"):
        read_seat(tmp_path / "seat.bin")


@pytest.mark.parametrize("data", [b"", b"card", encode(NewSeat("org:a", public_key("a"), b"c", "a:1", "a:2"))[:-1]])
def test_other_bytes_are_neither(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ConfigError, match="neither a node's card nor a seat file"):
        read_seat(tmp_path / "file")


def test_a_card_that_was_changed_after_signing_is_refused(tmp_path: Path) -> None:
    card = founding().cards[0]
    forged: Any = type(card)(card.body, card.validator_signature, card.root_signature)
    (tmp_path / "card.bin").write_bytes(encode(forged))
    with pytest.raises(ConfigError):
        read_seat(tmp_path / "card.bin")


def test_a_switch_is_a_height_or_a_distance_from_now() -> None:
    assert (read_switch(CONTEXT, "1200"), read_switch(CONTEXT, "+24")) == (1200, 124)
    for wrong in ("", "+", "-5", "1e3", "٣", "9" * 16):
        with pytest.raises(ConfigError, match="is no height"):
            read_switch(CONTEXT, wrong)


@pytest.mark.parametrize(("heights", "switch"), [((100, 100), 220), ((100, 180), 180 + 4_800), ((0, 10_000), 109_992)])
def test_a_join_gets_about_two_minutes_at_the_measured_rate(heights: tuple[int, int], switch: int) -> None:
    seen = iter(heights)
    client = SimpleNamespace(
        head=lambda: SimpleNamespace(height=next(seen)), environment=SimpleNamespace(sleep=lambda seconds: None)
    )
    assert switch_for_joining(cast(Context, SimpleNamespace(client=lambda: client))) == switch
