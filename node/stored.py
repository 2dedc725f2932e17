"""What follows when heights are executed and durable: everybody who waits is told, in one order."""

from __future__ import annotations

import logging
from collections.abc import Callable

from consensus.inputs import HeightExecuted
from node.bls_sealer import Sealer
from node.catchup import CatchUp
from node.clock import ChainClock, clock_offset_ms
from node.contents import Contents
from node.counters import Counters
from node.dialogue import Dialogue
from node.disk import Disk
from node.engine_room import EngineRoom
from node.executor import ExecutedHeight
from node.fetcher import Fetcher
from node.logs import log_fields
from node.mempool import Mempool
from node.network.peers import Peers
from node.performer import Performer
from node.pruning import Pruner
from node.runner import Runner
from node.seating import Seating
from node.snapshots.service import SnapshotService
from node.tracker import Tracker

logger = logging.getLogger("tallystick.node")


class Stored:
    """Takes each group of heights that one synced batch brought; the last of an epoch begins the next one."""

    def __init__(
        self,
        *,
        disk: Disk,
        seating: Seating,
        clock: ChainClock,
        mempool: Mempool,
        contents: Contents,
        tracker: Tracker,
        counters: Counters,
        snapshots: SnapshotService,
        pruner: Pruner,
        catch_up: CatchUp,
        performer: Performer,
        sealer: Sealer,
        fetcher: Fetcher,
        peers: Peers,
        dialogue: Dialogue,
        runner: Runner,
        engines: EngineRoom,
        resume: Callable[[], None],
    ) -> None:
        """``resume`` has an engine of the present epoch take over."""
        self._disk = disk
        self._seating = seating
        self._clock = clock
        self._mempool = mempool
        self._contents = contents
        self._tracker = tracker
        self._counters = counters
        self._snapshots = snapshots
        self._pruner = pruner
        self._catch_up = catch_up
        self._performer = performer
        self._sealer = sealer
        self._fetcher = fetcher
        self._peers = peers
        self._dialogue = dialogue
        self._runner = runner
        self._engines = engines
        self._resume = resume

    def take(self, group: list[ExecutedHeight]) -> None:
        """Let go of what these heights settled, tell everybody."""
        tip = self._disk.executor.tip
        self._snapshots.stored(tip.executed.height)  # first: the database is at exactly this height
        self._pruner.stored(tip.executed.height)
        for height in group:
            self._settle(height)
        self._counters.blocks_executed += len(group)
        self._counters.batches_written += 1
        self._catch_up.stored_height = self._performer.stored_height = tip.executed.height
        self._contents.prune(tip.executed.height)
        expired = self._mempool.evict_expired(tip.executed.time_ms)
        self._tracker.dropped(expired)
        self._counters.transactions_evicted += len(expired)
        self._clock.offset_ms = clock_offset_ms(self._disk.executor.state)
        self._sealer.stored([height.executed for height in group])
        if self._seating.epochs.has_ended:
            self._turn_epoch()
            return
        self._disk.forget()
        self._seating.follow_plan()
        for height in group:
            self._runner.give(HeightExecuted(height.executed, height.switch))
        self._engines.tell_work()

    def _settle(self, height: ExecutedHeight) -> None:
        """Its transactions wait no longer."""
        transactions = height.block.transactions
        self._mempool.remove(transaction.id for transaction in transactions)
        self._tracker.stored(height)
        self._counters.transactions_executed += len(height.first_executed)
        first = set(height.first_executed)
        self._counters.events_executed += sum(t.signed.head.event_count for t in transactions if t.id in first)
        for fault in height.faults:
            self._counters.rule_faults += 1
            logger.error("a rule has a fault", extra=log_fields(height=height.executed.height, fault=fault))

    def _turn_epoch(self) -> None:
        """The boundary block is stored: our seat, our peers and our engine are now those of the next epoch."""
        self._seating.sit()
        self._sealer.turn()
        self._disk.forget()
        self._fetcher.forget_peers()
        self._seating.meet()
        if not self._catch_up.running:
            self._resume()
        self._dialogue.tell_heads(self._peers)
