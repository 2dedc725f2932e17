"""A validator asks what it said last before it signs: lost and restored disks are found out."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.app import Node
from node.folder import DATABASE, SIGNER_LOG
from node.network.messages import RecordAnswer
from node.network.peers import PeerFault
from node.signer_log import SignerRecordLostError, VoteEntry, read_entry
from node.wal import read_records
from tallystick import keys
from tallystick.votes import Statement, Vote, VoteKind
from tests.integration.network import ORGANISATIONS, PATIENCE_S, Network, play

VICTIM = ORGANISATIONS[0]


def run(story: Callable[[Network], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        network = Network(folder)
        await network.start()
        await network.prove(1)
        await story(network)

    play(whole())


def own_votes(network: Network) -> list[Vote]:
    """Everything that the victim's record says it voted."""
    votes = []
    for file in sorted((network.configs[VICTIM].data / SIGNER_LOG).glob("*.log")):
        entries = [read_entry(payload) for payload in read_records(file.read_bytes())[0]]
        votes += [entry.vote for entry in entries if isinstance(entry, VoteEntry)]
    return votes


async def victim_of(network: Network) -> Node:
    """The victim, started."""
    await network.start(VICTIM)
    return network.nodes[VICTIM]


async def found_out(network: Network) -> None:
    """Start the victim, twice: each time it must end without having signed anything more, and the others go on.

    The second time it knows by itself what the others told it the first time.
    """
    before = own_votes(network)
    node = await victim_of(network)
    async with asyncio.timeout(PATIENCE_S):
        error = await node.failure()
    assert isinstance(error, SignerRecordLostError) and "must not sign" in str(error)
    await network.stop(VICTIM)
    assert own_votes(network) == before
    with pytest.raises(SignerRecordLostError, match="must not sign"):
        await victim_of(network)
    assert own_votes(network) == before
    await network.prove(2)


def test_a_validator_whose_whole_disk_was_replaced_signs_nothing(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.stop(VICTIM)
        shutil.rmtree(network.configs[VICTIM].data)
        await found_out(network)

    run(story, tmp_path)


def test_a_validator_on_yesterdays_image_signs_nothing(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        data = network.configs[VICTIM].data
        await network.stop(VICTIM)
        shutil.copytree(data, tmp_path / "image")
        old = len(own_votes(network))
        await victim_of(network)
        await network.until(lambda: not network.node().epochs.asking)
        await network.prove(0)
        await network.until(lambda: len(own_votes(network)) > old + 3)  # the others have heard the first by then
        await network.stop(VICTIM)
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "image", data)
        await found_out(network)

    run(story, tmp_path)


def test_a_validator_that_lost_its_database_alone_votes_on(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.stop(VICTIM)
        before = own_votes(network)
        shutil.rmtree(network.configs[VICTIM].data / DATABASE)
        node = await victim_of(network)
        await network.stop(ORGANISATIONS[3])  # from now on the victim is needed for a quorum
        await network.prove(1)
        assert node.failed is None and len(own_votes(network)) > len(before)

    run(story, tmp_path)


def test_before_enough_have_answered_nothing_is_signed(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.stop()
        before = own_votes(network)
        node = await victim_of(network)
        await network.start(ORGANISATIONS[1])
        await asyncio.sleep(1.5)
        assert node.epochs.asking
        assert own_votes(network) == before
        await network.start(ORGANISATIONS[2])
        await network.prove(0)

    run(story, tmp_path)


def test_words_that_we_never_signed_are_a_fault_of_who_shows_them(tmp_path: Path) -> None:
    async def story(network: Network) -> None:
        await network.stop()
        node = await victim_of(network)
        record, peer = node._parts.own_record, next(iter(node.peers))
        said = Statement(0, VoteKind.NULLIFY, 10**6, bytes(32))
        forged = keys.sign(keys.generate(), keys.Purpose.VOTE, network.chain_id, said.signing_bytes())
        record.take(peer, RecordAnswer(bytes(16), Vote(said, 0, forged)))  # another question's answer: not looked at
        with pytest.raises(PeerFault):
            record.take(peer, RecordAnswer(record._nonce, Vote(said, 0, forged)))
        assert node.failed is None and node.epochs.asking
        for other in list(node.peers)[:2] * 2:
            record.take(other, RecordAnswer(record._nonce, None))
        assert not node.epochs.asking

    run(story, tmp_path)
