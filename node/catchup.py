"""Catching up: ranges of executed blocks from peers, checked back from one certificate, executed like any others.

The engine goes on meanwhile, and is replaced by one that starts further on only while verified blocks are applied:
a peer that lies about its height costs requests, never a vote.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from consensus.chain import is_boundary
from node.commit import Committer
from node.counters import Counters
from node.epochs import Epochs
from node.executor import Executor, FinalBlock
from node.fetcher import Fetcher
from node.ledger import Ledger
from node.logs import log_fields
from node.network.messages import RANGE_BLOCKS_MAX, RangeMessage, RangeRequest
from node.network.peers import Peer, PeerFault, Peers
from node.performer import HaltError
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.errors import DecodeError, VerificationError
from tallystick.votes import Certificate, VoteKind, verify_certificate

BEHIND_MIN = 24  # heights; what is less far away the engine fetches block by block
ANSWER_TIMEOUT_S = 5.0
NEARLY_THERE = 8  # blocks of an answer; one that has fewer was the last

logger = logging.getLogger("tallystick.catchup")


class CatchUp:
    """At most one catch-up at a time.

    Attributes:
        stored_height: newest height that is executed and durable here.
        running: verified blocks are being applied, and there is no engine.
    """

    def __init__(
        self,
        *,
        chain_id: bytes,
        epochs: Epochs,
        executor: Executor,
        committer: Committer,
        ledger: Ledger,
        fetcher: Fetcher,
        peers: Peers,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        suspend: Callable[[], None],
        resume: Callable[[], None],
        fatal: Callable[[BaseException], None],
    ) -> None:
        """``suspend`` takes the engine away, ``resume`` starts one at the new floor."""
        self._chain_id = chain_id
        self._epochs = epochs
        self._executor = executor
        self._committer = committer
        self._ledger = ledger
        self._fetcher = fetcher
        self._peers = peers
        self._counters = counters
        self._loop = loop
        self._suspend = suspend
        self._resume = resume
        self._fatal = fatal
        self.stored_height = executor.tip.executed.height
        self.running = False
        self._task: asyncio.Task[None] | None = None
        self._asked: Peer | None = None
        self._asked_height = 0
        self._answer: asyncio.Future[RangeMessage | None] | None = None
        self._useful: dict[int, int] = {}  # peer index -> blocks that came of asking it last
        self._counts: dict[int, int] = {}  # peer index -> blocks to ask it for; fewer after it did not answer in time

    def consider(self) -> None:
        """Begin to catch up if a peer says that it is far ahead."""
        if self._task is None and (self._ahead(BEHIND_MIN) or self._epoch_has_ended()):
            self._task = self._loop.create_task(self._run())
            self._task.add_done_callback(self._ended)

    def _epoch_has_ended(self) -> bool:
        """Whether a peer has blocks for us and is in a later epoch: no engine of ours can follow it there."""
        return any(peer.head is not None and peer.head.epoch > self._epochs.number for peer in self._ahead(1))

    def take(self, peer: Peer, message: RangeMessage) -> None:
        """A peer's answer; ignored unless it is to the present request, not to one that was given up before."""
        if self._asked is peer and message.first_height == self._asked_height:
            self._answered(message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone; it will not answer."""
        if self._asked is peer:
            self._answered(None)

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    def _answered(self, message: RangeMessage | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _ahead(self, by: int) -> list[Peer]:
        """Connected peers that say they can serve blocks this far above ours.

        First those that gave the most when they were asked last, and those that were not asked yet: whoever claims
        much and gives little must not stand before the others.
        """
        ours = self._committer.queued_height
        peers = [
            peer
            for peer in self._peers.connected()
            if peer.head and peer.head.executed_height >= ours + by and peer.head.bodies_from <= ours + 1
        ]
        return sorted(peers, key=lambda peer: -self._useful.get(peer.index, RANGE_BLOCKS_MAX))

    async def _run(self) -> None:
        useless: set[int] = set()  # peers that answered nothing usable; the next head notice forgives them
        try:
            while True:
                peer = next((peer for peer in self._ahead(1) if peer.index not in useless), None)
                if peer is None:
                    break
                epoch = self._epochs.number
                applied = await self._one_range(peer)
                if not applied:
                    useless.add(peer.index)
                elif applied < NEARLY_THERE and epoch == self._epochs.number:
                    break
        finally:
            if self.running:
                self.running = False
                self._resume()

    async def _one_range(self, peer: Peer) -> int:
        """Ask one peer, check, apply; how many blocks came of it."""
        applied = 0
        try:
            applied = await self._asked_range(peer)
        finally:
            self._useful[peer.index] = applied
        return applied

    async def _asked_range(self, peer: Peer) -> int:
        await self._committer.idle()
        self._asked, self._answer = peer, self._loop.create_future()
        self._asked_height = first_height = self._committer.queued_height + 1
        count = self._counts.get(peer.index, RANGE_BLOCKS_MAX)
        peer.send(RangeRequest(first_height, count))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await self._answer
        except TimeoutError:  # it may be slow and honest: next time it is asked for less
            self._counts[peer.index] = max(NEARLY_THERE, count // 4)
            return 0
        finally:
            self._asked = self._answer = None
        if answer is None or not answer.blocks or answer.blocks[0].header.epoch < self._epochs.number:
            return 0
        self._counts[peer.index] = min(RANGE_BLOCKS_MAX, 2 * count)
        try:
            blocks = await self._checked(answer, first_height)
        except (DecodeError, VerificationError, PeerFault) as error:
            self._peers.penalise(peer, error)
            return 0
        return await self._apply(blocks)

    async def _checked(self, answer: RangeMessage, first_height: int) -> list[FinalBlock]:
        """The blocks of an answer, each proven final and verified.

        Raises:
            DecodeError, VerificationError, PeerFault: the answer proves nothing, or is not what was asked for. That it
                begins at ``first_height`` matters: proven blocks that do not stand on ours would mean a broken quorum.
        """
        proof = answer.finalisation
        headers = [block.header for block in answer.blocks]
        hashes = [header.block_hash() for header in headers]
        if headers[0].height != first_height:
            raise PeerFault(f"a range from height {headers[0].height} where {first_height} was asked for")
        if proof is None or proof.statement.kind is not VoteKind.FINALIZE:
            raise PeerFault("a range without a finalisation")
        if proof.statement.epoch != self._epochs.number:
            raise PeerFault("a range whose finalisation is of another epoch")
        chain = [*headers, *answer.descendants]
        _check_named(proof, chain[-1], answer.closing)
        verify_certificate(proof, self._epochs.validators, self._chain_id)
        for parent, parent_hash, child in zip(
            chain, [header.block_hash() for header in chain], chain[1:], strict=False
        ):
            if child.parent_hash != parent_hash or child.height != parent.height + 1 or child.epoch != parent.epoch:
                raise PeerFault("a range whose blocks are not a chain of one epoch")
        blocks: list[FinalBlock] = []
        for message, block_hash in zip(answer.blocks, hashes, strict=True):
            transactions = await self._fetcher.verified(message.header, message.transactions)
            closing = answer.closing if is_boundary(message.header) else None
            blocks.append(FinalBlock(message.header, block_hash, transactions, proof, closing))
        return blocks

    async def _apply(self, blocks: list[FinalBlock]) -> int:
        """Execute verified blocks without an engine."""
        if not self.running:
            self.running = True
            logger.info("catching up", extra=log_fields(from_height=self._committer.queued_height))
            self._suspend()
        await self._committer.idle()
        blocks = [block for block in blocks if block.header.height > self._committer.queued_height]
        if not blocks or blocks[0].header.epoch != self._epochs.number:  # the engine was faster
            return 0
        tip = self._executor.tip
        first = blocks[0].header
        if first.height != tip.executed.height + 1 or first.parent_hash != tip.block_hash:
            raise HaltError(
                f"a finalised block of height {first.height} does not stand on our final block of height "
                f"{tip.executed.height}"
            )
        for block in blocks:
            self._committer.push(block)
        await self._committer.idle()
        for block in blocks:
            self._compare_roots(block.header)
        self._counters.blocks_caught_up += len(blocks)
        return len(blocks)

    def _compare_roots(self, header: Header) -> None:
        """A certified header that contradicts our own roots ends the process."""
        row = self._ledger.block(header.executed.height)
        if row is None or row.executed != header.executed:
            ours = "nothing" if row is None else row.executed.state_root.hex()
            raise HaltError(
                f"a certified header names state root {header.executed.state_root.hex()} for height "
                f"{header.executed.height}, we have {ours}"
            )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self._fatal(error)


def _check_named(proof: Certificate, last: Header, closing: ClosingHeader | None) -> None:
    """The certificate names the last header or, of a boundary block, a closing header that names it."""
    named = last if closing is None else closing
    if closing is not None and (not is_boundary(last) or closing.boundary_hash != last.block_hash()):
        raise PeerFault("a range with a closing header of another block")
    if (proof.statement.block_hash, proof.statement.view) != (named.block_hash(), named.view):
        raise PeerFault("a range whose finalisation is of another block")
