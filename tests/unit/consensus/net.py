"""A few engines on one virtual clock, joined by wires that delay or are cut: for tests of whole networks by hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

from consensus.config import EngineConfig, Floor, Switch
from consensus.effects import (
    Broadcast,
    Build,
    CheckContents,
    DurableRecord,
    Effect,
    EpochEnded,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    PeerMessage,
    Persist,
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
    PeerHead,
    ProposalReceived,
    Started,
    TimePassed,
    VoteReceived,
    WorkPending,
)
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader
from tallystick.merkle import EMPTY_ROOT, root_of
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, Vote
from tests.unit.consensus.signer import CHAIN_ID, sign_proposal, sign_statement, validators

WALL_MS = 1_800_000_000_000
GENESIS = Executed(0, WALL_MS - 60_000, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


@dataclass
class Net:
    """``count`` validators.

    Attributes:
        plan: what the state of each height plans: height to switch.
        cut: nodes that hear and are heard by nobody.
        drop: says which messages (from, to, message) are lost.
    """

    count: int
    delay_ms: int = 1
    execution_ms: int = 1
    settings: dict[str, int] = field(default_factory=dict)
    plan: dict[int, Switch] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    drop: Callable[[int, int, PeerMessage], bool] = lambda source, target, message: False

    def __post_init__(self) -> None:
        self.now_ms = 1_000
        self.events = 0
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.members = validators(self.count)
        self.headers: dict[bytes, Header | ClosingHeader] = {}  # every block that anybody wrote down
        self.leaves: dict[bytes, tuple[bytes, ...]] = {EMPTY_ROOT: ()}  # by transaction root
        self.sent: list[tuple[int, int, PeerMessage]] = []  # time, from, message
        self.nodes = [Node(self, index) for index in range(self.count)]
        for node in self.nodes:
            node.begin(EngineConfig(CHAIN_ID, self.members, node.index, **self.settings))

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do something after a delay."""
        self.events += 1
        heapq.heappush(self.queue, (self.now_ms + delay_ms, self.events, action))

    def run(self, duration_ms: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; True as soon as ``done`` holds."""
        end_ms = self.now_ms + duration_ms
        while self.queue and self.queue[0][0] <= end_ms:
            self.now_ms, _, action = heapq.heappop(self.queue)
            action()
            if done():
                return True
        self.now_ms = end_ms
        return done()

    def tell_heads(self) -> None:
        """Everybody says in which view it is, as shells do once a second."""
        for node in self.live():
            for other in self.live():
                if other is not node:
                    other.give(PeerHead(node.index, node.engine.status().view))

    def submit(self, count: int = 1) -> None:
        """Transactions that everybody hears of at once."""
        for number in range(count):
            leaf = sha256(f"{self.events} {number}".encode()).digest()
            for node in self.nodes:
                node.pool[leaf] = None
        for node in self.nodes:
            self.later(0, node.tell_work)

    def busy(self, duration_ms: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Work arrives every 20 ms; like ``run``."""
        for _ in range(duration_ms // 20):
            self.submit()
            if self.run(20, done):
                return True
        return done()

    def live(self) -> list[Node]:
        """The nodes that are not cut off."""
        return [node for node in self.nodes if node.index not in self.cut]

    def lowest(self) -> int:
        """Newest height that is final everywhere."""
        return min(node.final_height for node in self.live())

    def deliver(self, source: int, target: int, message: PeerMessage) -> None:
        """Put a message on a wire."""
        if source not in self.cut and target not in self.cut and not self.drop(source, target, message):
            self.later(self.delay_ms, partial(self.arrive, source, target, message))

    def arrive(self, source: int, target: int, message: PeerMessage) -> None:
        if target not in self.cut:
            self.nodes[target].receive(message)


class Node:
    """One validator of a net."""

    def __init__(self, net: Net, index: int) -> None:
        self.net, self.index = net, index
        self.wall_skew_ms = 0
        self.pool: dict[bytes, None] = {}
        self.used: list[bytes] = []
        self.chain: list[Header] = []  # what was handed over as final
        self.final_height = 0
        self.executed: dict[int, Executed] = {0: GENESIS}
        self.due_ms: int | None = None  # block time from which due work waits
        self.ended: EpochEnded | None = None
        self.effects: list[Effect] = []
        self.records: list[DurableRecord] = []
        self.inbox: list[Input] = []
        self.engine: Engine
        self.wake_ms = 0

    def begin(self, config: EngineConfig, floor: Floor | None = None, records: Sequence[DurableRecord] = ()) -> None:
        """An engine, of the first epoch or of a later one."""
        self.config = config
        me = config.me
        assert me is not None
        floor = floor or Floor(None, CHAIN_ID, 0, None, GENESIS, switch=self.net.plan.get(0))
        self.engine = Engine(config, sign_statement(me), sign_proposal(me), floor, records)
        self.ended = None
        self.net.later(0, lambda: self.give(Started()))

    def restart(self) -> None:
        """Come up again from what was executed and written down."""
        tip = self.chain[-1]
        proof = self.engine.certificates(1, 0)[0]
        earlier = tuple(self.executed[height] for height in range(tip.executed.height, tip.height))
        floor = Floor(tip, tip.block_hash(), tip.view, proof, self.executed[tip.height], earlier)
        self.begin(self.config, floor, self.records)

    def next_epoch(self, members: ValidatorSet, me: int) -> None:
        """Go on with the next epoch's engine, as a shell does once the boundary block is executed."""
        assert self.ended is not None
        boundary = self.ended.boundary
        low = boundary.executed.height
        earlier = tuple(self.executed[height] for height in range(low, boundary.height))
        floor = Floor(boundary, boundary.block_hash(), 0, None, self.executed[boundary.height], earlier)
        self.begin(replace(self.config, epoch=self.config.epoch + 1, validators=members, me=me), floor)

    def now(self) -> Now:
        """Our clocks."""
        return Now(self.net.now_ms, WALL_MS + self.net.now_ms + self.wall_skew_ms)

    def give(self, input: Input) -> None:
        """One turn; what effects cause here at once waits until all of them are performed."""
        self.inbox.append(input)
        if len(self.inbox) > 1:
            return
        while self.inbox:
            for effect in self.engine.step(self.inbox[0], self.now()):
                self.perform(effect)
            self.inbox.pop(0)

    def perform(self, effect: Effect) -> None:
        net = self.net
        match effect:
            case Broadcast(message):
                net.sent.append((net.now_ms, self.index, message))
                for other in net.nodes:
                    if other is not self:
                        net.deliver(self.index, other.index, message)
            case Send(validator, message):
                net.sent.append((net.now_ms, self.index, message))
                net.deliver(self.index, validator, message)
            case Persist(record):
                self.records.append(record)
                if hasattr(record, "header"):
                    net.headers[record.header.block_hash()] = record.header
            case Build():
                self.build(effect)
            case CheckContents(header, block_hash):
                leaves = effect.witness_leaves
                net.later(1, lambda: self.give(ContentsChecked(block_hash, root_of(leaves) == header.transaction_root)))
            case FetchBlock(block_hash):
                net.later(2 * net.delay_ms, partial(self.fetch, block_hash))
            case FetchCertificates(first, last, holders):
                for holder in holders[:1]:
                    net.later(net.delay_ms, partial(self.ask, holder, first, last))
            case Finalised():
                self.finalised(effect)
            case EpochEnded():
                self.ended = effect
            case WakeAt(at_ms):
                self.wake_ms = at_ms
                net.later(max(0, at_ms - net.now_ms), partial(self.wake, at_ms))
            case Halt():
                raise AssertionError(effect)
            case _:
                self.effects.append(effect)

    def wake(self, at_ms: int) -> None:
        if at_ms == self.wake_ms:
            self.give(TimePassed())

    def receive(self, message: PeerMessage) -> None:
        """The door of a shell; signatures of a net are genuine."""
        engine = self.engine
        if isinstance(message, Vote):
            if engine.wants_vote(message):
                self.give(VoteReceived(message))
        elif isinstance(message, Certificate):
            if engine.wants_certificate(message):
                self.give(CertificateReceived(message))
        else:
            self.take(message)

    def take(self, proposal: Proposal | ClosingProposal) -> None:
        block_hash = proposal.header.block_hash()
        if isinstance(proposal, Proposal) and proposal.finalisation is not None:
            self.receive(proposal.finalisation)
        for certificate in proposal.certificates:
            self.receive(certificate)
        if self.engine.wants_proposal(proposal.header, block_hash):
            self.give(ProposalReceived(proposal, block_hash))

    def build(self, question: Build) -> None:
        again = question.again
        if again is not None:
            leaves, root = self.net.leaves[again.transaction_root], again.transaction_root
            self.give(Built(question.view, question.parent_hash, leaves, len(leaves), root, again.due_work))
            return
        taken: set[bytes] = set()
        parent = question.parent
        while parent is not None and parent.height > max(self.executed):
            taken.update(self.net.leaves[parent.transaction_root])
            parent = self.net.headers.get(parent.parent_hash)
        chosen = tuple(leaf for leaf in self.pool if leaf not in taken)[:5]
        due = self.due_ms is not None and self.due_ms <= question.time_ms
        root = root_of(chosen)
        self.net.leaves[root] = chosen
        self.give(Built(question.view, question.parent_hash, chosen, len(chosen), root, due))

    def fetch(self, block_hash: bytes) -> None:
        header = self.net.headers.get(block_hash)
        if header is not None and self.index not in self.net.cut:
            self.give(BlockReceived(header, block_hash))

    def ask(self, holder: int, first: int, last: int) -> None:
        for certificate in self.net.nodes[holder].engine.certificates(first, last):
            self.net.deliver(holder, self.index, certificate)

    def finalised(self, effect: Finalised) -> None:
        for header in effect.headers:
            assert header.height == self.final_height + 1
            self.final_height = header.height
            self.chain.append(header)
            self.net.later(self.net.execution_ms * (header.height - max(self.executed)), partial(self.execute, header))

    def execute(self, header: Header) -> None:
        before = self.executed[header.height - 1]
        state = sha256(before.state_root + header.block_hash()).digest()
        executed = Executed(header.height, header.time_ms, state, state, state)
        self.executed[header.height] = executed
        if header.due_work:
            self.due_ms = None
        for leaf in self.net.leaves[header.transaction_root]:
            self.used.append(leaf)
            self.pool.pop(leaf, None)
        self.give(HeightExecuted(executed, self.net.plan.get(header.height)))
        self.tell_work()

    def tell_work(self) -> None:
        """What waits here."""
        self.give(WorkPending(bool(self.pool), self.due_ms))
