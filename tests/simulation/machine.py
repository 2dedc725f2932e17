"""One simulated node: an engine, a disk that forgets what was not synced, clocks, and the effects in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from consensus.config import EngineConfig
from consensus.effects import (
    Accuse,
    Broadcast,
    Build,
    CheckContents,
    Effect,
    EpochEnded,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    HeaderRecord,
    Persist,
    RootMismatch,
    Send,
    WakeAt,
)
from consensus.engine import Engine
from consensus.inputs import Input, Now, PeerConnected, Started, TimePassed, WorkPending
from node.ballots import Ballots
from tallystick.votes import Certificate, Vote
from tests.simulation.disk import Disk
from tests.simulation.doors import Doors
from tests.simulation.judges import Violation
from tests.simulation.words import words
from tests.simulation.work import GOSSIP_MS, Work

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

RESTART_MAX_MS = 1_500


class Crash(Exception):
    """The machine stops between two effects."""


class Machine(Doors, Work):
    """A node of the simulated cluster; honest. Traitors override how it speaks or listens.

    Attributes:
        index: its number in the cluster, and on the wires.
        holder: number of its key: the same but for twins.
        crash_rate: chance of a crash at each effect.
        crash_at: number of the effect (counted over all lives) at which it crashes once, or None.
        held: what arrived during a pause, or None when it is not paused.
    """

    honest = True

    def __init__(self, cluster: Cluster, index: int, holder: int, disk: Disk) -> None:
        self.cluster, self.world, self.judges, self.index = cluster, cluster.world, cluster.judges, index
        self.holder, self.disk = holder, disk
        self.signatures = cluster.signatures
        self.sign_statement = cluster.signatures.sign_statement(holder)
        self.sign_proposal = cluster.signatures.sign_proposal(holder)
        self.skew_ms = 0
        self.execution_ms = 1
        self.fill_ms = 0
        self.late_ms = 0  # alarms ring up to so much late, and some ring twice
        self.crash_rate = 0.0
        self.crash_at: int | None = None
        self.effects_performed = 0
        self.up = False
        self.life = 0
        self.held: list[tuple[int, Callable[..., None], tuple[Any, ...]]] | None = None
        self.engine: Engine
        self.config: EngineConfig
        self.ballots: Ballots[int] = Ballots()
        self.told_ms: dict[tuple[int, str], int] = {}  # peer and what: when it was told last
        self.init_work()

    # --- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Come up from the disk alone."""
        if self.up:
            return
        self.life += 1
        self.up = True
        self.unsynced = False
        self.wake_ms: int | None = None
        self.alarm_ms: int | None = None
        self.start_work()
        if self.life > 1:
            self.world.seen["restarts"] += 1
            self.show_certificates()
        self.enter_epoch()
        self.compare_with_peers()
        self.later(GOSSIP_MS, self.gossip)
        if self.config.me is not None and self.world.chance() < 0.5:  # the others may not notice that it is back
            for peer in self.cluster.machines:
                if peer is not self:
                    peer.later(1 + self.world.upto(50), peer.connected_to, self)

    def show_certificates(self) -> None:
        """What its disk proves, though it may have stopped before it said so and is past it now."""
        for record in self.disk.live_records() if self.honest else ():
            if isinstance(record, Certificate):
                self.judges.certificate_sent(record)

    def enter_epoch(self) -> None:
        """An engine of the epoch that the database is in, from its floor."""
        disk, database = self.disk, self.disk.database
        membership, floor = database.membership, database.floor
        self.config = self.parameters()
        self.ended: EpochEnded | None = None
        self.ballots.clear()
        self.told: WorkPending | None = None
        self.wake_ms = None
        low = floor.header.executed.height if floor.header is not None else 0
        earlier = tuple(database.executed[h] for h in range(low, floor.executed.height) if h in database.executed)
        self.engine = Engine(
            self.config,
            self.sign_statement,
            self.sign_proposal,
            replace(floor, earlier=earlier, switch=membership.switch()),
            disk.live_records(),
        )
        self.give(Started())
        self.tell_work(again=True)

    def parameters(self) -> EngineConfig:
        """The engine's, in this epoch; without its record a validator never signs with its key again."""
        return self.cluster.config_of(self.disk.database.membership, None if self.disk.wiped else self.holder)

    def compare_with_peers(self) -> None:
        """What a node asks at its start, seen from above: nobody holds a vote of ours that our own record lacks."""
        me = self.config.me
        if me is None or not self.honest or not self.up:
            return
        epoch, floor_view = self.config.epoch, self.disk.database.floor.view
        own = {record.statement for record in self.disk.live_records() if isinstance(record, Vote)}
        for peer in self.cluster.machines:
            if peer is self or not peer.up or peer.config.epoch != epoch:
                continue
            vote = peer.engine.newest_vote(me)
            if vote is not None and vote.statement.view > floor_view and vote.statement not in own:
                raise Violation(f"machine {peer.index} holds a vote of {self.index} that its own record lacks: {vote}")
            self.world.seen["records compared with peers"] += 1

    def connected_to(self, peer: Machine) -> None:
        """A connection was made: both say where they are."""
        if peer.up and peer.config.me is not None and peer.config.epoch == self.config.epoch:
            self.give(PeerConnected(peer.config.me))
        if peer.up and self.up:
            self.tell_head(peer, self.engine.status().view)
            peer.tell_head(self, peer.engine.status().view)

    def crash(self) -> None:
        """Stop at once; what was not synced is lost or torn."""
        if not self.up:
            return
        self.up = False
        self.held = None
        self.life += 1
        self.world.seen[f"crash, records {self.disk.lose_unsynced(self.world.random)}"] += 1
        if hasattr(self, "engine"):
            self.judges.check_size(self)

    def crash_and_restart(self) -> None:
        """One crash, and it comes back after a while."""
        if self.up:
            self.crash()
            self.world.later(1 + self.world.upto(RESTART_MAX_MS), self.start)

    def pause(self) -> None:
        """Stand still (a long garbage collection, a stopped process): what arrives waits, time goes on."""
        if self.up and self.held is None:
            self.held = []
            self.world.seen["pauses"] += 1

    def resume(self) -> None:
        """Go on with everything that waits, in the order in which it came."""
        held, self.held = self.held, None
        for life, action, arguments in held or []:
            if life == self.life and self.up:
                action(*arguments)

    def heal(self) -> None:
        """Whatever ails it ends."""
        if self.held is not None:
            self.resume()
        self.start()

    def later(self, delay_ms: int, action: Callable[..., None], *arguments: Any) -> None:
        """Something of this life: forgotten when the machine stops."""
        self.world.later(delay_ms, self.in_life, self.life, action, arguments)

    def in_life(self, life: int, action: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Do it, unless the machine stopped meanwhile."""
        if life != self.life or not self.up:
            return
        if self.held is not None:
            self.held.append((life, action, arguments))
        else:
            action(*arguments)

    def now(self) -> Now:
        """Our clocks."""
        now_ms = self.world.now_ms
        return Now(now_ms, self.cluster.ground.wall_start_ms + now_ms + self.skew_ms)

    def give(self, input: Input) -> None:
        """One turn: step the engine, perform its effects in order, maybe crash in between."""
        if not self.up:
            return
        if self.world.trace is not None:
            self.cluster.say(self.index, f"<- {words(input)}")
        try:
            for effect in self.engine.step(input, self.now()):
                self.effects_performed += 1
                if (
                    self.crash_rate and self.world.chance() < self.crash_rate
                ) or self.crash_at == self.effects_performed:
                    self.world.seen["crashes between effects"] += 1
                    raise Crash
                if self.world.trace is not None:
                    self.cluster.say(self.index, f"-> {words(effect)}")
                self.perform(effect)
        except Crash:
            self.crash_and_restart()
        if self.ballots and self.up:
            self.check_votes(self.ballots.review(self.engine))

    # --- effects --------------------------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """What the shell does for each effect."""
        kind = type(effect)
        if kind is Persist:
            self.persist(effect)
            return
        if self.unsynced:
            self.sync()
        if kind is Broadcast:
            self.broadcast(effect.message)
        elif kind is WakeAt:
            self.set_alarm(effect.monotonic_ms)
        elif kind is Send:
            self.send(effect.validator, effect.message)
        elif kind is Build:
            self.build(effect)
        elif kind is CheckContents:
            self.later(self.world.upto(5), self.check, effect, 0)
        elif kind is FetchBlock:
            if self.engine.header(effect.block_hash) is not None:
                raise Violation(f"node {self.index} asks for a block that it has")
            self.fetch_block(effect)
        elif kind is FetchCertificates:
            self.fetch_certificates(effect)
        elif kind is Finalised:
            self.finalised(effect)
        elif kind is EpochEnded:
            self.epoch_ended(effect)
        elif kind is Accuse:
            self.judges.accused(effect.first, effect.second)
        elif kind is RootMismatch:
            self.judges.mismatched(effect.header.epoch, effect.header.proposer)
        elif kind is Halt:
            raise Violation(f"node {self.index} halted: {effect}")
        else:
            raise AssertionError(f"unknown effect {effect}")

    def persist(self, effect: Persist) -> None:
        """Append to the signer's log; contents of a block go with its header."""
        self.disk.records.append(effect.record)
        if not effect.lazy:
            self.unsynced = True
            if isinstance(effect.record, HeaderRecord):
                self.keep_contents(effect.record)

    def sync(self) -> None:
        """Everything appended is durable."""
        self.disk.synced, self.unsynced = len(self.disk.records), False

    def set_alarm(self, at_ms: int) -> None:
        """Only the newest alarm counts; one event of the queue serves for all that are later."""
        self.wake_ms = at_ms
        if self.alarm_ms is None or at_ms < self.alarm_ms:
            self.alarm_ms = at_ms
            self.later(at_ms - self.world.now_ms, self.ring, at_ms)

    def ring(self, at_ms: int) -> None:
        """Perhaps too late, perhaps twice; an engine must not care."""
        if self.alarm_ms == at_ms:
            self.alarm_ms = None
        if self.wake_ms is None:
            return
        if self.wake_ms > self.world.now_ms:
            self.set_alarm(self.wake_ms)
            return
        self.wake_ms = None
        if self.late_ms:
            self.world.seen["alarms late or doubled"] += 1
            self.later(self.world.upto(self.late_ms), self.give, TimePassed())
            if self.world.chance() < 0.5:
                return
        self.give(TimePassed())

    def tell_work(self, *, again: bool = False) -> None:
        """The pool changed; or ``again`` in doubt."""
        work = WorkPending(bool(self.pool), None)
        if again or work != self.told:
            self.told = work
            self.give(work)
