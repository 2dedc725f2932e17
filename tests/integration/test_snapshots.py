"""A member that was away while the others pruned comes back by a snapshot: whoever lies, and wherever it is cut off."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_fields

from node import pruning
from node.app import Node
from node.config import StorageConfig, Timing
from node.network.messages import (
    ChunkMessage,
    ChunkRequest,
    ManifestMessage,
    ManifestRequest,
    Offer,
    SnapshotsMessage,
    SnapshotsRequest,
)
from node.network.peers import Peer
from node.snapshots import chunks, joining, pace, shelf
from node.snapshots.joining import Joining, SnapshotReadyError
from node.snapshots.joining_folder import JOINING, JoiningFolder
from node.snapshots.manifest import Manifest, SnapshotProof
from node.snapshots.rebuild import SnapshotLieError
from node.snapshots.service import SnapshotQuestion, SnapshotService
from tallystick.api import TransactionState
from tallystick.encoding import decode, encode
from tallystick.limits import EXECUTION_LAG_MAX
from tests.integration.network import PATIENCE_MS, PATIENCE_S, Network, play

AWAY = "org:retailer"
STORAGE = StorageConfig(snapshot_every=64, keep_blocks=24, join_behind=1_000)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Four members that make snapshots often, of small chunks, and keep few blocks."""
    monkeypatch.setattr(pruning, "STEP_HEIGHTS", 8)
    monkeypatch.setattr(chunks, "SNAPSHOT_CHUNK_FILL", 1_024)
    monkeypatch.setattr(shelf, "KEPT", 1_000)  # one is made every few seconds: a slow fetch needs it longer
    monkeypatch.setattr(pace, "REST_PER_WORK", 0.0)
    monkeypatch.setattr(joining, "RETRY_S", 0.5)
    made = Network(tmp_path, Timing(idle_block_ms=100))
    made.configs = {name: replace(config, storage=STORAGE) for name, config in made.configs.items()}
    return made


async def leave_behind(network: Network) -> int:
    """All start, one leaves, the others go on until it can have no blocks from them; its height."""
    await network.start()
    first = network.register_key()
    await network.node().queries.submit(first.raw)
    await network.node().queries.wait(first.id, TransactionState.EXECUTED, PATIENCE_MS)
    await network.until(lambda: min(network.heights().values()) >= 5)
    away = network.nodes[AWAY]
    await network.stop(AWAY)
    # What was final when it stopped it executes by itself when it comes back, and asks for what follows.
    height = away._disk.executor.tip.executed.height + EXECUTION_LAG_MAX
    await network.until(lambda: all(node.ledger.floor.bodies_from > height + 1 for node in network.nodes.values()))
    return height


async def come_back(network: Network) -> Node:
    """The one that was away joins: its first run ends with a database from a snapshot, its second begins there."""
    await network.start(AWAY)
    node = network.nodes[AWAY]
    try:
        ended = await asyncio.wait_for(node.failure(), PATIENCE_S)
    except TimeoutError:
        floors = {name: node.ledger.floor.bodies_from for name, node in network.nodes.items()}
        pytest.fail(
            f"no snapshot was ready: heights {network.heights()}, floors {floors}, {node._parts.joining.progress}"
        )
    await network.stop(AWAY)
    assert isinstance(ended, SnapshotReadyError), ended
    await network.start(AWAY)
    return network.nodes[AWAY]


async def work_with(network: Network, node: Node) -> None:
    """The node votes again: with one of the others gone, blocks are made only with it."""
    await network.until(lambda: node.queries.status().executed_height >= max(network.heights().values()) - 2)
    await network.stop("org:carrier")
    after = network.register_key(1)
    await node.queries.submit(after.raw)
    status = await node.queries.wait(after.id, TransactionState.PROVEN, PATIENCE_MS)
    assert status.state is TransactionState.PROVEN


def test_a_member_that_was_away_joins_by_a_snapshot_and_votes(network: Network) -> None:
    async def scenario() -> None:
        height = await leave_behind(network)
        node = await come_back(network)
        assert node.ledger.floor.bodies_from > height + 1
        await work_with(network, node)

    play(scenario())


def test_a_peer_that_sends_other_chunks_is_cut_off_and_the_others_serve(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "SNAPSHOT_CHUNK_FILL", 128)
    honest = SnapshotService.answer
    lies = []

    async def scenario() -> None:
        await leave_behind(network)
        liar = network.node(0)._parts.snapshots

        def answer(self: SnapshotService, peer: Peer, message: SnapshotQuestion) -> None:
            if self is liar and isinstance(message, ChunkRequest):
                lies.append(message.index)
                peer.send(ChunkMessage(message.digest, message.index, b"\x91\x90"))
            elif isinstance(message, ChunkRequest) and not lies:  # the others wait until it was asked, too
                asyncio.get_running_loop().call_later(0.05, answer, self, peer, message)
            else:
                honest(self, peer, message)

        monkeypatch.setattr(SnapshotService, "answer", answer)
        node = await come_back(network)
        assert lies
        await work_with(network, node)

    play(scenario())


def test_a_manifest_that_is_a_lie_is_found_out_and_never_taken_again(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The liar shows a genuine certificate, and chunks of a state that is not the certified one; at first, alone."""
    honest = SnapshotService.answer
    refused: list[str] = []

    async def scenario() -> None:
        await leave_behind(network)
        liar = network.node(0)._parts.snapshots
        lies: dict[bytes, tuple[Manifest, SnapshotProof, bytes]] = {}

        def lie() -> bytes:
            _, digest = liar._shelf.offers()[-1]
            genuine, proof = liar._shelf.manifest(digest), liar._proof(digest)
            assert genuine is not None and proof is not None
            first = decode(liar._shelf.chunk(digest, 0), chunks.Chunk, size_max=1 << 20)
            other = encode(chunks.Chunk(first.rows[1:]))
            made = replace_fields(genuine, chunks=(chunks.chunk_hash(other), *genuine.chunks[1:]))
            lies[made.digest()] = (made, proof, digest)
            return other

        await network.until(lambda: any(liar._proof(digest) for _, digest in liar._shelf.offers()[-1:]))
        other = lie()

        def answer(self: SnapshotService, peer: Peer, message: SnapshotQuestion) -> None:
            match message:
                case SnapshotsRequest() if self is liar and not refused:
                    offers = tuple(Offer(made.height, digest) for digest, (made, _, _) in lies.items())
                    peer.send(SnapshotsMessage(offers))
                case SnapshotsRequest() if not refused:
                    peer.send(SnapshotsMessage(()))
                case ManifestRequest(digest) if digest in lies:
                    peer.send(ManifestMessage(*lies[digest][:2]))
                case ChunkRequest(digest, index) if digest in lies:
                    data = other if index == 0 else liar._shelf.chunk(lies[digest][2], index)
                    peer.send(ChunkMessage(digest, index, data))
                case _:
                    honest(self, peer, message)

        condemn = Joining._condemn

        def condemned(self: Joining, error: SnapshotLieError) -> None:
            refused.append(str(error))
            condemn(self, error)

        monkeypatch.setattr(SnapshotService, "answer", answer)
        monkeypatch.setattr(Joining, "_condemn", condemned)
        monkeypatch.setattr(shelf, "KEPT", 1_000)
        node = await come_back(network)
        assert len(refused) == 1 and "state root" in refused[0]
        await work_with(network, node)

    play(scenario())


def test_a_fetch_that_is_cut_off_goes_on_where_it_was(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "SNAPSHOT_CHUNK_FILL", 128)
    honest = SnapshotService.answer
    asked: list[int] = []
    resumed: list[bool] = []

    def answer(self: SnapshotService, peer: Peer, message: SnapshotQuestion) -> None:
        if isinstance(message, ChunkRequest):
            asked.append(message.index)
            if len(asked) > 8 and not resumed:
                return  # nothing more comes: the fetching node is stopped meanwhile
        honest(self, peer, message)

    async def scenario() -> None:
        await leave_behind(network)
        monkeypatch.setattr(SnapshotService, "answer", answer)
        await network.start(AWAY)
        await network.until(lambda: len(asked) > 8)
        status = network.nodes[AWAY].queries.status()
        await network.stop(AWAY)
        folder = JoiningFolder(network.configs[AWAY].data / JOINING)
        begun = folder.begun()
        assert begun is not None
        here = folder.here(begun[0])
        assert here and "snapshot" in status.waiting_for
        asked.clear()
        resumed.append(True)
        node = await come_back(network)
        assert not here & set(asked)
        await work_with(network, node)

    play(scenario())
