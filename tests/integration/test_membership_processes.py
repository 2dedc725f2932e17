"""A fifth validator joins a network of real processes, by the commands that its operators would type."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from client_sdk.commands.validators import read_seat
from client_sdk.intents import governance, membership
from contracts.workspace import PARAMETERS_KEY
from scripts.story.cast import CARRIER, FOUNDERS, GROWER, Cast
from scripts.story.network import Founder, Network, NetworkError, NodeProcess, free_ports, http_json, run_command
from tallystick import keys
from tallystick.keyfile import open_keyfile
from tallystick.records.chain import ChainParameters
from tallystick.records.members import KeyUse

FIFTH = Founder("org:fifth", "Fifth Ltd", ("inspector",))
pytestmark = [pytest.mark.process, pytest.mark.long]


def init_fifth(network: Network) -> NodeProcess:
    """Keys, card and configuration of the newcomer, with the network's genesis beside them."""
    peer_port, api_port = free_ports(2)
    node = NodeProcess(FIFTH, network.folder / "fifth", api_port)
    run_command(
        *("node", "init", "--json", "--org", FIFTH.organisation, "--name", FIFTH.name, "--role", "inspector"),
        *("--dir", str(node.folder), "--passphrase-file", str(network.folder / "passphrase.txt")),
        *("--peer-address", f"127.0.0.1:{peer_port}", "--api-address", f"127.0.0.1:{api_port}"),
    )
    (node.folder / "genesis.bin").write_bytes(network.genesis.read_bytes())
    config = node.folder / "node.toml"
    config.write_text("joining = true\n" + config.read_text())
    return node


def epoch_has_ended(url: str, epoch: int) -> bool:
    """Whether a node serves the proof of an epoch's end; the answer itself is no JSON."""
    try:
        http_json(url, f"/v1/epochs/{epoch}")
    except NetworkError as error:
        return "answered 404" not in str(error)
    except ValueError:
        return True
    return True


def work(cast: Cast) -> None:
    """One transaction, proven."""
    key = keys.generate()
    intent = governance.register_key(keys.public_key_of(key), (KeyUse.CAPTURE,), person="hand")
    cast[GROWER].do(intent, co_signers=[key])


def test_a_fifth_process_joins_votes_and_is_followed_from_the_founders_pin(tmp_path: Path) -> None:
    network = Network(tmp_path / "network", FOUNDERS)
    cast = Cast(network)
    try:
        network.found("joining")
        network.start_all()
        cast.open_founders()
        reader = cast.reader(GROWER)
        explorer = network.start_explorer(GROWER)
        node = init_fifth(network)
        root = open_keyfile((node.folder / "keys" / "root.key.json").read_bytes(), network.passphrase)
        cast.govern(governance.admit(FIFTH.organisation, FIFTH.name, keys.public_key_of(root), roles=["inspector"]))
        height = http_json(network.nodes[GROWER].url, "/health")["executed_height"]
        seat = read_seat(node.folder / "card.bin")
        cast.govern(membership.change_validators([seat], [], switch_height=height + 400))
        network.nodes[FIFTH.organisation] = node
        network.start(FIFTH.organisation)
        end = time.monotonic() + 600
        while not epoch_has_ended(network.nodes[GROWER].url, 0):
            work(cast)
            assert time.monotonic() < end, http_json(network.nodes[GROWER].url, "/health")
        network.kill(CARRIER)  # four of five must vote: from now on the newcomer is needed
        for _ in range(3):
            work(cast)
        assert reader.record(PARAMETERS_KEY).public_as(ChainParameters).network == "joining"
        assert reader.walk() == 1 and reader.trust.newest_epoch == 1
        height = http_json(node.url, "/health")["executed_height"]
        while http_json(explorer, "/health")["height"] < height - 5:
            assert time.monotonic() < end, http_json(explorer, "/health")
            time.sleep(0.1)
    finally:
        cast.close()
        network.stop()
