"""Real nodes seal the last block of an epoch, and go on in the next, the rotated one under its new voting key."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tallystick.bls import Bls
from tallystick.errors import UnavailableError
from tallystick.genesis import merge_cards
from tallystick.payloads.membership import RotateValidator
from tallystick.seals import SealCertificate, SealKeys
from tests.integration import network as networks
from tests.integration.network import play
from tests.integration.test_membership import Members, height_of
from tests.toy_bls import TOY, toy_bls

__all__ = ["toy_bls"]
HEARTBEAT_MS = 10_000
CARRIER = "org:carrier"


def epoch_of_seal(network: Members) -> int:
    """The epoch of the newest seal that a node shows; -1 while there is none."""
    try:
        return network.node().sealer.certificate().seal.epoch
    except UnavailableError:
        return -1


def closing_seal(network: Members) -> SealCertificate | None:
    """The seal of the last block of epoch 0, as soon as a node has it."""
    try:
        return network.node().sealer.certificate(0)
    except UnavailableError:
        return None


def test_after_a_change_of_validators_the_new_set_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_bls: Bls
) -> None:
    monkeypatch.setattr(networks, "merge_cards", partial(merge_cards, heartbeat_ms=HEARTBEAT_MS))

    async def story() -> None:
        network = Members(tmp_path, seals=True)
        await network.start()
        await network.until(lambda: epoch_of_seal(network) == 0)
        seat, seed = network.next_keys(CARRIER, transport=False)
        rotate = RotateValidator(seat, height_of(network.node()) + 28)
        await network.put(network.signed(rotate, network.roots[CARRIER], seed))
        await network.in_epoch(1, *network.organisations)
        assert epoch_of_seal(network) >= 0, "the last seal of the epoch before is still shown"
        await network.until(lambda: closing_seal(network) is not None)
        await network.until(lambda: epoch_of_seal(network) == 1)
        sealer = network.node().sealer
        first, second = network.genesis.validators(), network.node().epochs.validators
        assert second != first and second.members[0].bls_key
        assert {one.bls_key for one in first.members} == {one.bls_key for one in second.members}
        SealKeys(second, 1, network.chain_id, TOY).check(sealer.certificate())
        closing, proof = closing_seal(network), network.node().epochs.proof(0)
        assert closing is not None and proof is not None
        assert closing.seal.executed.height == proof.boundary.height, "the last block of epoch 0"
        SealKeys(first, 0, network.chain_id, TOY).check(closing)

    play(asyncio.wait_for(story(), 900))
