"""Which heights a node seals, whose shares it takes, and what one bad peer can cost it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.bls_sealer import Sealer
from node.bls_store import SealStore
from node.bls_worker import Answer, CombineShares, OpenKey, Question, SignSeal, Worker
from node.network.messages import SealKeyMessage, SealShareMessage
from node.network.peers import PeerFault
from tallystick import keys
from tallystick.blocks import Executed
from tallystick.compact import CompactTrust, verify_compact, write_compact
from tallystick.errors import UnavailableError
from tallystick.seals import SealKey, SealKeys, SealShare, sign_seal_key
from tallystick.validators import Validator, ValidatorSet, validator_set
from tests import compact_world as w
from tests.recorded_bls import recorded_bls

HEARTBEAT_MS = 60_000
EXECUTED = w.seal().executed
PARENT = msgspec.structs.replace(EXECUTED, height=EXECUTED.height - 1, time_ms=EXECUTED.time_ms - HEARTBEAT_MS)
VALIDATORS = w.key_set().validators
ME = 0
SEEDS = [w.seed(member.organisation, "VALIDATOR") for member in VALIDATORS.members]
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

    def block(self, height: int) -> Any:
        return type("Row", (), {"executed": self.parent})()

    height = EXECUTED.height

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
    """A peer by its index."""

    index: int


def play(story: Callable[[Sealer, Surroundings], Coroutine[Any, Any, None]], tmp_path: Path, **changes: Any) -> None:
    async def whole() -> None:
        around: Any = Surroundings(**changes)
        seeds = {member.key: w.seed(member.organisation, "VALIDATOR") for member in VALIDATORS.members}
        (tmp_path / "seal.key").write_text("present")
        sealer = Sealer(
            chain_id=w.world().chain_id, epochs=around, heartbeat_ms=HEARTBEAT_MS, key_file=tmp_path / "seal.key",
            store=SealStore(tmp_path / "newest"),
            seeds=lambda: seeds, ledger=around, state=around, peers=around, loop=asyncio.get_running_loop(),
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
    """A peer's key and share; the share made by another founder where one is named."""
    speaker: Any = Speaker(index)
    sealer.take_key(speaker, w.key_set().keys[index])
    sealer.take_share(speaker, SealShare(w.seal(), index, w.share(index if signed_by is None else signed_by)))


async def settled(sealer: Sealer) -> None:
    """Until the sealer has nothing to do but wait."""
    for _ in range(20):
        await asyncio.sleep(0)


def combinations(around: Surroundings) -> int:
    return sum(isinstance(question, CombineShares) for question in around.asked)


def test_the_first_height_of_a_heartbeat_is_signed_shared_and_sealed_with_a_quorum(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        with pytest.raises(UnavailableError, match="nothing is sealed yet"):
            sealer.certificate()
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert around.asked == [OpenKey(), SignSeal(w.seal())]
        assert around.sent == [
            SealKeyMessage(w.key_set().keys[ME]),
            SealShareMessage(SealShare(w.seal(), ME, w.share(ME))),
        ]
        hear(sealer, 1)
        await settled(sealer)
        assert combinations(around) == 0
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        assert sealer.consignment(w.PALLET) == w.proof()

    play(story, tmp_path)


def test_a_node_that_starts_again_shows_the_newest_seal_at_once(tmp_path: Path) -> None:
    SealStore(tmp_path / "newest").keep(w.certificate(), w.key_set())

    async def story(sealer: Sealer, around: Surroundings) -> None:
        assert sealer.certificate() == w.certificate() and sealer.key_set() == w.key_set()
        with pytest.raises(UnavailableError, match="started after"):
            sealer.consignment(w.PALLET)  # its tree of units, here of none, is another than the sealed one

    play(story, tmp_path, parent=EXECUTED)

    async def elsewhere(sealer: Sealer, around: Surroundings) -> None:
        with pytest.raises(UnavailableError, match="nothing is sealed yet"):
            sealer.certificate()

    play(elsewhere, tmp_path, parent=msgspec.structs.replace(EXECUTED, state_root=bytes(32)))
    (tmp_path / "newest").write_bytes(b"damaged")
    play(elsewhere, tmp_path, parent=EXECUTED)


def test_within_a_heartbeat_nothing_more_is_signed(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        assert not around.asked

    play(story, tmp_path, parent=msgspec.structs.replace(PARENT, time_ms=EXECUTED.time_ms - 1))


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
        sealer.take_key(speaker, w.key_set().keys[3])
        sealer.take_share(speaker, SealShare(w.seal(), 3, w.share(3)))
        stranger: Any = Speaker(7)
        sealer.take_key(stranger, w.key_set().keys[3])
        sealer.take_share(stranger, SealShare(w.seal(), 7, w.share(3)))
        sealer.take_share(Speaker(3), SealShare(w.seal(epoch=1), 3, w.share(3)))  # type: ignore[arg-type]
        await settled(sealer)
        assert combinations(around) == 0
        forged = msgspec.structs.replace(w.key_set().keys[1], possession=w.key_set().keys[3].possession)
        with pytest.raises(PeerFault, match="did not sign"):
            sealer.take_key(speaker, forged)

    play(story, tmp_path)


def test_with_a_new_epoch_what_was_not_whole_is_given_up(tmp_path: Path) -> None:
    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        around.number = 1
        sealer.turn()
        hear(sealer, 3)
        await settled(sealer)
        assert combinations(around) == 0 and w.key_set().keys[1] not in sealer.key_set().keys

    play(story, tmp_path)


def later_validators() -> ValidatorSet:
    """Epoch 1: the third founder left, another organisation came, the fourth has rotated its key."""
    kept = [member for index, member in enumerate(VALIDATORS.members) if index < 2]
    rotated = msgspec.structs.replace(VALIDATORS.members[3], key=keys.public_key_of(ROTATED_SEED))
    return validator_set((*kept, rotated, Validator("org:newcomer", keys.public_key_of(NEWCOMER_SEED))))


def test_the_next_epochs_validators_seal_under_keys_of_their_own_and_the_last_seal_stays(tmp_path: Path) -> None:
    validators, scheme = later_validators(), recorded_bls()
    of_founder = {member.organisation: seed for seed, member in zip(SEEDS, VALIDATORS.members, strict=True)}
    seeds = {**of_founder, "org:newcomer": NEWCOMER_SEED, VALIDATORS.members[3].organisation: ROTATED_SEED}
    ordered = [member.organisation for member in validators.members]

    def vouched(index: int) -> SealKey:
        secret = w.secret(ordered[index])
        return sign_seal_key(
            seeds[ordered[index]], w.world().chain_id, scheme.public_key(secret), scheme.prove_possession(secret)
        )

    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        hear(sealer, 1)
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        around.number, around.validators = 1, validators
        around.me = ordered.index(VALIDATORS.members[ME].organisation)
        sealer.turn()
        assert sealer.certificate() == w.certificate() and sealer.key_set().epoch == 0
        sealer.stored([EXECUTED])
        await settled(sealer)
        seal = around.sent[-1].share.seal
        assert (seal.epoch, seal.validators_hash) == (1, validators.digest())
        others = [index for index in range(4) if index != around.me]
        for index in others[:2]:
            stale: Any = Speaker(index)
            sealer.take_key(stale, w.key_set().keys[2])  # of who left
            sealer.take_share(stale, SealShare(w.seal(), index, w.share(0)))  # of the epoch before
        await settled(sealer)
        assert sealer.certificate() == w.certificate()
        for index in others[:2]:
            speaker: Any = Speaker(index)
            sealer.take_key(speaker, vouched(index))
            signature = scheme.sign(w.secret(ordered[index]), seal.signing_bytes())
            sealer.take_share(speaker, SealShare(seal, index, signature))
        await settled(sealer)
        assert sealer.certificate().seal == seal and sealer.key_set().epoch == 1
        assert sealer.key_set().validators == validators
        trust = CompactTrust(w.world().chain_id, {0: w.key_set(), 1: sealer.key_set()})
        for proof in (w.proof(), sealer.consignment(w.PALLET)):  # the paper of the epoch before holds as well
            assert verify_compact(write_compact(proof), trust, scheme).epoch in (0, 1)

    play(story, tmp_path)


def test_a_validator_that_replaces_its_bls_key_seals_on_under_the_new_one(tmp_path: Path) -> None:
    scheme, new = recorded_bls(), (9).to_bytes(32, "big")
    seed = SEEDS[1]
    replaced = sign_seal_key(seed, w.world().chain_id, scheme.public_key(new), scheme.prove_possession(new))

    async def story(sealer: Sealer, around: Surroundings) -> None:
        sealer.stored([EXECUTED])
        await settled(sealer)
        speaker: Any = Speaker(1)
        sealer.take_key(speaker, w.key_set().keys[1])
        sealer.take_key(speaker, replaced)
        sealer.take_share(speaker, SealShare(w.seal(), 1, scheme.sign(new, w.seal().signing_bytes())))
        hear(sealer, 3)
        await settled(sealer)
        assert sealer.key_set().keys[1] == replaced
        SealKeys(sealer.key_set(), w.world().chain_id, scheme).check(sealer.certificate())

    play(story, tmp_path)
