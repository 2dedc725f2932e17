"""One simulated node: an engine, a disk that forgets what was not synced, an executor that lags, a pool of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from consensus.config import EngineConfig, Floor
from consensus.effects import (
    Accuse,
    Broadcast,
    Build,
    CheckContents,
    DurableRecord,
    Effect,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    HeaderRecord,
    PeerMessage,
    Persist,
    RootMismatch,
    Send,
    WakeAt,
)
from consensus.engine import Engine
from consensus.inputs import (
    BlockReceived,
    Built,
    CertificateReceived,
    ContentsChecked,
    HeightExecuted,
    Input,
    Now,
    PeerConnected,
    ProposalReceived,
    Started,
    TimePassed,
    VoteReceived,
    WorkPending,
)
from tallystick.blocks import Executed, Header
from tallystick.merkle import root_of
from tallystick.proposals import Proposal, proposal_signing_bytes
from tallystick.votes import Certificate, Vote
from tests.simulation.judges import Violation, execute
from tests.simulation.signer import certificate_is_good, proposal_is_good, sign_proposal, sign_statement, vote_is_good
from tests.simulation.world import WALL_START_MS

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

GOSSIP_MS = 1_000
Leaves = tuple[bytes, ...]


@dataclass(slots=True)
class Disk:
    """What survives. ``records`` up to ``synced`` are durable, the rest may be lost in a crash."""

    floor: Floor
    records: list[DurableRecord] = field(default_factory=list)
    synced: int = 0
    contents: dict[bytes, tuple[Header, Leaves]] = field(default_factory=dict)
    executed: dict[int, Executed] = field(default_factory=dict)


class Crash(Exception):
    """The machine stops between two effects."""


class Machine:
    """A node of the simulated cluster; honest. Traitors override ``broadcast`` or ``receive``."""

    engine_class: type[Engine] = Engine

    def __init__(self, cluster: Cluster, index: int, config: EngineConfig, genesis: Floor) -> None:
        self.cluster, self.world, self.index, self.config = cluster, cluster.world, index, config
        self.disk = Disk(genesis, executed={genesis.executed.height: genesis.executed})
        self.skew_ms = 0
        self.execution_ms = 1
        self.up = False
        self.halted: Halt | None = None
        self.life = 0
        self.crash_rate = 0.0  # of each effect
        self.pool: dict[bytes, None] = {}
        self.used: dict[bytes, None] = {}
        self.engine: Engine
        self.final_height = 0

    # --- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Come up from the disk alone."""
        self.life += 1
        self.up = True
        disk = self.disk
        del disk.records[disk.synced :]
        floor = disk.floor
        low = floor.header.executed.height if floor.header is not None else 0
        earlier = tuple(disk.executed[h] for h in range(low, floor.executed.height) if h in disk.executed)
        self.memory: dict[bytes, tuple[Header, Leaves]] = dict(disk.contents)
        self.queue: list[tuple[Header, bytes, Certificate]] = []
        self.executing = False
        self.final_height = floor.executed.height
        self.engine = self.engine_class(
            self.config, sign_statement(self.index), sign_proposal(self.index), replace(floor, earlier=earlier),
            list(disk.records),
        )  # fmt: skip
        self.give(Started())
        self.tell_work()
        self.later(GOSSIP_MS, self.gossip)
        if self.config.me is not None and self.world.random.random() < 0.5:  # the others may not notice that it is back
            for peer in self.cluster.machines:
                if peer is not self:
                    peer.later(self.world.random.randint(1, 50), partial(peer.give, PeerConnected(self.index)))

    def crash(self) -> None:
        """Stop at once; what was not synced is lost, except a random prefix that reached the disk anyway."""
        self.up = False
        self.life += 1
        disk = self.disk
        disk.synced = self.world.random.randint(disk.synced, len(disk.records))
        del disk.records[disk.synced :]
        self.cluster.judges.seen["crashes"] += 1

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Something of this life: forgotten when the machine stops."""
        life = self.life
        self.world.later(delay_ms, lambda: action() if self.life == life and self.up else None)

    def now(self) -> Now:
        """Our clocks."""
        return Now(self.world.now_ms, WALL_START_MS + self.world.now_ms + self.skew_ms)

    def give(self, input: Input) -> None:
        """One turn: step the engine, perform its effects in order, maybe crash in between."""
        if not self.up:
            return
        if self.world.trace is not None and not isinstance(input, TimePassed):
            self.cluster.say(self.index, f"<- {input}")
        effects = self.engine.step(input, self.now())
        try:
            for effect in effects:
                if self.crash_rate and self.world.random.random() < self.crash_rate:
                    raise Crash
                if self.world.trace is not None:
                    self.cluster.say(self.index, f"-> {effect}")
                self.perform(effect)
        except Crash:
            self.crash()
            self.cluster.restart_later(self)

    # --- effects --------------------------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """What the shell does for each effect."""
        disk = self.disk
        if isinstance(effect, Persist):
            disk.records.append(effect.record)
            if not effect.lazy:
                self.unsynced = True
                if isinstance(effect.record, HeaderRecord):
                    self.keep_contents(effect.record)
            return
        if self.unsynced:
            disk.synced, self.unsynced = len(disk.records), False
        match effect:
            case Broadcast(message):
                self.broadcast(message)
            case Send(validator, message):
                self.send(validator, message)
            case Build():
                self.build(effect)
            case CheckContents():
                self.later(self.world.random.randint(0, 5), lambda: self.check(effect, 0))
            case FetchBlock():
                self.fetch_block(effect)
            case FetchCertificates():
                self.fetch_certificates(effect)
            case Finalised():
                self.finalised(effect)
            case WakeAt(at_ms):
                self.wake_ms = at_ms
                self.later(at_ms - self.world.now_ms, lambda: self.wake(at_ms))
            case Accuse(first, second):
                who = first.validator if isinstance(first, Vote) else first.header.proposer
                assert who == (second.validator if isinstance(second, Vote) else second.header.proposer)
                self.cluster.judges.accused(who)
            case RootMismatch(header, _):
                self.cluster.judges.mismatched(header.proposer)
            case Halt():
                self.halted = effect
                raise Violation(f"node {self.index} halted: {effect}")

    unsynced = False
    wake_ms = 0
    leaves_built: Leaves = ()

    def keep_contents(self, record: HeaderRecord) -> None:
        """Who proposed or voted for a block can serve it after a restart."""
        header = record.header
        block_hash = header.block_hash()
        if record.own or header.transaction_count == 0:
            leaves = self.leaves_built if header.transaction_count else ()
            assert root_of(leaves) == header.transaction_root
            self.memory[block_hash] = (header, leaves)
        self.disk.contents[block_hash] = self.memory[block_hash]

    def wake(self, at_ms: int) -> None:
        """Only the newest alarm counts."""
        if at_ms == self.wake_ms:
            self.give(TimePassed())

    def judge(self, message: PeerMessage) -> None:
        """Everything an honest machine says goes past the judges."""
        judges = self.cluster.judges
        if isinstance(message, Vote):
            if message.validator == self.index:
                judges.vote_sent(message)
        elif isinstance(message, Certificate):
            judges.certificate_sent(message)
        else:
            judges.proposal_sent(self.index, message.header, message.header.block_hash())

    def broadcast(self, message: PeerMessage) -> None:
        """To everybody else."""
        self.judge(message)
        for peer in self.cluster.machines:
            if peer is not self:
                self.world.send(self.index, peer.index, partial(peer.receive, self.index, message))

    def send(self, target: int, message: PeerMessage) -> None:
        """To one."""
        self.judge(message)
        peer = self.cluster.machines[target]
        self.world.send(self.index, target, lambda: peer.receive(self.index, message))

    def receive(self, source: int, message: PeerMessage) -> None:
        """The shell's door: filter, check, hand over."""
        if not self.up:
            return
        if isinstance(message, Vote):
            if self.engine.wants_vote(message) and vote_is_good(message):
                self.give(VoteReceived(message))
        elif isinstance(message, Certificate):
            self.take_certificate(message)
        else:
            self.take_proposal(message)

    def take_certificate(self, certificate: Certificate) -> None:
        """Check and hand over."""
        wanted = self.up and self.engine.wants_certificate(certificate)
        if wanted and certificate_is_good(certificate, self.config.validators.count):
            self.give(CertificateReceived(certificate))

    def take_proposal(self, proposal: Proposal) -> None:
        """Its certificates first, then itself."""
        header = proposal.header
        block_hash = header.block_hash()
        for certificate in (*((proposal.finalisation,) if proposal.finalisation else ()), *proposal.certificates):
            self.take_certificate(certificate)
        if not self.up or not self.engine.wants_proposal(header, block_hash):
            return
        signed = proposal_signing_bytes(header.epoch, header.view, block_hash)
        if proposal_is_good(header.proposer, signed, proposal.signature):
            self.give(ProposalReceived(proposal, block_hash))

    # --- contents -------------------------------------------------------------------------------------------

    def check(self, question: CheckContents, attempt: int) -> None:
        """Transactions arrive sooner or later; then their root is compared."""
        missing = any(leaf not in self.pool and leaf not in self.used for leaf in question.witness_leaves)
        if missing and attempt < 20 and self.world.random.random() < self.world.faults.loss:
            self.later(30, lambda: self.check(question, attempt + 1))
            return
        header = question.header
        valid = root_of(question.witness_leaves) == header.transaction_root
        valid = valid and not any(leaf.startswith(b"bad") for leaf in question.witness_leaves)
        if valid:
            self.memory[question.block_hash] = (header, question.witness_leaves)
        self.give(ContentsChecked(question.block_hash, valid))

    def fetch_block(self, question: FetchBlock) -> None:
        """Ask the first holder; the engine rotates them."""
        known = self.memory.get(question.block_hash)
        if known is not None:
            self.later(0, lambda: self.take_block(question.block_hash, known))
            return
        self.cluster.judges.seen["block fetches"] += 1
        for holder in question.holders[:1]:
            peer = self.cluster.machines[holder]
            self.world.send(self.index, holder, partial(peer.serve_block, self.index, question.block_hash))

    def serve_block(self, asker: int, block_hash: bytes) -> None:
        """Answer a peer."""
        if not self.up:
            return
        known = self.memory.get(block_hash)
        header = self.engine.header(block_hash)
        answer = known if known is not None else (header, ()) if header is not None else None
        if answer is None:
            return
        peer = self.cluster.machines[asker]
        self.world.send(self.index, asker, partial(peer.take_block, block_hash, answer))

    def take_block(self, block_hash: bytes, answer: tuple[Header, Leaves]) -> None:
        """Check an answer against the hash that was asked for."""
        header, leaves = answer
        if self.up and header.block_hash() == block_hash and root_of(leaves) == header.transaction_root:
            self.memory[block_hash] = answer
            self.give(BlockReceived(header, block_hash))

    def fetch_certificates(self, question: FetchCertificates) -> None:
        """Ask the first holder."""
        self.cluster.judges.seen["certificate fetches"] += 1
        for holder in question.holders[:1]:
            peer = self.cluster.machines[holder]
            views = (question.first_view, question.last_view)
            self.world.send(self.index, holder, partial(peer.serve_certificates, self.index, *views))

    def serve_certificates(self, asker: int, first: int, last: int) -> None:
        """Answer a peer."""
        if self.up:
            for certificate in self.engine.certificates(first, last):
                self.send(asker, certificate)

    # --- work and execution ---------------------------------------------------------------------------------

    def submit(self, leaf: bytes) -> None:
        """A transaction becomes known here."""
        if self.up and leaf not in self.used:
            self.pool[leaf] = None
            self.tell_work()

    def gossip(self) -> None:
        """What still waits is passed on again: the others are at rest and may never have heard of it."""
        for leaf in list(self.pool)[:20]:
            for peer in self.cluster.machines:
                if peer is not self:
                    self.world.send(self.index, peer.index, partial(peer.submit, leaf))
        self.later(GOSSIP_MS, self.gossip)

    def tell_work(self) -> None:
        """The pool changed."""
        self.give(WorkPending(bool(self.pool), None))

    def build(self, question: Build) -> None:
        """Everything that waits and is in no ancestor that we know of."""
        taken: dict[bytes, None] = {}
        cursor = question.parent_hash
        while cursor in self.memory:
            header, leaves = self.memory[cursor]
            if header.height <= self.disk.floor.executed.height:
                break
            taken.update(dict.fromkeys(leaves))
            cursor = header.parent_hash
        chosen = tuple(leaf for leaf in self.pool if leaf not in taken)[:5] if question.with_transactions else ()
        built = Built(question.view, question.parent_hash, chosen, len(chosen), root_of(chosen), due_work=False)
        self.leaves_built = chosen
        self.later(0, lambda: self.give(built))

    def finalised(self, effect: Finalised) -> None:
        """Queue for execution."""
        for block_hash, header in zip(effect.block_hashes, effect.headers, strict=True):
            if header.height != self.final_height + 1:
                raise Violation(f"node {self.index} finalised height {header.height} after {self.final_height}")
            self.final_height = header.height
            self.cluster.judges.finalised(self.index, header, block_hash)
            self.queue.append((header, block_hash, effect.certificate))
        if not self.executing:
            self.executing = True
            self.later(self.execution_ms, self.execute_next)

    def execute_next(self) -> None:
        """Execute one height, store it with the new floor in one batch, tell the engine."""
        header, block_hash, certificate = self.queue.pop(0)
        disk = self.disk
        executed = execute(disk.executed[header.height - 1], header, block_hash)
        disk.executed[header.height] = executed
        disk.floor = Floor(header, block_hash, header.view, certificate, executed)
        _, leaves = self.memory.get(block_hash, (header, ()))
        if root_of(leaves) != header.transaction_root:
            raise Violation(f"node {self.index} was given height {header.height} without its contents")
        disk.contents[block_hash] = (header, leaves)
        keep = [record for record in disk.records[: disk.synced] if view_of(record) > header.view]
        disk.records = keep + disk.records[disk.synced :]
        disk.synced = len(keep)
        for leaf in leaves:
            self.used[leaf] = None
            self.pool.pop(leaf, None)
        self.executing = bool(self.queue)
        if self.queue:
            self.later(self.execution_ms, self.execute_next)
        self.give(HeightExecuted(executed))
        self.tell_work()


def view_of(record: DurableRecord) -> int:
    """The view that a record is about."""
    return record.header.view if isinstance(record, HeaderRecord) else record.statement.view
