"""Asking for a seal at the members' door, and reading one at the public door."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tallystick import api
from tallystick.compact import CompactProof
from tallystick.encoding import decode, encode
from tallystick.errors import UnavailableError
from tallystick.records.members import KeyUse
from tallystick.seals import SealCertificate
from tests import compact_world as w
from tests.unit.node_api.api_world import World

NOTHING = encode(())


@dataclass
class Seals:
    """A node that has one seal, and another of the last block of epoch 2; it takes one request."""

    asked: list[str] = field(default_factory=list)

    def certificate(self, closing_epoch: int | None = None) -> SealCertificate:
        if closing_epoch not in (None, 2):
            raise UnavailableError("no such seal")
        return w.certificate()

    def request(self) -> int:
        self.asked.append("request")
        if len(self.asked) > 1:
            raise UnavailableError("a seal was asked for a moment ago; again in 10 s")
        return 42

    def consignment(self, identifier: str) -> CompactProof:
        return w.proof()


@pytest.fixture
def seals() -> Seals:
    return Seals()


@pytest.fixture
def world(tmp_path: Path, seals: Seals) -> World:
    return World(tmp_path, seals=seals)


def test_a_member_asks_for_a_seal_and_is_told_which_height_and_how_soon_again(world: World, seals: Seals) -> None:
    answer = world.post(api.SEALS, NOTHING)
    assert (answer.status, answer.json) == (202, {"height": 42})
    assert world.post(api.SEALS, NOTHING).code == "unavailable"
    assert len(seals.asked) == 2


def test_strangers_readers_and_validators_make_nobody_sign(world: World, seals: Seals) -> None:
    unsigned = world.call("POST", api.SEALS, body=NOTHING, headers={"content-type": "application/msgpack"})
    assert unsigned.code == "unauthenticated"
    token = {"content-type": "application/msgpack", "authorization": f"Bearer {world.token}"}
    assert world.call("POST", api.SEALS, body=NOTHING, headers=token).status in (401, 403)
    world.register("votes", KeyUse.VALIDATOR)
    assert world.post(api.SEALS, NOTHING, name="votes").code == "forbidden"
    assert not seals.asked


@pytest.mark.parametrize(("body", "status"), [(b"\x80", 400), (b"\x90\x90", 413), (b"\xc0", 400)])
def test_another_body_is_no_question(world: World, seals: Seals, body: bytes, status: int) -> None:
    assert world.post(api.SEALS, body).status == status
    assert not seals.asked


def test_anybody_reads_the_newest_seal_and_that_of_an_epochs_end(world: World) -> None:
    for target in (api.SEAL, f"{api.SEAL}?closing=2"):
        answer = world.get(target)
        assert answer.status == 200 and decode(answer.body, SealCertificate, size_max=4_096) == w.certificate()
    assert world.get(f"{api.SEAL}?closing=1").code == "unavailable"
    for wrong in ("closing=01", "closing=-1", "closing=2&closing=2", "epoch=2"):
        assert world.get(f"{api.SEAL}?{wrong}").status == 400


def test_a_node_that_makes_no_seals_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.get(api.SEAL).code == "unavailable"
    assert world.post(api.SEALS, NOTHING).code == "unavailable"
