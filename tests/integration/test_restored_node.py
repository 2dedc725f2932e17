"""A node that was restored from a backup: it votes only if nobody knows of anything that it signed since."""

from __future__ import annotations

import asyncio
import contextlib
import io
import shutil
from pathlib import Path

from node.__main__ import main
from node.app import Node
from node.backup.control import ask_for_backup
from node.commands.restore import restore_database
from node.config import Timing
from node.folder import SIGNER_LOG
from node.signer_log import SignerRecordLostError, salvage
from tallystick.votes import Vote
from tests.integration.network import PATIENCE_S, Network, play

RESTORED = "org:retailer"


async def backed_up(network: Network, folder: Path) -> Path:
    """A backup of a running node, through its local door."""
    file = folder / "retailer.backup"
    data = network.configs[RESTORED].data
    file.write_bytes(await asyncio.to_thread(lambda: b"".join(ask_for_backup(data))))
    return file


async def backed_up_in_silence(network: Network, folder: Path) -> Path:
    """A backup behind which the node signed nothing; the node is stopped. An idle chain soon falls silent."""
    while True:
        before = own_votes(network)
        await asyncio.sleep(0.5)
        file = await backed_up(network, folder)
        await network.stop(RESTORED)
        if own_votes(network) == before:
            return file
        await network.start(RESTORED)
        await network.until(lambda: not network.nodes[RESTORED].epochs.asking)


def own_votes(network: Network) -> int:
    """How many stand in the node's record."""
    return sum(isinstance(record, Vote) for record in salvage(network.configs[RESTORED].data / SIGNER_LOG)[0])


async def restored(network: Network, file: Path) -> Node:
    """The node on another machine: nothing but keys and the backup."""
    config = network.configs[RESTORED]
    shutil.rmtree(config.data)
    restore_database(config.data, file, network.chain_id)
    told = io.StringIO()
    with contextlib.redirect_stderr(told):  # nobody knows yet whether the record is lost
        assert main(["recover", "key", "--config", network.write_config(RESTORED)]) == 1
    assert "restored from a backup" in told.getvalue() and "Start the node" in told.getvalue()
    await network.start(RESTORED)
    return network.nodes[RESTORED]


def test_a_node_that_signed_since_its_backup_never_votes_with_that_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        network = Network(tmp_path, Timing(idle_block_ms=100))
        await network.start()
        await network.prove()
        file = await backed_up(network, tmp_path)
        await network.prove()
        height = network.heights()[RESTORED]
        await network.until(lambda: min(network.heights().values()) > height + 10)
        await network.stop(RESTORED)
        node = await restored(network, file)
        ended = await asyncio.wait_for(node.failure(), PATIENCE_S)
        assert isinstance(ended, SignerRecordLostError)
        own = [one for one in node._disk.log.records if isinstance(one, Vote) or getattr(one, "own", False)]
        assert own == []  # nothing was signed, whatever was heard
        network.dead.append(network.nodes.pop(RESTORED))

    play(scenario())


def test_a_node_whose_backup_is_newer_than_all_that_it_signed_votes_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        network = Network(tmp_path, Timing(idle_block_ms=600_000))
        await network.start()
        await network.prove()
        file = await backed_up_in_silence(network, tmp_path)
        node = await restored(network, file)
        assert node.ledger.restored() is not None
        await network.until(lambda: node.epochs.me is not None)
        assert node.ledger.restored() is None
        await network.stop("org:carrier")
        await network.prove()
        await network.prove(1)

    play(scenario())
