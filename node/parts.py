"""The only place where a node's parts are made and joined, each with those that it needs.

Read it from the top: who waits (clock, mempool, contents), who agrees (peers, engine), who talks (door, dialogue), who
asks (transport, queries), and last who is told of what is stored.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from consensus.inputs import ContentsChecked
from node.accuser import Accuser
from node.admission import Admission, Door
from node.bls_sealer import Sealer
from node.bls_store import SealStore
from node.catchup import CatchUp
from node.check_threads import make_checker
from node.clock import ChainClock, Clock, clock_offset_ms
from node.commit import Committer
from node.config import NodeConfig
from node.contents import Contents
from node.counters import Counters
from node.dialogue import Dialogue
from node.disk import Disk
from node.engine_room import EngineRoom
from node.fetcher import Fetcher
from node.founding import Founding
from node.gossip_again import GossipAgain
from node.joiner import Joiner
from node.mempool import Mempool
from node.metrics import Metrics
from node.network.messages import TransactionFrame
from node.network.peers import Peer, Peers
from node.network.transport import Transport
from node.own_record import OwnRecord
from node.own_words import OwnWords
from node.performer import Performer
from node.proofs import ProofService
from node.pruning import Pruner
from node.queries import Queries
from node.runner import Runner
from node.seating import Seating
from node.snapshots.joining import Joining
from node.snapshots.service import SNAPSHOTS, SnapshotService
from node.stored import Stored
from node.tracker import Tracker
from tallystick.admission import VerifiedTransaction


class Life(Protocol):
    """What the parts ask of the node that they make up."""

    def fatal(self, error: BaseException) -> None:
        """End the node."""

    def snapshot_ready(self, height: int) -> None:
        """A database made from a snapshot waits."""

    def vote(self) -> None:
        """A quorum knows of no statement of ours that our record lacks."""

    def resume(self) -> None:
        """Have an engine again."""


class Parts:
    """All parts of one node between its disk and its sockets; nothing runs yet.

    Attributes:
        queries, proofs, sealer: what may be asked of it.
        The others are known by their classes.
    """

    def __init__(
        self,
        config: NodeConfig,
        founding: Founding,
        disk: Disk,
        seating: Seating,
        life: Life,
        *,
        wall: Clock,
        metrics: Metrics,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._config = config
        self._founding = founding
        self._disk = disk
        self._seating = seating
        self._life = life
        self._wall = wall
        self._metrics = metrics
        self._counters = counters
        self._loop = loop
        self._join_waiting_room()
        self._join_agreement()
        self._join_peers()
        self._join_questions()
        self._join_storage()

    def _join_waiting_room(self) -> None:
        """The clock, the mempool, contents of blocks, who waits for which transaction, and who checks signatures."""
        executor = self._disk.executor
        self.checker = make_checker(self._config.check_threads, self._loop, self._life.fatal, self._counters)
        row = self._disk.ledger.block(executor.tip.executed.height)
        proven = row.header.executed.height if row is not None and row.header is not None else 0
        self.clock = ChainClock(self._wall, clock_offset_ms(executor.state))
        self.tracker = Tracker(self._loop, self._metrics, proven)
        self.mempool = Mempool()
        self.runner = Runner(self.clock, self._counters, self._loop, lambda: self.engines.tell_work())
        self.contents = Contents(
            self.mempool, lambda block_hash, valid: self.runner.give(ContentsChecked(block_hash, valid))
        )
        self.snapshots = SnapshotService(
            folder=self._config.data / SNAPSHOTS,
            every=self._config.storage.snapshot_every,
            chain_id=self._founding.chain_id,
            ledger=self._disk.ledger,
            epochs=self._seating.epochs,
            loop=self._loop,
        )
        storage = self._config.storage
        self.pruner = Pruner(
            self._disk.ledger,
            storage.keep_blocks,
            lambda: (self.snapshots.newest_height() or 0) if storage.snapshot_every else None,
            self._loop,
        )
        self.committer = Committer(
            executor,
            self._disk.ledger,
            self._loop,
            self._metrics,
            signer_row=self._disk.signer_put,
            stored=lambda group: self.stored.take(group),
            fatal=self._life.fatal,
            ends_batch=self.snapshots.ends_batch,
        )

    def _join_agreement(self) -> None:
        """Peers as such, and what performs the engine's effects with their help."""
        founding, disk = self._founding, self._disk
        self.peers = self._seating.peers = Peers(
            founding.chain_id, self._seating.shown, self._counters, self._loop, self._life.fatal
        )
        self._seating.seat_peers()
        self.fetcher = Fetcher(
            founding.chain_id,
            self.contents,
            disk.ledger,
            self.peers,
            self.checker,
            self._counters,
            self._loop,
            give=self.runner.give,
            fatal=self._life.fatal,
            gossip_waits=lambda: len(self.admission) > 0,
        )
        self.engines = EngineRoom(self._seating.engine_config, disk, self.runner, self.contents, self.mempool)
        self.gossip_again = GossipAgain(self.mempool, self.peers)
        self.own_words = OwnWords(
            founding.chain_id, self._seating.epochs, lambda: self._seating.identity.seeds, self.next_time_ms
        )
        self.accuser = Accuser(
            founding.chain_id, self._seating.epochs, disk.executor.state, self._loop, self.own_words.say
        )
        self.performer = self.runner.inside = Performer(
            give=self.runner.give,
            log=lambda: disk.log,
            contents=self.contents,
            mempool=self.mempool,
            executor=disk.executor,
            committer=self.committer,
            tracker=self.tracker,
            fetcher=self.fetcher,
            peers=self.peers,
            counters=self._counters,
            synced=self._metrics.signer_sync.observe,
            loop=self._loop,
            fatal=self._life.fatal,
            evidence=self.accuser.accuse,
        )
        self.own_record = OwnRecord(
            founding.chain_id,
            self._seating.epochs,
            disk,
            self.runner,
            self.peers,
            done=self._life.vote,
            fatal=self._life.fatal,
        )

    def _join_peers(self) -> None:
        """The door for transactions, catching up, and the dialogue with peers over TLS."""
        chain_id, disk = self._founding.chain_id, self._disk
        self.admission = Admission(
            chain_id,
            Door(disk.executor.state, self.mempool, self.next_time_ms),
            self.mempool,
            self.checker,
            self._counters,
            self._loop,
            admitted=self._admitted,
            gossip=self._gossip,
            blame=self.peers.penalise,
            hold_peer=_hold_peer,
            verified=self.contents.by_leaf,
        )
        self.own_words.admission = self.admission
        self.catch_up = CatchUp(
            chain_id=chain_id,
            epochs=self._seating.epochs,
            executor=disk.executor,
            committer=self.committer,
            ledger=disk.ledger,
            fetcher=self.fetcher,
            peers=self.peers,
            counters=self._counters,
            loop=self._loop,
            suspend=lambda: self.runner.replace(None),
            resume=self._life.resume,
            fatal=self._life.fatal,
        )
        self.sealer = Sealer(
            chain_id=chain_id,
            epochs=self._seating.epochs,
            heartbeat_ms=self._founding.genesis.heartbeat_ms,
            key_file=self._config.seal_key,
            store=SealStore(self._config.newest_seal, self._config.closing_seals),
            ledger=disk.ledger,
            state=disk.executor.state,
            peers=self.peers,
            loop=self._loop,
        )
        self.joining = Joining(
            data=self._config.data,
            chain_id=chain_id,
            behind=self._config.storage.join_behind,
            pin=self._config.storage.pinned_epoch,
            epochs=self._seating.epochs,
            peers=self.peers,
            stored_height=lambda: self.catch_up.stored_height,
            ready=self._life.snapshot_ready,
            fatal=self._life.fatal,
            loop=self._loop,
        )
        disk.ledger.keepers = self.peers.keepers
        self.dialogue = self.peers.handler = Dialogue(
            chain_id=chain_id,
            epochs=self._seating.epochs,
            own_record=self.own_record,
            runner=self.runner,
            checker=self.checker,
            admission=self.admission,
            contents=self.contents,
            fetcher=self.fetcher,
            catch_up=self.catch_up,
            ledger=disk.ledger,
            mempool=self.mempool,
            sealer=self.sealer,
            states_from=disk.executor.state.oldest_height,
            penalise=self.peers.penalise,
            snapshots=self.snapshots,
            joining=self.joining,
            loop=self._loop,
        )

    def _join_questions(self) -> None:
        """The peers' door, and what may be asked of the node."""
        disk, founding = self._disk, self._founding
        files = self._seating.files_shown
        self.transport = self._seating.transport = Transport(self.peers, files.certificate, files.key)
        self.joiner = Joiner(
            disk.executor.state,
            disk.ledger,
            founding.genesis.heartbeat_ms,
            lambda: self._seating.identity.seeds,
            self.own_words.say,
        )
        self.proofs = ProofService(disk.ledger, disk.executor.state, self._seating.epochs, self.peers.state_keepers)
        self.queries = Queries(
            genesis=founding.genesis,
            chain_id=founding.chain_id,
            organisation=self._config.organisation,
            epochs=self._seating.epochs,
            ledger=disk.ledger,
            state=disk.executor.state,
            mempool=self.mempool,
            admission=self.admission,
            tracker=self.tracker,
            peers=self.peers,
            counters=self._counters,
            clock=self.clock,
            engine=lambda: self.runner.engine,
            stored_height=lambda: self.catch_up.stored_height,
            joining=lambda: self.joining.progress,
        )

    def _join_storage(self) -> None:
        """Who is told of what is stored: nearly everybody."""
        self.stored = Stored(
            disk=self._disk,
            seating=self._seating,
            clock=self.clock,
            mempool=self.mempool,
            contents=self.contents,
            tracker=self.tracker,
            counters=self._counters,
            snapshots=self.snapshots,
            pruner=self.pruner,
            catch_up=self.catch_up,
            performer=self.performer,
            sealer=self.sealer,
            fetcher=self.fetcher,
            peers=self.peers,
            dialogue=self.dialogue,
            runner=self.runner,
            engines=self.engines,
            resume=self._life.resume,
        )

    async def close(self) -> None:
        """Say nothing more, finish a batch that is being written."""
        self.runner.close()
        self.admission.close()
        self.checker.close()
        await self.sealer.close()
        await self.joining.close()
        await self.snapshots.close()
        await self.proofs.close()
        self.catch_up.close()
        self.fetcher.close()
        await self.transport.close()
        self.committer.close()
        self.pruner.close()

    # --- between them -------------------------------------------------------------------------------------

    def _admitted(self, transactions: list[VerifiedTransaction]) -> None:
        self.tracker.admitted([transaction.id for transaction in transactions])
        self.contents.arrived(transactions)
        self.engines.tell_work()

    def _gossip(self, raws: tuple[bytes, ...]) -> None:
        self.peers.broadcast(TransactionFrame(raws), droppable=True)
        self.peers.flush()  # before the client is answered: the leader may be waiting for it

    def next_time_ms(self) -> int:
        """The best guess of the next block's time."""
        return max(self.clock.chain_ms(), self._disk.executor.tip.executed.time_ms + 1)


def _hold_peer(peer: Peer, held: bool) -> None:
    if peer.link is not None:
        peer.link.hold(held, "gossip")
