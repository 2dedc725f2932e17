"""Catching up beside a liar: whatever it answers, the others' blocks win; a peer that is only slow is not punished."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from node import catchup
from node.app import Node
from node.folder import DATABASE
from node.network import peers
from node.network.frames import FrameReader
from node.network.messages import (
    BlockMessage,
    HeadNotice,
    Hello,
    PeerMessage,
    RangeMessage,
    RangeRequest,
    decode_message,
    message_frame,
)
from node.network.tls import peer_context
from node.range_server import answer_range
from tallystick.api import TransactionState
from tests.integration.network import PATIENCE_MS, PATIENCE_S, Network, play

BLOCKS = 40  # to be caught up with; more than what is fetched block by block
Lie = Callable[[Node, RangeRequest], "RangeMessage | None"]


def genuine(source: Node, request: RangeRequest, count: int = 256) -> RangeMessage:
    """What an honest peer would answer."""
    return answer_range(source.ledger, request.first_height, count, source.queries.status().executed_height)


def silent(source: Node, request: RangeRequest) -> None:
    """No answer at all."""


def empty(source: Node, request: RangeRequest) -> RangeMessage:
    return RangeMessage(request.first_height, (), (), None)


def without_a_finalisation(source: Node, request: RangeRequest) -> RangeMessage:
    return msgspec.structs.replace(genuine(source, request), finalisation=None)


def with_a_genuine_finalisation_of_another_block(source: Node, request: RangeRequest) -> RangeMessage:
    whole, part = genuine(source, request), genuine(source, request, 5)
    assert whole.finalisation != part.finalisation
    return msgspec.structs.replace(whole, finalisation=part.finalisation)


def with_permuted_signatures(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    assert answer.finalisation is not None
    permuted = msgspec.structs.replace(answer.finalisation, signatures=answer.finalisation.signatures[::-1])
    return msgspec.structs.replace(answer, finalisation=permuted)


def with_one_signer_counted_as_another(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    assert answer.finalisation is not None
    first = answer.finalisation.signatures[0]
    doubled = msgspec.structs.replace(answer.finalisation, signatures=(first,) * len(answer.finalisation.signatures))
    return msgspec.structs.replace(answer, finalisation=doubled)


def with_a_header_changed(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    block = answer.blocks[1]
    header = msgspec.structs.replace(block.header, time_ms=block.header.time_ms + 1)
    return _with_block(answer, 1, BlockMessage(header, block.transactions))


def with_a_transaction_left_out(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    at = next(index for index, block in enumerate(answer.blocks) if block.transactions)
    return _with_block(answer, at, BlockMessage(answer.blocks[at].header, answer.blocks[at].transactions[1:]))


def with_a_transaction_changed(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    at = next(index for index, block in enumerate(answer.blocks) if block.transactions)
    raw = answer.blocks[at].transactions[0]
    changed = (raw[:-1] + bytes((raw[-1] ^ 1,)), *answer.blocks[at].transactions[1:])
    return _with_block(answer, at, BlockMessage(answer.blocks[at].header, changed))


def with_a_block_missing(source: Node, request: RangeRequest) -> RangeMessage:
    answer = genuine(source, request)
    return msgspec.structs.replace(answer, blocks=(*answer.blocks[:3], *answer.blocks[4:]))


def from_a_later_height(source: Node, request: RangeRequest) -> RangeMessage:
    """Everything in it is genuine and certified; it is not what was asked for."""
    answer = genuine(source, RangeRequest(request.first_height + 7, 256))
    assert answer.blocks
    return answer


def one_block_at_a_time(source: Node, request: RangeRequest) -> RangeMessage:
    return genuine(source, request, 1)


def _with_block(answer: RangeMessage, at: int, block: BlockMessage) -> RangeMessage:
    return msgspec.structs.replace(answer, blocks=(*answer.blocks[:at], block, *answer.blocks[at + 1 :]))


class FalsePeer:
    """Speaks with a member's certificate: claims to be far ahead, and answers requests for ranges as it likes."""

    def __init__(self, network: Network, name: str, source: Node, lie: Lie, delay_s: float) -> None:
        self._network = network
        self._name = name
        self._source = source
        self._lie = lie
        self._delay_s = delay_s
        self.asked = 0

    async def serve(self, victim: str) -> None:
        """Keep a link to the victim for ever; one that is cut is made anew."""
        while True:
            with contextlib.suppress(OSError, EOFError, ValueError):
                await self._one_link(victim)
            await asyncio.sleep(0.05)

    async def _one_link(self, victim: str) -> None:
        config = self._network.configs[self._name]
        trusted = tuple(card.body.certificate for card in self._network.genesis.cards)
        context = peer_context(config.transport_certificate, config.transport_key, trusted, server=False)
        address = self._network.configs[victim].peer_listen
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname="")
        frames = FrameReader()
        try:
            writer.write(message_frame(Hello(1, self._network.chain_id, "false")))
            writer.write(message_frame(HeadNotice(10**6, 10**6, 10**6)))
            while data := await reader.read(65_536):
                for payload in frames.feed(data):
                    message: PeerMessage = decode_message(payload)
                    if isinstance(message, RangeRequest):
                        self.asked += 1
                        await asyncio.sleep(self._delay_s)
                        answer = self._lie(self._source, message)
                        if answer is not None:
                            writer.write(message_frame(answer))
                writer.write(message_frame(HeadNotice(10**6, 10**6, 10**6)))
        finally:
            writer.transport.abort()


def order_of(network: Network) -> list[str]:
    """Organisations by index in the validator set: of peers that claim the same the first is asked first."""
    return [validator.organisation for validator in network.genesis.validators().members]


async def grow(network: Network, node: Node) -> None:
    """A chain worth catching up with: blocks, most of them with transactions."""
    while node.queries.status().executed_height < BLOCKS:
        transaction = network.register_key()
        await node.queries.submit(transaction.raw)
        await node.queries.wait(transaction.id, TransactionState.EXECUTED, PATIENCE_MS)


def run(story: Callable[[Network], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        await story(Network(folder))

    play(whole())


async def founded(network: Network) -> int:
    """Three members make a chain, then the first falls silent: a false peer takes its place. Returns the height."""
    false, *honest, _ = order_of(network)
    await network.start(false, *honest)
    await grow(network, network.nodes[honest[0]])
    await network.stop(false)
    return network.nodes[honest[0]].queries.status().executed_height


async def caught_up_beside(network: Network, lie: Lie, height: int, delay_s: float = 0.0) -> tuple[Node, FalsePeer]:
    """The fourth member, which knows nothing (any more), must come as far as the others, and is needed for a quorum."""
    false, source, _, late = order_of(network)
    peer = FalsePeer(network, false, network.nodes[source], lie, delay_s)
    task = asyncio.get_running_loop().create_task(peer.serve(late))
    try:
        await network.start(late)
        node = network.nodes[late]
        await network.until(lambda: node.queries.status().executed_height >= height)
        await network.until(lambda: peer.asked > 0)
        transaction = network.register_key()
        await node.queries.submit(transaction.raw)
        status = await node.queries.wait(transaction.id, TransactionState.PROVEN, PATIENCE_MS)
        assert status.state is TransactionState.PROVEN, lie.__name__
        network.assert_equal_chains()
        assert node.failed is None, lie.__name__
        return node, peer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def forget_the_chain(network: Network) -> None:
    """The late member loses its database; its record of own votes stays."""
    late = order_of(network)[-1]
    await network.stop(late)
    shutil.rmtree(network.configs[late].data / DATABASE)


LIES = [
    empty,
    without_a_finalisation,
    with_a_genuine_finalisation_of_another_block,
    with_permuted_signatures,
    with_one_signer_counted_as_another,
    with_a_header_changed,
    with_a_transaction_left_out,
    with_a_transaction_changed,
    with_a_block_missing,
    from_a_later_height,
    one_block_at_a_time,
    silent,
]


def test_a_liar_among_the_peers_never_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "ANSWER_TIMEOUT_S", 1.0)

    async def story(network: Network) -> None:
        height = await founded(network)
        for lie in LIES:
            await caught_up_beside(network, lie, height)
            await forget_the_chain(network)

    run(story, tmp_path)


def test_an_honest_peer_that_answers_late_is_never_punished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "ANSWER_TIMEOUT_S", 0.3)

    async def story(network: Network) -> None:
        node, peer = await caught_up_beside(network, genuine, await founded(network), delay_s=0.8)
        (seen,) = [other for other in node.peers if other.organisation == order_of(network)[0]]
        await asyncio.sleep(1.0)  # its answers to requests that were given up come in
        assert peer.asked >= 1
        assert seen.faults == 0 and seen.refused_until == 0.0

    run(story, tmp_path)


def test_a_slow_peer_does_not_hold_back_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "ANSWER_TIMEOUT_S", 2 * PATIENCE_S)  # who waits for its answer comes too late
    monkeypatch.setattr(peers, "SILENCE_MAX_S", 2 * PATIENCE_S)  # and who waits until its link is given up

    async def story(network: Network) -> None:
        height = await founded(network)
        false, source, _, late = order_of(network)
        peer = FalsePeer(network, false, network.nodes[source], genuine, delay_s=4 * PATIENCE_S)
        task = asyncio.get_running_loop().create_task(peer.serve(late))
        try:
            await network.start(late)
            node = network.nodes[late]
            await network.until(lambda: peer.asked > 0)
            await network.until(lambda: node.queries.status().executed_height >= height)
            await network.until(lambda: not node._parts.catch_up.running)  # nor is its answer waited for afterwards
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        (seen,) = [other for other in node.peers if other.organisation == false]
        assert seen.faults == 0

    run(story, tmp_path)
