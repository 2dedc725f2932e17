"""A member that was away while the others pruned comes back by a snapshot: whoever lies, and wherever it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from node import pruning
from node.app import Node
from node.config import StorageConfig, Timing
from node.network import messages
from node.network.messages import ChunkMessage, ChunkRequest
from node.network.peers import Peer
from node.snapshots import chunks, joining, pace
from node.snapshots.joining import SnapshotReadyError
from node.snapshots.service import SnapshotService
from tallystick.api import TransactionState
from tests.integration.network import Network

AWAY = "org:retailer"
STORAGE = StorageConfig(snapshot_every=32, keep_blocks=24, join_behind=1_000)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())  # type: ignore[arg-type]


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Four members that make snapshots often, of small chunks, and keep few blocks."""
    monkeypatch.setattr(pruning, "STEP_HEIGHTS", 8)
    monkeypatch.setattr(chunks, "SNAPSHOT_CHUNK_FILL", 512)
    monkeypatch.setattr(pace, "REST_PER_WORK", 0.0)
    monkeypatch.setattr(joining, "RETRY_S", 0.5)
    made = Network(tmp_path, Timing(idle_block_ms=50))
    made.configs = {name: replace(config, storage=STORAGE) for name, config in made.configs.items()}
    return made


async def leave_behind(network: Network) -> int:
    """All start, one leaves, the others go on until it can have no blocks from them; its height."""
    await network.start()
    first = network.register_key()
    await network.node().queries.submit(first.raw)
    await network.node().queries.wait(first.id, TransactionState.EXECUTED, 5_000)
    await network.until(lambda: min(network.heights().values()) >= 5)
    height = network.heights()[AWAY]
    await network.stop(AWAY)
    await network.until(lambda: all(node.ledger.floor.bodies_from > height + 1 for node in network.nodes.values()), 30)
    return height


async def come_back(network: Network) -> Node:
    """The one that was away joins: its first run ends with a database from a snapshot, its second begins there."""
    await network.start(AWAY)
    node = network.nodes.pop(AWAY)
    ended = await asyncio.wait_for(node.failure(), 30)
    await node.stop()
    assert isinstance(ended, SnapshotReadyError), ended
    await network.start(AWAY)
    return network.nodes[AWAY]


async def work_with(network: Network, node: Node) -> None:
    """The node votes again: with one of the others gone, blocks are made only with it."""
    await network.until(lambda: node.queries.status().executed_height >= max(network.heights().values()) - 2, 20)
    await network.stop("org:carrier")
    after = network.register_key(1)
    await node.queries.submit(after.raw)
    status = await node.queries.wait(after.id, TransactionState.PROVEN, 10_000)
    assert status.state is TransactionState.PROVEN


def test_a_member_that_was_away_joins_by_a_snapshot_and_votes(network: Network) -> None:
    async def scenario() -> None:
        try:
            height = await leave_behind(network)
            node = await come_back(network)
            assert node.ledger.floor.bodies_from > height + 1
            await work_with(network, node)
        finally:
            await network.stop()

    run(scenario)


def test_a_peer_that_sends_other_chunks_is_cut_off_and_the_others_serve(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SnapshotService.answer
    lies = []

    async def scenario() -> None:
        try:
            await leave_behind(network)
            liar = network.node(0)._snapshots

            def answer(self: SnapshotService, peer: Peer, message: messages.SnapshotsRequest) -> None:
                if self is liar and isinstance(message, ChunkRequest):
                    lies.append(message.index)
                    peer.send(ChunkMessage(message.digest, message.index, b"\x91\x90"))
                else:
                    honest(self, peer, message)

            monkeypatch.setattr(SnapshotService, "answer", answer)
            node = await come_back(network)
            assert lies
            await work_with(network, node)
        finally:
            await network.stop()

    run(scenario)
