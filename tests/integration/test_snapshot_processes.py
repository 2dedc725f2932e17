"""A fifth member, new to a network whose nodes have pruned its beginning, joins from a snapshot; killed on the way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from client_sdk.commands.validators import read_seat
from client_sdk.errors import DoorError
from client_sdk.intents import governance, membership
from client_sdk.nodes import MSGPACK
from scripts.story.cast import CARRIER, FOUNDERS, GROWER, Cast
from scripts.story.network import Network, http_json
from tallystick import keys
from tallystick.api import BLOCKS
from tallystick.keyfile import open_keyfile
from tests.integration.chains import nodes_of
from tests.integration.test_membership_processes import FIFTH, epoch_has_ended, init_fifth, work

SETTINGS = """
[timing]
idle_block_ms = 50

[storage]
keep_blocks = 256
snapshot_every = 128
join_behind = 300
"""
PRUNED_AT = 700  # heights by which every founder has let the first blocks go
pytestmark = [pytest.mark.process, pytest.mark.long]


def height_of(url: str) -> int:
    return int(http_json(url, "/health")["executed_height"])


def join(network: Network, end: float) -> None:
    """Start the newcomer, kill it again and again while it joins, then let it."""
    node = network.nodes[FIFTH.organisation]
    for pause_s in (0.9, 1.2, 1.6, 2.0, 2.5, 3.0):
        network.start(FIFTH.organisation)
        time.sleep(pause_s)
        network.kill(FIFTH.organisation)
    network.start(FIFTH.organisation)
    while True:
        try:
            if height_of(node.url) >= height_of(network.nodes[GROWER].url) - 5:
                return
        except (OSError, ValueError):  # it begins anew from the snapshot
            pass
        assert time.monotonic() < end, node.log.read_text()[-3_000:]
        time.sleep(0.2)


def test_a_fifth_process_joins_from_a_snapshot_and_votes(tmp_path: Path) -> None:
    network = Network(tmp_path / "network", FOUNDERS)
    cast = Cast(network)
    try:
        network.found("snapshots")
        for founder in network.nodes.values():
            config = founder.folder / "node.toml"
            config.write_text(config.read_text() + SETTINGS)
        network.start_all()
        cast.open_founders()
        node = init_fifth(network)
        config = node.folder / "node.toml"
        config.write_text(config.read_text() + SETTINGS)
        root = open_keyfile((node.folder / "keys" / "root.key.json").read_bytes(), network.passphrase)
        cast.govern(governance.admit(FIFTH.organisation, FIFTH.name, keys.public_key_of(root), roles=["inspector"]))
        end = time.monotonic() + 900
        while height_of(network.nodes[GROWER].url) < PRUNED_AT:
            assert time.monotonic() < end
            time.sleep(0.5)
        reader = nodes_of(cast, GROWER, GROWER)
        with pytest.raises(DoorError) as refused:
            reader.get(BLOCKS, {"from": "1"}, members=True, accept=MSGPACK)
        reader.close()
        assert refused.value.reason == "pruned" and refused.value.status == 410
        seat = read_seat(node.folder / "card.bin")
        height = height_of(network.nodes[GROWER].url)
        cast.govern(membership.change_validators([seat], [], switch_height=height + 2_000))
        network.nodes[FIFTH.organisation] = node
        join(network, end)
        assert "starting from a snapshot" in node.log.read_text()
        while not epoch_has_ended(network.nodes[GROWER].url, 0):
            time.sleep(0.5)
            assert time.monotonic() < end, height_of(network.nodes[GROWER].url)
        network.kill(CARRIER)  # four of five must vote: from now on the newcomer is needed
        for _ in range(3):
            work(cast)
    finally:
        cast.close()
        network.stop()
