"""Real nodes go on sealing when their validators change: the rotated one under its new voting key, all in epoch 1."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
import uvloop

from node.commands.init import new_seal_secret
from tallystick.bls import bls
from tallystick.errors import UnavailableError
from tallystick.genesis import merge_cards
from tallystick.payloads.membership import RotateValidator
from tallystick.seals import SealKeys
from tests.integration import network as networks
from tests.integration.test_membership import Members, height_of

HEARTBEAT_MS = 10_000
CARRIER = "org:carrier"


def epoch_of_seal(network: Members) -> int:
    """The epoch of the newest seal that a node shows; -1 while there is none."""
    try:
        return network.node().sealer.certificate().seal.epoch
    except UnavailableError:
        return -1


@pytest.mark.long  # two seals, each of some seconds in pure Python, and a heartbeat between
def test_after_a_change_of_validators_the_new_set_seals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "merge_cards", partial(merge_cards, heartbeat_ms=HEARTBEAT_MS))

    async def story() -> None:
        network = Members(tmp_path)
        for config in network.configs.values():
            config.seal_key.write_text(new_seal_secret().hex())
            config.seal_key.chmod(0o600)
        try:
            await network.start()
            await network.until(lambda: epoch_of_seal(network) == 0, 120)
            seat, seed = network.next_keys(CARRIER, transport=False)
            rotate = RotateValidator(seat, height_of(network.node()) + 20)
            await network.put(network.signed(rotate, network.roots[CARRIER], seed))
            await network.in_epoch(1, *network.organisations)
            assert epoch_of_seal(network) >= 0, "the last seal of the epoch before is still shown"
            await network.until(lambda: epoch_of_seal(network) == 1, 120)
            sealer = network.node().sealer
            key_set = sealer.key_set()
            assert key_set.epoch == 1 and key_set.validators == network.node().epochs.validators
            seal_keys = SealKeys(key_set, network.chain_id, bls())
            seal_keys.check_all()
            seal_keys.check(sealer.certificate())
        finally:
            await network.stop()

    uvloop.run(asyncio.wait_for(story(), 300))
