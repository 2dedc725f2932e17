"""Catching up: ranges of executed blocks from several peers at once, each checked back from one certificate.

The engine goes on meanwhile, and is replaced by one that starts further on only while verified blocks are applied:
a peer that lies about its height costs requests, never a vote.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from node.commit import Committer
from node.counters import Counters
from node.epochs import Epochs
from node.executor import Executor, FinalBlock
from node.fetcher import Fetcher
from node.ledger import Ledger
from node.logs import log_fields
from node.network.messages import RangeMessage
from node.network.peers import Peer, PeerFault, Peers
from node.performer import HaltError
from node.pieces import Pieces
from node.range_asker import RangeAsker
from node.range_check import check_range
from node.recoveries import RecoveryJudge
from tallystick.blocks import Header
from tallystick.errors import DecodeError, VerificationError
from tallystick.validators import faults_max

BEHIND_MIN = 24  # heights; what is less far away the engine fetches block by block
ANSWER_TIMEOUT_S = 5.0
NEARLY_THERE = 8  # heights; so near to the others the engine takes over
TURN_S = 0.5  # how often it is looked whether a piece is to be asked of another peer

logger = logging.getLogger("tallystick.catchup")


@dataclass(frozen=True, slots=True)
class _Range:
    """A checked answer and who gave it."""

    peer: Peer
    blocks: list[FinalBlock]


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
        self._asker = RangeAsker(loop)
        self._judge = RecoveryJudge(chain_id, ledger, executor.state)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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
        self._asker.take(peer, message)

    def lost(self, peer: Peer) -> None:
        """A peer is gone; it will not answer."""
        self._asker.lost(peer)

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    def _ahead(self, by: int) -> list[Peer]:
        """Connected peers that say they can serve blocks this far above ours, the most useful first."""
        ours = self._committer.queued_height
        peers = [
            peer
            for peer in self._peers.connected()
            if peer.head and peer.head.executed_height >= ours + by and peer.head.bodies_from <= ours + 1
        ]
        return self._asker.in_order(peers)

    def _nearly_there(self) -> bool:
        """Whether one honest peer at least is no further than the engine can follow: f of them may claim anything."""
        claims = sorted((peer.head.executed_height for peer in self._peers.connected() if peer.head), reverse=True)
        liars = min(faults_max(self._epochs.validators.count), len(claims) - 1)
        return not claims or claims[liars] < self._committer.queued_height + NEARLY_THERE

    # --- asking -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while await self._one_epoch():
                pass
        finally:
            if self.running:
                self.running = False
                self._resume()

    async def _one_epoch(self) -> bool:
        """Ask whoever is ahead, apply in order; whether it is to be gone on with, from new pieces."""
        await self._committer.idle()
        epoch = self._epochs.number
        pieces: Pieces[_Range] = Pieces(self._committer.queued_height + 1)
        useless: set[bytes] = set()  # peers that answered nothing usable; the next head notice forgives them
        asking: dict[bytes, asyncio.Task[None]] = {}
        try:
            while True:
                self._changed.clear()
                self._employ(pieces, useless, asking)
                ready = pieces.next_ready()
                if ready is not None:
                    if not await self._apply(ready) or epoch != self._epochs.number:
                        return True
                    if self._nearly_there():
                        return False
                elif not asking:
                    return False
                else:
                    await self._until_changed()
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)

    async def _until_changed(self) -> None:
        try:
            async with asyncio.timeout(TURN_S):
                await self._changed.wait()
        except TimeoutError:
            return

    def _employ(self, pieces: Pieces[_Range], useless: set[bytes], asking: dict[bytes, asyncio.Task[None]]) -> None:
        """Give every peer that has nothing to do a piece."""
        for name in [name for name, task in asking.items() if task.done()]:
            asking.pop(name).result()  # what nobody foresaw ends the node
        for peer in self._ahead(1):
            name = peer.certificate
            if name in asking or name in useless or peer.head is None:
                continue
            top, most = peer.head.executed_height, self._asker.count_for(peer)
            piece = pieces.take(name, top, most, self._loop.time())
            if piece is not None:
                task = self._loop.create_task(self._one_piece(peer, *piece, pieces, useless))
                task.add_done_callback(lambda _: self._changed.set())
                asking[name] = task

    async def _one_piece(self, peer: Peer, first: int, count: int, pieces: Pieces[_Range], useless: set[bytes]) -> None:
        """Ask one peer for one piece and check its answer."""
        blocks: list[FinalBlock] = []
        try:
            answer = await self._asker.ask(peer, first, count, ANSWER_TIMEOUT_S)
            if answer is not None and answer.blocks[0].header.epoch == self._epochs.number:
                blocks = await check_range(answer, first, self._chain_id, self._epochs, self._fetcher)
        except (DecodeError, VerificationError, PeerFault) as error:
            self._peers.penalise(peer, error)
        self._asker.gave(peer, len(blocks))
        if blocks:
            pieces.put(first, len(blocks), _Range(peer, blocks))
        else:
            useless.add(peer.certificate)
            pieces.give_up(first, peer.certificate)

    # --- applying -----------------------------------------------------------------------------------------

    async def _apply(self, ready: _Range) -> bool:
        """Execute verified blocks without an engine; whether they could be."""
        await self._committer.idle()
        blocks = [block for block in ready.blocks if block.header.height > self._committer.queued_height]
        if not blocks:  # the engine was faster
            return True
        if blocks[0].header.epoch != self._epochs.number:
            return False
        self._check_stands(blocks[0].header)
        if not self._recovery_holds(ready.peer, blocks):
            return False
        if not self.running:
            self.running = True
            logger.info("catching up", extra=log_fields(from_height=self._committer.queued_height))
            self._suspend()
            await self._committer.idle()
            blocks = [block for block in blocks if block.header.height > self._committer.queued_height]
        for block in blocks:
            self._committer.push(block)
        await self._committer.idle()
        for block in blocks:
            self._compare_roots(block.header)
        self._counters.blocks_caught_up += len(blocks)
        return True

    def _check_stands(self, first: Header) -> None:
        """Proven blocks stand on ours, or a quorum is broken, or a recovery has left our newest blocks out."""
        tip = self._executor.tip
        if first.height != tip.executed.height + 1 or first.parent_hash != tip.block_hash:
            raise HaltError(
                f"a finalised block of height {first.height} does not stand on our final block of height "
                f"{tip.executed.height}"
            )

    def _recovery_holds(self, peer: Peer, blocks: list[FinalBlock]) -> bool:
        """Whether these blocks need no recovery, or one that holds in our own state stands behind them."""
        last = blocks[-1]
        if last.recovery is None:
            return all(block.proof is not None for block in blocks)
        row = self._ledger.block(self._executor.tip.executed.height)
        parent = blocks[-2].header if len(blocks) > 1 else None if row is None else row.header
        try:
            self._judge.check_boundary(last.recovery, last.header, parent, self._epochs.validators)
        except VerificationError as error:
            self._peers.penalise(peer, error)
            return False
        logger.warning(
            "a recovery ended the epoch",
            extra=log_fields(epoch=last.header.epoch, height=last.header.height, heads=len(last.recovery.heads)),
        )
        return True

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
