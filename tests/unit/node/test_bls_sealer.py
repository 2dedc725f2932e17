"""Which heights a node seals, whose shares it takes, what an end of an epoch and a request change, and a bad peer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node import bls_sealer
from node.bls_sealer import Sealer
from node.bls_store import SealStore
from node.bls_worker import Answer, CheckKeys, CombineShares, OpenKey, Question, SignSeal, Worker
from node.network.messages import SealRequest, SealShareMessage
from tallystick import api, keys
from tallystick.blocks import Executed
from tallystick.compact import CompactTrust, verify_compact, write_compact
from tallystick.errors import UnavailableError
from tallystick.seals import Seal, SealShare
from tallystick.validators import Validator, ValidatorSet, validator_set
from tests import compact_world as w
from tests.recorded_bls import recorded_bls
from tests.unit.node_api.api_world import World

HEARTBEAT_MS = 60_000
EXECUTED = w.seal().executed
HEIGHT = EXECUTED.height
PARENT = msgspec.structs.replace(EXECUTED, height=HEIGHT - 1, time_ms=EXECUTED.time_ms - HEARTBEAT_MS)
WITHIN = msgspec.structs.replace(PARENT, time_ms=EXECUTED.time_ms - 1)  # no heartbeat begins after it
VALIDATORS = w.validators()
ME = 0
ROTATED_SEED, NEWCOMER_SEED = bytes([41]) * 32, bytes([42]) * 32


@dataclass
class Surroundings:
    """As much of a node as a sealer sees: two heights, the founders' set, a list for what is sent."""

    sent: list[Any] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    number: int = 0
    me: int | None = ME
    validators: Any = VALIDATORS
    parent: Executed = PARENT
    here: Executed = EXECUTED
    has_ended: bool = False

    def block(self, height: int) -> Any:
        header = type("Header", (), {"epoch": self.number})()
        return type("Row", (), {"executed": self.here if height == HEIGHT else self.parent, "header": header})()

    height = HEIGHT

    def trie_at(self, height: int) -> Any:
        return w.trie()

    def changed_at(self, height: int) -> Any:
        return ()

    def records_below(self, prefix: bytes) -> Any:
        """Nothing: the tests put the world's tree of units in its place."""
        return iter(())

    def get(self, key: bytes) -> Any:
        return w.world().state.get(key)

    def broadcast(self, message: Any) -> None:
        self.sent.append(message)

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return Worker(w.secret(VALIDATORS.members[ME].organisation), recorded_bls()).answer(question)

    async def close(self) -> None:
        """The process ends."""


@dataclass
class Speaker:
    """A peer by its index among the founders."""

    index: int
    sent: list[Any] = field(default_factory=list)

    @property
    def organisation(self) -> str:
        return VALIDATORS.members[self.index].organisation

    def send(self, message: Any) -> None:
        self.sent.append(message)


def store_at(folder: Path) -> SealStore:
    return SealStore(folder / "newest", folder / "closing")


def play(story: Callable[[Sealer, Surroundings], Coroutine[Any, Any, None]], tmp_path: Path, **changes: Any) -> None:
    async def whole() -> None:
        around: Any = Surroundings(**changes)
        (tmp_path / "seal.key").write_text("present")
        sealer = Sealer(
            chain_id=w.world().chain_id, epochs=around, heartbeat_ms=HEARTBEAT_MS, key_file=tmp_path / "seal.key",
            store=store_at(tmp_path), ledger=around, state=around, peers=around, loop=asyncio.get_running_loop(),
        )  # fmt: skip
        sealer._process = around
        assert sealer._units is not None
        sealer._units._trie = w.units()
        try:
            await story(sealer, around)
        finally:
            await sealer.close()

    asyncio.run(whole())


def hear(sealer: Sealer, index: int, signed_by: int | None = None) -> None:
    """A peer's share; made by another founder where one is named."""
    speaker: Any = Speaker(index)
    sealer.take_share(speaker, SealShare(w.seal(), index, w.share(index if signed_by is None else signed_by)))


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written at once: how long a thread takes is not known."""

    async def at_once(write: Callable[..., None], *arguments: object) -> None:
        write(*arguments)

    monkeypatch.setattr("node.bls_sealer.asyncio.to_thread", at_once)


async def settled(sealer: Sealer) -> None:
    """Until the sealer has nothing to do but wait: turns of the loop, however long each takes."""
    for _ in range(100):
        await asyncio.sleep(0)


def asked(around: Surroundings, kind: type) -> int:
    return sum(isinstance(question, kind) for question in around.asked)


def combinations(around: Surroundings) -> int:
    return asked(around, CombineShares)


def test_the_first_height_of_a_heartbeat_is_signed_shared_and_sealed_with_a_quorum(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        with pytest.raises(UnavailableError, match="nothing is sealed yet"):
            sealer.certificate()
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert around.asked == [OpenKey(), SignSeal(w.seal()), CheckKeys(w.world().chain_id, 0, VALIDATORS)]
        assert around.sent == [SealShareMessage(SealShare(w.seal(), ME, w.share(ME)))]
        hear(sealer, 1)
        await settled(sealer)
        assert combinations(around) == 0
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.certificate() == w.certificate() == store_at(tmp_path).newest()
        assert sealer.consignment(w.PALLET) == w.proof()
        with pytest.raises(UnavailableError, match="last block of epoch 0"):
            sealer.certificate(0)

    play(story, tmp_path)


def test_what_is_no_logistic_unit_has_no_compact_proof_and_its_place_in_the_request_is_named(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        answer = await World(tmp_path, seals=sealer).acall("GET", f"{api.CONSIGNMENT_PROOF}?id=01/09521234543213/10/L7")
        assert (answer.status, answer.code, answer.json["path"]) == (400, "compact.subject", "/query/id")
        assert "01/09521234543213/10/L7 is no logistic unit (00/…)" in answer.json["detail"]
        assert not around.asked and not around.sent

    play(story, tmp_path)


def test_a_node_that_starts_again_shows_the_newest_seal_at_once(tmp_path: Path) -> None:
    store_at(tmp_path).keep(w.certificate())

    async def story(sealer: Sealer, around: Surroundings) -> None:
        assert sealer.certificate() == w.certificate()
        with pytest.raises(UnavailableError, match="started after"):
            sealer.consignment(w.PALLET)  # its tree of units, here of none, is another than the sealed one

    play(story, tmp_path)

    async def elsewhere(sealer: Sealer, around: Surroundings) -> None:
        with pytest.raises(UnavailableError, match="nothing is sealed yet"):
            sealer.certificate()

    play(elsewhere, tmp_path, here=msgspec.structs.replace(EXECUTED, state_root=bytes(32)))
    (tmp_path / "newest").write_bytes(b"damaged")
    play(elsewhere, tmp_path)


def test_a_node_whose_key_the_set_does_not_name_signs_nothing_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = w.with_entry(ME, bls_key=b"", bls_possession=b"")

    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert not around.sent and asked(around, SignSeal) == 0

    play(story, tmp_path, validators=other)
    assert "names another BLS key" in caplog.text


def test_a_key_without_its_possession_is_named_once_and_its_share_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unproven = w.with_entry(1, bls_possession=VALIDATORS.members[3].bls_possession)

    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        seal = around.sent[0].share.seal
        for index in (1, 2, 3):
            speaker: Any = Speaker(index)
            sealer.take_share(speaker, SealShare(seal, index, w.share(index, seal)))
        await settled(sealer)
        assert combinations(around) == 2 and sealer.certificate().signer_indices() == (0, 2, 3)

    play(story, tmp_path, validators=unproven)
    assert caplog.text.count("not shown to be its owner's") == 1


def test_within_a_heartbeat_nothing_more_is_signed(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert not around.asked

    play(story, tmp_path, parent=WITHIN)


def test_an_observer_signs_nothing(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert not around.asked

    play(story, tmp_path, me=None)


def test_a_bad_share_is_left_out_and_its_sender_has_no_second_try(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        hear(sealer, 2, signed_by=1)
        await settled(sealer)
        assert combinations(around) == 1
        for _ in range(5):
            hear(sealer, 2, signed_by=1)
            await settled(sealer)
        assert combinations(around) == 1
        hear(sealer, 3)
        await settled(sealer)
        assert combinations(around) == 2 and sealer.certificate() == w.certificate()

    play(story, tmp_path)


def test_shares_in_anothers_name_or_of_another_epoch_are_not_taken(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        speaker: Any = Speaker(1)
        sealer.take_share(speaker, SealShare(w.seal(), 3, w.share(3)))
        stranger: Any = Speaker(7)
        sealer.take_share(stranger, SealShare(w.seal(), 7, w.share(3)))
        sealer.take_share(Speaker(3), SealShare(w.seal(epoch=1), 3, w.share(3)))  # type: ignore[arg-type]
        await settled(sealer)
        assert combinations(around) == 0

    play(story, tmp_path)


# --- the end of an epoch ------------------------------------------------------------------------------------


def later_validators() -> ValidatorSet:
    """Epoch 1: the third founder left, another organisation came, the fourth has rotated its voting key."""
    kept = [member for index, member in enumerate(VALIDATORS.members) if index < 2]
    rotated = msgspec.structs.replace(VALIDATORS.members[3], key=keys.public_key_of(ROTATED_SEED))
    newcomer = Validator("org:newcomer", keys.public_key_of(NEWCOMER_SEED), *w.bls_entry("org:newcomer"))
    return validator_set((*kept, rotated, newcomer))


def next_epoch(sealer: Sealer, around: Surroundings) -> ValidatorSet:
    """The node is told that epoch 1 begins."""
    validators = later_validators()
    ordered = [member.organisation for member in validators.members]
    around.number, around.validators, around.has_ended = 1, validators, False
    around.me = ordered.index(VALIDATORS.members[ME].organisation)
    sealer.turn()
    return validators


def test_with_a_new_epoch_what_was_not_whole_is_given_up(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        next_epoch(sealer, around)
        hear(sealer, 3)
        await settled(sealer)
        assert combinations(around) == 0

    play(story, tmp_path)


def test_the_last_block_of_an_epoch_is_sealed_by_its_own_validators_after_its_end(tmp_path: Path) -> None:
    """No heartbeat begins with it; the seal is kept under its epoch, and shown after a restart."""

    async def story(sealer: Sealer, around: Surroundings) -> None:
        around.has_ended = True
        sealer.stored([EXECUTED])
        next_epoch(sealer, around)
        await settled(sealer)
        assert around.sent == [SealShareMessage(SealShare(w.seal(), ME, w.share(ME)))]
        fresh: Any = Speaker(1)
        sealer.connected(fresh)
        assert fresh.sent == around.sent, "who connects later gets the share of the epoch that ended"
        hear_former(sealer, 1, 3)
        await settled(sealer)
        assert sealer.certificate(0) == sealer.certificate() == w.certificate()

    play(story, tmp_path, parent=WITHIN)

    async def again(sealer: Sealer, around: Surroundings) -> None:
        assert sealer.certificate(0) == sealer.certificate() == w.certificate()
        with pytest.raises(UnavailableError, match="epoch 1"):
            sealer.certificate(1)
        (tmp_path / "closing" / "0000000000").write_bytes(b"damaged")
        with pytest.raises(UnavailableError, match="not what was written"):
            sealer.certificate(0)

    play(again, tmp_path, number=1)


def test_nobody_speaks_for_another_validator_of_the_epoch_that_ended(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        around.has_ended = True
        sealer.stored([EXECUTED])
        next_epoch(sealer, around)
        await settled(sealer)
        for index in (1, 3):
            liar: Any = Speaker(2)
            sealer.take_share(liar, SealShare(w.seal(), index, w.share(index)))
        await settled(sealer)
        assert combinations(around) == 0

    play(story, tmp_path, parent=WITHIN)


def test_the_next_epochs_validators_seal_under_keys_of_their_own_and_the_last_seal_stays(tmp_path: Path) -> None:
    scheme = recorded_bls()

    def share_of(seal: Seal, index: int, validators: ValidatorSet) -> SealShare:
        secret = w.secret(validators.members[index].organisation)
        return SealShare(seal, index, scheme.sign(secret, seal.signing_bytes()))

    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        validators = next_epoch(sealer, around)
        later = msgspec.structs.replace(EXECUTED, height=HEIGHT + 1, time_ms=EXECUTED.time_ms + HEARTBEAT_MS)
        around.parent = PARENT
        sealer.stored([later])
        await settled(sealer)
        seal = around.sent[-1].share.seal
        assert (seal.epoch, seal.validators_hash) == (1, validators.digest())
        assert asked(around, CheckKeys) == 2, "once in each epoch"
        others = [index for index in range(4) if index != around.me]
        for index in others[:2]:
            stale: Any = Speaker(index)
            sealer.take_share(stale, SealShare(w.seal(), index, w.share(0)))  # of the epoch before
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        for index in others[:2]:
            speaker: Any = Speaker(index)
            sealer.take_share(speaker, share_of(seal, index, validators))
        await settled(sealer)
        assert sealer.certificate().seal == seal
        trust = CompactTrust(w.world().chain_id, {0: VALIDATORS, 1: validators})
        for proof in (w.proof(), sealer.consignment(w.PALLET)):  # the paper of the epoch before holds as well
            assert verify_compact(write_compact(proof), trust, scheme).epoch in (0, 1)

    play(story, tmp_path)


def test_a_process_that_fails_is_asked_again_for_the_same_height(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bls_sealer, "RETRY_S", 0.0)

    async def story(sealer: Sealer, around: Surroundings) -> None:
        working, failures = around.ask, [OpenKey, SignSeal, CheckKeys, CombineShares]

        async def ask(question: Question) -> Answer:
            if failures and isinstance(question, failures[0]):
                failures.pop(0)
                raise UnavailableError("the process ended")
            return await working(question)

        around.ask = ask  # type: ignore[method-assign]
        around.has_ended = True
        sealer.stored([EXECUTED])
        next_epoch(sealer, around)
        hear_former(sealer, 1, 3)
        await settled(sealer)
        assert not failures and sealer.certificate(0) == w.certificate()

    play(story, tmp_path, parent=WITHIN)
    assert caplog.text.count("no seal was made") == 4


def hear_former(sealer: Sealer, *indices: int) -> None:
    """Shares of founders, who sit elsewhere in the set of the epoch that follows."""
    for index in indices:
        peer: Any = type("Peer", (), {"index": 9, "organisation": VALIDATORS.members[index].organisation})()
        sealer.take_share(peer, SealShare(w.seal(), index, w.share(index)))


# --- on request ---------------------------------------------------------------------------------------------


def test_on_request_the_newest_height_is_sealed_although_no_heartbeat_begins(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        assert sealer.request() == HEIGHT
        with pytest.raises(UnavailableError, match="a moment ago"):
            sealer.request()
        assert around.sent == [SealRequest(HEIGHT)]
        hear(sealer, 1)
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        assert sealer.request() == HEIGHT and around.sent.count(SealRequest(HEIGHT)) == 1, "it is sealed already"

    play(story, tmp_path, parent=WITHIN)


def test_a_request_of_a_peer_is_answered_with_a_share_and_only_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        observer: Any = Speaker(1)
        observer.index = 1_000
        monkeypatch.setattr(Speaker, "organisation", "org:peer")
        first, second = (Speaker(1), Speaker(2))
        for speaker, height in ((observer, HEIGHT), (first, HEIGHT + 17), (first, HEIGHT - 17)):
            sealer.take_request(speaker, height)
        await settled(sealer)
        assert not around.asked, "an observer, or too far from the newest height"
        sealer.take_request(first, HEIGHT)  # type: ignore[arg-type]
        await settled(sealer)
        assert around.sent == [SealShareMessage(SealShare(w.seal(), ME, w.share(ME)))]
        signed = asked(around, SignSeal)
        sealer.take_request(second, HEIGHT + 1)  # type: ignore[arg-type]
        with pytest.raises(UnavailableError, match="a moment ago"):
            sealer.request()
        assert sealer._wanted == 0, "within ten seconds of another"
        monkeypatch.setattr(bls_sealer, "REQUEST_SPACING_S", 0.0)
        sealer.take_request(first, HEIGHT + 1)  # type: ignore[arg-type]
        assert sealer._wanted == 0, "the same peer again"
        assert asked(around, SignSeal) == signed

    play(story, tmp_path, parent=WITHIN)


def test_a_height_that_a_peer_asked_for_too_early_is_signed_when_it_is_executed(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        peer: Any = Speaker(1)
        assert sealer._units is not None
        sealer._units.newest = HEIGHT - 1
        sealer.take_request(peer, HEIGHT)
        await settled(sealer)
        assert not around.asked
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert around.sent == [SealShareMessage(SealShare(w.seal(), ME, w.share(ME)))]

    play(story, tmp_path, parent=WITHIN)
