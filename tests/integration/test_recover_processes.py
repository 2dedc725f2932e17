"""Lost records of signed votes with real processes, by the commands that operators would type."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client_sdk.commands.validators import read_seat
from client_sdk.intents import membership
from node.signer_log import salvage
from scripts.story.cast import FOUNDERS, GROWER, PROCESSOR, RETAILER, Cast
from scripts.story.network import ROOT, Network, http_json, last_words, run_command
from tallystick.votes import Statement, Vote
from tests.integration.test_membership_processes import epoch_has_ended, work

pytestmark = [pytest.mark.process, pytest.mark.long]
START_S = 120.0


def lose_record(network: Network, name: str) -> None:
    for folder in (network.nodes[name].folder / "data").glob("signer*"):
        shutil.rmtree(folder)


def refuses_to_start(network: Network, name: str) -> None:
    """It says so in one sentence, and ends."""
    network.start(name)
    process = network.nodes[name].process
    assert process is not None and process.wait(START_S) == 1
    assert "the signer record is lost" in last_words(network.nodes[name].log)


def statements(network: Network, name: str) -> dict[tuple[int, int, int], Statement]:
    """All votes that are left on a node's disk; fails where two exclude each other."""
    found: dict[tuple[int, int, int], Statement] = {}
    for folder in (network.nodes[name].folder / "data").glob("signer*"):
        for record in salvage(folder)[0]:
            if isinstance(record, Vote):
                said = record.statement
                assert found.setdefault((said.epoch, said.view, said.kind), said) == said
    return found


def wait_until(condition: object, what: str, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.1)


def rotate(network: Network, cast: Cast, name: str) -> None:
    """The organisation orders its new key through another member's node."""
    folder = network.nodes[name].folder
    seed = bytes.fromhex((folder / "keys" / "validator-next.key").read_text().strip())
    height = http_json(network.nodes[PROCESSOR].url, "/health")["executed_height"]
    intent = membership.rotate_validator(read_seat(folder / "seat.bin"), switch_height=height + 60)
    cast[name].do(intent, co_signers=[seed])


def test_a_lost_record_is_told_and_replaced_and_all_four_lost_ones_are_recovered_from(tmp_path: Path) -> None:
    network = Network(tmp_path / "network", FOUNDERS)
    cast = Cast(network)
    try:
        network.found("recovering")
        network.start_all()
        cast.open_founders()
        _one(network, cast)
        _all(network)
    finally:
        cast.close()
        network.stop()


def _one(network: Network, cast: Cast) -> None:
    victim = RETAILER
    network.kill(victim)
    before = statements(network, victim)
    lose_record(network, victim)
    refuses_to_start(network, victim)
    run_command("node", "recover", "key", "--json", "--config", str(network.nodes[victim].folder / "node.toml"))
    network.start(victim)
    rotate(network, cast, victim)
    end = time.monotonic() + 240
    while not epoch_has_ended(network.nodes[PROCESSOR].url, 0):
        work(cast)
        assert time.monotonic() < end
    network.kill(PROCESSOR)  # from now on its votes are needed
    work(cast)
    network.start(PROCESSOR)
    network.wait_for_height(1)
    assert before.keys().isdisjoint(statements(network, victim))


def _all(network: Network) -> None:
    heights = [http_json(node.url, "/health")["executed_height"] for node in network.nodes.values()]
    before = {name: statements(network, name) for name in network.nodes}
    for name in network.nodes:
        network.kill(name)
        lose_record(network, name)
        refuses_to_start(network, name)
    heads = []
    for node in network.nodes.values():
        config = str(node.folder / "node.toml")
        made = run_command(
            *("node", "recover", "head", "--json", "--config", config, "--quorum-lost"),
            *("--passphrase-file", str(network.folder / "passphrase.txt")),
        )
        heads.append(made["head"])
    digests = {name: _shown(network, name, heads) for name in network.nodes}
    assert len(set(digests.values())) == 1
    for name, node in network.nodes.items():
        config = str(node.folder / "node.toml")
        run_command("node", "recover", "begin", "--json", "--config", config, *heads, "--accept", digests[name])
    for name in network.nodes:
        network.start(name)
    network.wait_for_height(max(heights) + 1, timeout_s=240)
    wait_until(lambda: all(_votes_anew(network, name, before[name]) for name in network.nodes), "not all vote again")
    for name in network.nodes:
        now = statements(network, name)
        assert all(before[name].get(place, said) == said for place, said in now.items())
    assert not epoch_has_ended(network.nodes[GROWER].url, 2)


def _votes_anew(network: Network, name: str, before: dict[tuple[int, int, int], Statement]) -> bool:
    return any(place[0] == 2 for place in statements(network, name).keys() - before.keys())


def _shown(network: Network, name: str, heads: list[str]) -> str:
    """The digest that an operator is shown before anything is changed."""
    command = ["-m", "node", "recover", "begin", "--json", "--config", str(network.nodes[name].folder / "node.toml")]
    result = subprocess.run([sys.executable, *command, *heads], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    return result.stdout.split('"digest": "')[1].split('"')[0]
