"""Which snapshot is joined from: one peer that makes something up does not keep the others' from being taken."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from node.epochs import Epochs
from node.network.messages import (
    EpochsMessage,
    EpochsRequest,
    ManifestMessage,
    ManifestRequest,
    Offer,
    SnapshotsMessage,
    SnapshotsRequest,
)
from node.network.peers import Peer, Peers
from node.snapshots import choice
from node.snapshots.choice import Choice, GivenUpError, Pin, Target
from node.snapshots.joining import Joining
from node.snapshots.joining_folder import JOINING
from node.snapshots.manifest import Manifest
from node.snapshots.shelf import chunk_file
from tallystick.epochs import EpochProof
from tallystick.limits import SNAPSHOT_CHUNK_FILL
from tests.epoch_world import CHAIN_ID, EpochWorld
from tests.epoch_world import validators as validators_of
from tests.snapshot_world import Made, chain, snapshot, validators, world

HEIGHT = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A genuine snapshot of epoch 0."""
    return snapshot(chain(HEIGHT), tmp_path_factory.mktemp("made") / "making", HEIGHT + 8)


@dataclass
class Other:
    """A peer that answers at once."""

    name: str
    offers: list[Made] = field(default_factory=list)
    height: int = HEIGHT  # that it says of its offers
    ends: dict[int, EpochProof] = field(default_factory=dict)
    choice: Choice | None = None
    blamed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def certificate(self) -> bytes:
        return self.name.encode()

    def send(self, message: object) -> None:
        assert self.choice is not None
        self.asked.append(type(message).__name__)
        match message:
            case SnapshotsRequest():
                offers = tuple(Offer(self.height, one.manifest.digest()) for one in self.offers)
                self.choice.take(cast(Peer, self), SnapshotsMessage(offers))
            case ManifestRequest(digest):
                (one,) = [one for one in self.offers if one.manifest.digest() == digest]
                self.choice.take(cast(Peer, self), ManifestMessage(one.manifest, one.proof))
            case EpochsRequest(first):
                proofs = (self.ends[first],) if first in self.ends else ()
                self.choice.take(cast(Peer, self), EpochsMessage(first, proofs))


class Others(list[Other]):
    """All of them, connected."""

    def connected(self) -> list[Other]:
        return list(self)

    def penalise(self, peer: Other, error: Exception) -> None:
        peer.blamed.append(str(error))


def choose(
    others: list[Other],
    *,
    pin: Pin | None = None,
    has_room: Callable[[Manifest], bool] = lambda manifest: True,
    number: int = 0,
) -> Target | None:
    async def run() -> Target | None:
        epochs = SimpleNamespace(number=number, validators_of=lambda epoch: validators())
        one = Choice(
            chain_id=world().chain_id, pin=pin, epochs=cast(Epochs, epochs), peers=cast(Peers, Others(others)),
            stored_height=lambda: 0, has_room=has_room, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        for other in others:
            other.choice = one
        await one.gather()
        return await one.most_offered()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody is waited for."""
    monkeypatch.setattr(choice, "ANSWER_S", 0.05)
    monkeypatch.setattr(choice, "OFFERS_S", 0.05)
    yield


def larger(made: Made, chunks: int) -> Made:
    """The same certificate over a manifest that nobody made."""
    return Made(replace(made.manifest, chunks=made.manifest.chunks[:1] * chunks), made.proof, ())


def test_what_most_offer_is_taken(made: Made) -> None:
    liar = Other("liar", [larger(made, 3)], height=10**9)
    target = choose([liar, Other("a", [made]), Other("b", [made])])
    assert target is not None and target.digest == made.manifest.digest() and not liar.blamed


def test_a_snapshot_that_the_disk_cannot_hold_is_passed_over_for_another(made: Made) -> None:
    liar = Other("liar", [larger(made, 50_000)], height=10**9)
    asked: list[int] = []

    def has_room(manifest: Manifest) -> bool:
        asked.append(len(manifest.chunks))
        return len(manifest.chunks) < 1_000

    target = choose([liar, Other("honest", [made])], has_room=has_room)
    assert target is not None and target.digest == made.manifest.digest()
    assert asked == [50_000, len(made.manifest.chunks)]


def test_a_snapshot_from_before_the_pinned_epoch_does_not_end_the_attempt(made: Made) -> None:
    """Retired keys may sign whatever they like; whoever shows it is not in the way of the others' newer one."""
    old, honest = Other("old", [made], height=10**9), Other("honest", [larger(made, 2)])
    assert choose([old, honest], pin=(1, bytes(32))) is None
    assert honest.asked == ["SnapshotsRequest", "ManifestRequest"] and not old.blamed


def test_our_own_chain_against_the_pin_is_for_the_operator(made: Made) -> None:
    with pytest.raises(GivenUpError, match="other validators than the ones that are pinned"):
        choose([Other("honest", [made])], pin=(0, bytes(32)))


def walked(others: list[Other], pin: Pin | None) -> Any:
    async def run() -> Any:
        epochs = SimpleNamespace(number=0, validators_of=validators_of)
        one = Choice(
            chain_id=CHAIN_ID, pin=pin, epochs=cast(Epochs, epochs), peers=cast(Peers, Others(others)),
            stored_height=lambda: 0, has_room=lambda manifest: True, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        for other in others:
            other.choice = one
        return await one._walk(2, cast(list[Peer], others))

    return asyncio.run(run())


def ends() -> dict[int, EpochProof]:
    """How epochs 0 and 1 ended."""
    return {epoch: EpochWorld(250).step(epoch).proof for epoch in (0, 1)}


def forged_end() -> EpochProof:
    """Epoch 0 ends as nobody saw it, under genuine signatures of its validators: their keys were sold since."""
    one, following = EpochWorld(250), validators_of(2)
    boundary = replace(one.header(100), next_validators_hash=following.digest())
    return EpochProof(boundary, None, one.certificate(boundary), following)


def test_an_end_of_an_epoch_that_leads_past_the_pin_costs_only_whoever_shows_it() -> None:
    pin = (1, validators_of(1).digest())
    forger, honest = Other("forger", ends={0: forged_end()}), Other("honest", ends=ends())
    assert walked([forger, Other("another", ends=ends())], None) is None  # without a pin nothing tells them apart
    assert not forger.blamed
    found = walked([forger, honest], pin)
    assert found[0] == validators_of(2) and [number for number, _ in found[1]] == [0, 1]
    assert "than those that are pinned" in forger.blamed[0] and not honest.blamed


def test_who_joins_counts_what_is_fetched_already_and_says_what_is_missing(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [0]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[0]))
    manifest = larger(made, 100).manifest
    (tmp_path / JOINING).mkdir()

    async def run() -> tuple[list[bool], str]:
        one = Joining(
            data=tmp_path, chain_id=world().chain_id, behind=1, pin=None, epochs=cast(Epochs, None),
            peers=cast(Peers, Others()), stored_height=lambda: 0, ready=print, fatal=print,
            loop=asyncio.get_running_loop(),
        )  # fmt: skip
        found = []
        for free[0], here in ((229, 0), (230, 0), (150, 0), (150, 80)):
            free[0] *= SNAPSHOT_CHUNK_FILL
            for index in range(here):
                chunk_file(tmp_path / JOINING, index).touch()
            found.append(one._has_room(manifest))
        await one.close()
        return found, one._too_large

    found, words = asyncio.run(run())
    assert found == [False, True, False, True]
    assert "make room" in words and str(tmp_path) in words
