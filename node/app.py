"""The only place where a node's parts are made and joined.

One event loop runs everything; a storage thread writes large batches. Whatever goes wrong that nobody outside may
cause ends the node at once: the signer is closed first, so that nothing more is signed.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from pathlib import Path
from typing import Any

from consensus.config import EngineConfig
from consensus.inputs import ContentsChecked, HeightExecuted
from contracts.execution import execute_block
from contracts.switch import PLAN_KEY
from contracts.workspace import PARAMETERS_KEY
from node.accuser import Accuser
from node.admission import Admission, Door
from node.backup.control import ControlDoor
from node.bls_sealer import Sealer
from node.bls_store import SealStore
from node.catchup import CatchUp
from node.clock import ChainClock, Clock, SystemClock
from node.commit import Committer
from node.config import NodeConfig
from node.contents import Contents
from node.counters import Counters
from node.dialogue import Dialogue
from node.disk import Disk
from node.engine_room import EngineRoom
from node.epochs import Epochs
from node.executor import ExecuteBlock, ExecutedHeight
from node.fetcher import Fetcher
from node.founding import read_founding
from node.gossip_again import GossipAgain
from node.identity import read_identity, settle
from node.joiner import Joiner
from node.ledger import Ledger
from node.logs import log_fields
from node.mempool import Mempool
from node.metrics import Metrics
from node.network.messages import TransactionFrame
from node.network.peers import Peer, Peers
from node.network.seats import own_certificate, peer_seats
from node.network.transport import Transport
from node.own_record import OwnRecord
from node.own_words import OwnWords
from node.performer import Performer
from node.proofs import ProofService
from node.pruning import Pruner
from node.queries import Queries
from node.runner import Runner
from node.snapshots.joining import Joining, SnapshotReadyError
from node.snapshots.service import SNAPSHOTS, SnapshotService
from node.toml_reader import Address
from node.tracker import Tracker
from tallystick.admission import VerifiedTransaction
from tallystick.errors import TallystickError
from tallystick.records.base import read_public
from tallystick.records.chain import ChainParameters
from tallystick.records.membership import Seat, seat_key

# The tree and the mempool have many thousand lasting objects without cycles; looking through them as often as Python
# does by itself costs time in every block.
GC_THRESHOLDS = (100_000, 20, 50)
BEAT_S = 1.0  # heads are told, catching up is considered

logger = logging.getLogger("tallystick.node")


class Node:
    """One node: ``start`` it, wait for ``failure``, ``stop`` it.

    Attributes:
        queries, proofs, sealer: what may be asked of it; set by ``start``.
        metrics, counters: what it measures.
        peer_address: where the peers' door listens, once started.
    """

    queries: Queries
    proofs: ProofService
    sealer: Sealer
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
        self._founding = read_founding(self.config)
        self._identity = self._founding.identity
        self._disk = Disk(self.config, self._founding, self._execute)
        try:
            self._settle_keys()
            me = self._disk.sit(self._identity)
            self._epochs = Epochs(self._founding.genesis, self._disk.ledger, self._disk.executor)
            self._epochs.turn(me)
            self._join_waiting_room()
            self._join_agreement()
            self._join_peers()
            self._join_questions()
            self._engines.load_bodies()
            self.peer_address = await self._transport.listen(self.config.peer_listen)
        except BaseException:
            self._disk.close()
            raise
        self._loop.set_exception_handler(self._unhandled)
        self._control = _control_door(self.config.data, self._disk.ledger)
        self._own_record.begin()
        self._engines.start()
        self._transport.dial()
        self._beats = self._loop.create_task(self._beat())
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        logger.info(
            "node started",
            extra=log_fields(
                organisation=self.config.organisation,
                chain=self._founding.chain_id.hex()[:16],
                height=self._disk.executor.tip.executed.height,
                epoch=self._epochs.number,
                seat="observer" if self._epochs.me is None else self._epochs.me,
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
    def epochs(self) -> Epochs:
        """The present epoch and the proofs of those before."""
        return self._epochs

    @property
    def peers(self) -> Peers:
        """The other members."""
        return self._peers

    async def asked(self, timeout_s: float) -> None:
        """Wait until the peers have answered what we said last, so that we may vote; or until the time is over."""
        end = self._loop.time() + timeout_s
        while self._epochs.asking and not self._failure.done() and self._loop.time() < end:
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
        self._runner.close()
        self._admission.close()
        self._beats.cancel()
        await self.sealer.close()
        await self._joining.close()
        await self._snapshots.close()
        self._catch_up.close()
        self._fetcher.close()
        await self._transport.close()
        self._committer.close()
        self._pruner.close()
        self._disk.close()

    def fatal(self, error: BaseException) -> None:
        """End the node: sign nothing more, tell whoever waits for ``failure``."""
        self._disk.signer.close()
        self._runner.close()
        if not self._failure.done():
            logger.error("the node ends", exc_info=error)
            self._failure.set_result(error)

    def _snapshot_ready(self, height: int) -> None:
        """A database made from a snapshot waits: end this run, so that the next one begins with it."""
        self._disk.signer.close()
        self._runner.close()
        if not self._failure.done():
            logger.info("beginning anew from a snapshot", extra=log_fields(height=height))
            self._failure.set_result(SnapshotReadyError(f"the snapshot of height {height} is ready"))

    def _settle_keys(self) -> None:
        """Next keys that the chain has given the seat take the names of those in use."""
        members = self._disk.executor.validators().validators.members
        key = next((one.key for one in members if one.organisation == self.config.organisation), None)
        record = self._disk.executor.state.get(seat_key(self.config.organisation))
        certificate = None if record is None else read_public(record, Seat).certificate
        self._identity = settle(self.config, self._identity, key, certificate)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no callback caught: a broken connection is a peer's or client's affair, anything else ends the node."""
        error = context.get("exception")
        if not self._stopping and not isinstance(error, OSError):
            self.fatal(error if isinstance(error, BaseException) else TallystickError(str(context.get("message"))))

    # --- parts --------------------------------------------------------------------------------------------

    def _join_waiting_room(self) -> None:
        """The clock, the mempool, contents of blocks, and who waits for which transaction."""
        executor = self._disk.executor
        row = self._disk.ledger.block(executor.tip.executed.height)
        proven = row.header.executed.height if row is not None and row.header is not None else 0
        self._clock = ChainClock(self._wall, self._clock_offset_ms())
        self._tracker = Tracker(self._loop, self.metrics, proven)
        self._mempool = Mempool()
        self._runner = Runner(self._clock, self.counters, self._loop, lambda: self._engines.tell_work())
        self._contents = Contents(
            self._mempool, lambda block_hash, valid: self._runner.give(ContentsChecked(block_hash, valid))
        )
        self._snapshots = SnapshotService(
            folder=self.config.data / SNAPSHOTS,
            every=self.config.storage.snapshot_every,
            chain_id=self._founding.chain_id,
            ledger=self._disk.ledger,
            epochs=self._epochs,
            loop=self._loop,
        )
        storage = self.config.storage
        self._pruner = Pruner(
            self._disk.ledger,
            storage.keep_blocks,
            lambda: (self._snapshots.newest_height() or 0) if storage.snapshot_every else None,
            self._loop,
        )
        self._committer = Committer(
            executor,
            self._disk.ledger,
            self._loop,
            self.metrics,
            signer_row=self._disk.signer_put,
            stored=self._stored,
            fatal=self.fatal,
            ends_batch=self._snapshots.ends_batch,
        )

    def _join_agreement(self) -> None:
        """Peers as such, and what performs the engine's effects with their help."""
        founding, disk = self._founding, self._disk
        self._view = disk.executor.state
        self._shown = own_certificate(self.config, self._view) or next(iter(self._identity.transports))
        if self._shown not in self._identity.transports:
            self._shown = list(self._identity.transports)[-1]
        self._peers = Peers(founding.chain_id, self._shown, self.counters, self._loop, self.fatal)
        self._seat_peers()
        self._fetcher = Fetcher(
            founding.chain_id,
            self._contents,
            disk.ledger,
            self._peers,
            self.counters,
            self._loop,
            give=self._runner.give,
            fatal=self.fatal,
            gossip_waits=lambda: len(self._admission) > 0,
        )
        self._engines = EngineRoom(self._engine_config, disk, self._runner, self._contents, self._mempool)
        self._gossip_again = GossipAgain(self._mempool, self._peers)
        self._own_words = OwnWords(founding.chain_id, self._epochs, lambda: self._identity.seeds, self._next_time_ms)
        self._accuser = Accuser(founding.chain_id, self._epochs, disk.executor.state, self._loop, self._own_words.say)
        self._performer = self._runner.inside = Performer(
            give=self._runner.give,
            log=lambda: disk.log,
            contents=self._contents,
            mempool=self._mempool,
            executor=disk.executor,
            committer=self._committer,
            tracker=self._tracker,
            fetcher=self._fetcher,
            peers=self._peers,
            counters=self.counters,
            loop=self._loop,
            fatal=self.fatal,
            evidence=self._accuser.accuse,
        )
        self._own_record = OwnRecord(
            founding.chain_id, self._epochs, disk, self._runner, self._peers, done=self._vote, fatal=self.fatal
        )

    def _join_peers(self) -> None:
        """The door for transactions, catching up, and the dialogue with peers over TLS."""
        chain_id, disk = self._founding.chain_id, self._disk
        self._admission = Admission(
            chain_id,
            Door(disk.executor.state, self._mempool, self._next_time_ms),
            self._mempool,
            self.counters,
            self._loop,
            admitted=self._admitted,
            gossip=self._gossip,
            blame=self._peers.penalise,
            hold_peer=_hold_peer,
            verified=self._contents.by_leaf,
        )
        self._own_words.admission = self._admission
        self._catch_up = CatchUp(
            chain_id=chain_id,
            epochs=self._epochs,
            executor=disk.executor,
            committer=self._committer,
            ledger=disk.ledger,
            fetcher=self._fetcher,
            peers=self._peers,
            counters=self.counters,
            loop=self._loop,
            suspend=lambda: self._runner.replace(None),
            resume=self._resume,
            fatal=self.fatal,
        )
        self.sealer = Sealer(
            chain_id=chain_id,
            epochs=self._epochs,
            heartbeat_ms=self._founding.genesis.heartbeat_ms,
            key_file=self.config.seal_key,
            store=SealStore(self.config.newest_seal),
            seeds=lambda: self._identity.seeds,
            ledger=disk.ledger,
            state=disk.executor.state,
            peers=self._peers,
            loop=self._loop,
        )
        self._joining = Joining(
            data=self.config.data,
            chain_id=chain_id,
            behind=self.config.storage.join_behind,
            pin=self.config.storage.pinned_epoch,
            epochs=self._epochs,
            peers=self._peers,
            stored_height=lambda: self._catch_up.stored_height,
            ready=self._snapshot_ready,
            fatal=self.fatal,
            loop=self._loop,
        )
        disk.ledger.keepers = self._peers.keepers
        self._dialogue = self._peers.handler = Dialogue(
            chain_id=chain_id,
            epochs=self._epochs,
            own_record=self._own_record,
            runner=self._runner,
            admission=self._admission,
            contents=self._contents,
            fetcher=self._fetcher,
            catch_up=self._catch_up,
            ledger=disk.ledger,
            mempool=self._mempool,
            sealer=self.sealer,
            states_from=disk.executor.state.oldest_height,
            penalise=self._peers.penalise,
            snapshots=self._snapshots,
            joining=self._joining,
            loop=self._loop,
        )

    def _join_questions(self) -> None:
        """The peers' door, and what may be asked of the node."""
        disk, founding = self._disk, self._founding
        files = self._identity.transport_for(self._shown)
        self._transport = Transport(self._peers, files.certificate, files.key)
        self._joiner = Joiner(
            disk.executor.state,
            disk.ledger,
            founding.genesis.heartbeat_ms,
            lambda: self._identity.seeds,
            self._own_words.say,
        )
        self.proofs = ProofService(disk.ledger, disk.executor.state, self._epochs, self._peers.state_keepers)
        self.queries = Queries(
            genesis=founding.genesis,
            chain_id=founding.chain_id,
            organisation=self.config.organisation,
            epochs=self._epochs,
            ledger=disk.ledger,
            state=disk.executor.state,
            mempool=self._mempool,
            admission=self._admission,
            tracker=self._tracker,
            peers=self._peers,
            counters=self.counters,
            clock=self._clock,
            engine=lambda: self._runner.engine,
            stored_height=lambda: self._catch_up.stored_height,
            joining=lambda: self._joining.progress,
        )

    # --- the engine ---------------------------------------------------------------------------------------

    def _engine_config(self) -> EngineConfig:
        timing = self.config.timing
        return EngineConfig(
            chain_id=self._founding.chain_id,
            validators=self._epochs.validators,
            me=self._epochs.me,
            epoch=self._epochs.number,
            spacing_ms=timing.block_spacing_ms,
            idle_block_ms=timing.idle_block_ms or self._founding.genesis.heartbeat_ms,
            view_timeout_ms=timing.view_timeout_ms,
            view_timeout_cap_ms=timing.view_timeout_cap_ms,
        )

    def _vote(self) -> None:
        """A quorum knows of no statement of ours that our record lacks: an engine that votes takes over."""
        self._voting = self._loop.create_task(self._start_voting())

    async def _start_voting(self) -> None:
        """The engine starts from the newest stored height, so nothing may be on its way to the disk."""
        while self._committer.busy:
            await self._committer.idle()
        logger.info("our record is whole", extra=log_fields(seat=self._epochs.me))
        if not self._catch_up.running:
            self._resume()

    def _resume(self) -> None:
        """An engine again, after catching up; unless the node is ending."""
        if not self._stopping and not self._failure.done():
            self._engines.start()

    def _stored(self, group: list[ExecutedHeight]) -> None:
        """Heights are executed and durable: let go of what they settled, tell everybody."""
        tip = self._disk.executor.tip
        self._snapshots.stored(tip.executed.height)  # first: the database is at exactly this height
        self._pruner.stored(tip.executed.height)
        for height in group:
            transactions = height.block.transactions
            self._mempool.remove(transaction.id for transaction in transactions)
            self._tracker.stored(height)
            self.counters.transactions_executed += len(height.first_executed)
            first = set(height.first_executed)
            self.counters.events_executed += sum(t.signed.head.event_count for t in transactions if t.id in first)
            for fault in height.faults:
                self.counters.rule_faults += 1
                logger.error("a rule has a fault", extra=log_fields(height=height.executed.height, fault=fault))
        self.counters.blocks_executed += len(group)
        self.counters.batches_written += 1
        self._catch_up.stored_height = self._performer.stored_height = tip.executed.height
        self._contents.prune(tip.executed.height)
        expired = self._mempool.evict_expired(tip.executed.time_ms)
        self._tracker.dropped(expired)
        self.counters.transactions_evicted += len(expired)
        self._clock.offset_ms = self._clock_offset_ms()
        self.sealer.stored([height.executed for height in group])
        if self._epochs.has_ended:
            self._turn_epoch()
            return
        self._disk.forget()
        plan = self._view.get(PLAN_KEY)
        if plan != self._plan:
            self._seat_peers()
            self._transport.dial()
        for height in group:
            self._runner.give(HeightExecuted(height.executed, height.switch))
        self._engines.tell_work()

    # --- epochs -------------------------------------------------------------------------------------------

    def _turn_epoch(self) -> None:
        """The boundary block is stored: our seat, our peers and our engine are now those of the next epoch."""
        self._identity = read_identity(self.config)
        self._epochs.turn(self._disk.sit(self._identity))
        self.sealer.turn()
        self._disk.forget()
        self._fetcher.forget_peers()
        self._seat_peers()
        self._show_certificate()
        self._transport.dial()
        logger.info(
            "an epoch begins",
            extra=log_fields(
                epoch=self._epochs.number,
                validators=self._epochs.validators.count,
                seat="observer" if self._epochs.me is None else self._epochs.me,
            ),
        )
        if not self._catch_up.running:
            self._resume()
        self._dialogue.tell_heads(self._peers)

    def _seat_peers(self) -> None:
        self._plan = self._view.get(PLAN_KEY)
        self._peers.seat(peer_seats(self.config, self._view, self._epochs))

    def _show_certificate(self) -> None:
        """Where our seat came with another transport certificate, show that one from now on."""
        named = own_certificate(self.config, self._view)
        if named is None or named == self._shown or named not in self._identity.transports:
            return
        files = self._identity.transport_for(named)
        self._transport.show(files.certificate, files.key)
        self._shown = self._peers.own_certificate = named

    # --- the rest -----------------------------------------------------------------------------------------

    def _admitted(self, transactions: list[VerifiedTransaction]) -> None:
        self._tracker.admitted([transaction.id for transaction in transactions])
        self._contents.arrived(transactions)
        self._engines.tell_work()

    def _gossip(self, raws: tuple[bytes, ...]) -> None:
        self._peers.broadcast(TransactionFrame(raws), droppable=True)
        self._peers.flush()  # before the client is answered: the leader may be waiting for it

    def _next_time_ms(self) -> int:
        return max(self._clock.chain_ms(), self._disk.executor.tip.executed.time_ms + 1)

    def _clock_offset_ms(self) -> int:
        record = self._disk.executor.state.get(PARAMETERS_KEY)
        assert record is not None, "genesis writes the parameters"
        return read_public(record, ChainParameters).clock_offset_ms

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._dialogue.tell_heads(self._peers)
            self._own_record.ask_again()
            self._catch_up.consider()
            self._joining.consider()
            self._engines.tell_work(again=True)
            self._gossip_again.beat()
            if not self._catch_up.running:
                self._joiner.consider(self._next_time_ms())


def _control_door(data: Path, ledger: Ledger) -> ControlDoor | None:
    """The local door; a node without one serves all the same, only its backups are made while it is stopped."""
    try:
        return ControlDoor(data, ledger)
    except OSError as error:
        logger.warning("there is no local door", extra=log_fields(error=error.strerror or str(error)))
        return None


def _hold_peer(peer: Peer, held: bool) -> None:
    if peer.link is not None:
        peer.link.hold(held)
