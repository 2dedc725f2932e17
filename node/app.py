"""A node's life: it starts, beats, votes once its record is whole, and ends at once when something is wrong.

One event loop runs everything; a storage thread writes large batches. Whatever goes wrong that nobody outside may
cause ends the node at once: the signer is closed first, so that nothing more is signed. What it is made of stands in
``node.parts``.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from contracts.execution import execute_block
from node.backup.control import ControlDoor
from node.bls_sealer import Sealer
from node.clock import Clock, SystemClock
from node.config import NodeConfig
from node.counters import Counters
from node.disk import Disk
from node.epochs import Epochs
from node.executor import ExecuteBlock
from node.founding import read_founding
from node.ledger import Ledger
from node.logs import log_fields
from node.loop_pauses import LoopPauses
from node.metrics import Metrics
from node.network.peers import Peers
from node.parts import Parts
from node.proofs import ProofService
from node.queries import Queries
from node.seating import Seating
from node.snapshots.joining import SnapshotReadyError
from node.toml_reader import Address
from tallystick.errors import TallystickError

# The tree and the mempool have many thousand lasting objects without cycles; looking through them as often as Python
# does by itself costs time in every block.
GC_THRESHOLDS = (100_000, 20, 50)
BEAT_S = 1.0  # heads are told, catching up is considered

logger = logging.getLogger("tallystick.node")


class Node:
    """One node: ``start`` it, wait for ``failure``, ``stop`` it.

    Attributes:
        metrics, counters: what it measures.
        peer_address: where the peers' door listens, once started.
    """

    peer_address: Address

    def __init__(
        self, config: NodeConfig, *, clock: Clock | None = None, execute: ExecuteBlock = execute_block
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self.counters = Counters()
        self._wall = clock or SystemClock()
        self._execute = execute
        self._stopping = False
        self._voting: asyncio.Task[None] | None = None

    # --- life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read everything from disk, open the peers' door, begin to take part.

        Raises:
            ConfigError: a file, folder or address of the operator is wrong, or the signer record is lost.
            StorageError: what is on the disk is damaged.
        """
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[BaseException] = self._loop.create_future()
        founding = read_founding(self.config)
        self._disk = Disk(self.config, founding, self._execute)
        try:
            self._seating = Seating(self.config, founding, self._disk)
            self._parts = Parts(
                self.config,
                founding,
                self._disk,
                self._seating,
                self,
                wall=self._wall,
                metrics=self.metrics,
                counters=self.counters,
                loop=self._loop,
            )
            self._parts.engines.load_bodies()
            self.peer_address = await self._parts.transport.listen(self.config.peer_listen)
        except BaseException:
            self._disk.close()
            raise
        self._loop.set_exception_handler(self._unhandled)
        self._control = _control_door(self.config.data, self._disk.ledger)
        self._parts.own_record.begin()
        self._parts.engines.start()
        self._parts.transport.dial()
        self._beats = self._beside(self._beat())
        self._pauses = LoopPauses(self._loop, self.metrics.loop_pause.observe)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        logger.info(
            "node started",
            extra=log_fields(
                organisation=self.config.organisation,
                chain=founding.chain_id.hex()[:16],
                height=self._disk.executor.tip.executed.height,
                epoch=self._seating.epochs.number,
                seat=self._seating.seat_name,
                peers_at=self.peer_address,
            ),
        )

    @property
    def failed(self) -> BaseException | None:
        """What ended this node, or None while it lives."""
        return self._failure.result() if self._failure.done() else None

    @property
    def ledger(self) -> Ledger:
        """Everything stored."""
        return self._disk.ledger

    @property
    def queries(self) -> Queries:
        """What may be asked of it."""
        return self._parts.queries

    @property
    def proofs(self) -> ProofService:
        """Proof bundles."""
        return self._parts.proofs

    @property
    def sealer(self) -> Sealer:
        """Seals, and compact proofs under them."""
        return self._parts.sealer

    @property
    def epochs(self) -> Epochs:
        """The present epoch and the proofs of those before."""
        return self._seating.epochs

    @property
    def peers(self) -> Peers:
        """The other members."""
        return self._parts.peers

    async def asked(self, timeout_s: float) -> None:
        """Wait until the peers have answered what we said last, so that we may vote; or until the time is over."""
        end = self._loop.time() + timeout_s
        while self._seating.epochs.asking and not self._failure.done() and self._loop.time() < end:
            await asyncio.sleep(0.02)

    async def failure(self) -> BaseException:
        """Wait until something ends this node; the caller stops it and exits accordingly."""
        return await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Say nothing more, finish a batch that is being written, release everything."""
        if self._stopping:
            return
        self._stopping = True
        if self._control is not None:
            await asyncio.to_thread(self._control.close)
        if self._voting is not None:
            self._voting.cancel()
        self._beats.cancel()
        self._pauses.close()
        await self._parts.close()
        self._disk.close()

    def fatal(self, error: BaseException) -> None:
        """End the node: sign nothing more, tell whoever waits for ``failure``."""
        self._disk.signer.close()
        self._parts.runner.close()
        if not self._failure.done():
            logger.error("the node ends", exc_info=error)
            self._failure.set_result(error)

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that goes on beside everything else; what it does not foresee ends the node."""
        task = self._loop.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._stopping:
            self.fatal(error)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no callback caught: a broken connection is a peer's or client's affair, anything else ends the node."""
        error = context.get("exception")
        if not self._stopping and not isinstance(error, OSError):
            self.fatal(error if isinstance(error, BaseException) else TallystickError(str(context.get("message"))))

    # --- what the parts ask -------------------------------------------------------------------------------

    def snapshot_ready(self, height: int) -> None:
        """A database made from a snapshot waits: end this run, so that the next one begins with it."""
        self._disk.signer.close()
        self._parts.runner.close()
        if not self._failure.done():
            logger.info("beginning anew from a snapshot", extra=log_fields(height=height))
            self._failure.set_result(SnapshotReadyError(f"the snapshot of height {height} is ready"))

    def vote(self) -> None:
        """A quorum knows of no statement of ours that our record lacks: an engine that votes takes over."""
        self._voting = self._beside(self._start_voting())

    async def _start_voting(self) -> None:
        """The engine starts from the newest stored height, so nothing may be on its way to the disk."""
        while self._parts.committer.busy:
            await self._parts.committer.idle()
        logger.info("our record is whole", extra=log_fields(seat=self._seating.epochs.me))
        if not self._parts.catch_up.running:
            self.resume()

    def resume(self) -> None:
        """An engine again, after catching up; unless the node is ending."""
        if not self._stopping and not self._failure.done():
            self._parts.engines.start()

    async def _beat(self) -> None:
        parts = self._parts
        while True:
            await asyncio.sleep(BEAT_S)
            parts.dialogue.tell_heads(parts.peers)
            parts.own_record.ask_again()
            parts.catch_up.consider()
            parts.joining.consider()
            parts.engines.tell_work(again=True)
            parts.gossip_again.beat()
            if not parts.catch_up.running:
                parts.joiner.consider(parts.next_time_ms())


def _control_door(data: Path, ledger: Ledger) -> ControlDoor | None:
    """The local door; a node without one serves all the same, only its backups are made while it is stopped."""
    try:
        return ControlDoor(data, ledger)
    except OSError as error:
        logger.warning("there is no local door", extra=log_fields(error=error.strerror or str(error)))
        return None
