"""The state that the rules share, and the few ways to change it: cast a vote, count one, install a certificate."""

from __future__ import annotations

from collections.abc import Callable

from consensus.chain import Block, Chain
from consensus.config import EngineConfig, Floor
from consensus.effects import Accuse, Broadcast, Build, DurableRecord, Effect, Halt, Persist
from consensus.fetches import Fetches, Need
from consensus.inputs import Now, WorkPending
from consensus.pacing import Timers, timeout_ms
from consensus.status import Waiting
from consensus.views import Pinned, Round, Views, contradiction
from tallystick.encoding import ZERO32
from tallystick.epochs import ClosingHeader
from tallystick.votes import Certificate, Statement, Vote, VoteKind

MISSED_MAX = 2  # turns that a leader may let pass before the next one is not waited for


class Core:
    """One engine's state. The rules live beside it: leader, voter, finality, timeouts, recovery."""

    def __init__(
        self,
        config: EngineConfig,
        sign: Callable[[Statement], bytes],
        sign_proposal: Callable[[bytes], bytes],
        floor: Floor,
    ) -> None:
        self.config = config
        self.sign_proposal = sign_proposal
        self._sign = sign
        self.validators_hash = config.validators.digest()
        self.seats, self.quorum = config.validators.count, config.validators.quorum
        self.chain = Chain(floor)
        self.views = Views(Pinned(floor.view, floor.block_hash, floor.certificate))
        self.fetches = Fetches(config.fetch_retry_ms, config.me)
        self.timers = Timers()
        self.now = Now(0, 0)
        self.view = self.leader = 0  # entered with the first turn
        self.reached = floor.view + 1  # highest view that a certificate, or our own record, lets us be in
        self.work = WorkPending(transactions=False, due_ms=None)
        self.heads: dict[int, int] = {}  # validator: the view that it says it is in, where that is above ours
        self.woken_view = 0  # a peer's nullify says that it waits for something in this view
        self.building: Build | None = None
        self.building_on = floor.executed  # the tuple of the block being built, if no newer one may be named
        self.helped_ms: dict[int, int] = {}  # validator: when it last got certificates in answer to a nullify
        self.missed: dict[int, int] = {}  # validator: turns in a row that it let pass; nothing came from it since
        self.mismatched_view = 0
        self.wake_ms: int | None = None
        self.resend_cursor = 0
        self.needs: list[Need] = []
        self.waiting: tuple[Waiting, str] = (Waiting.START, "")
        self.halted: Halt | None = None
        self.ended = False  # the boundary block is final here
        self.changes = 0  # grows with each change that may let another rule fire
        self._persists: list[Effect] = []
        self._others: list[Effect] = []
        self._tip: Block | None = None
        self._tip_key = -1

    # --- effects --------------------------------------------------------------------------------------------

    def persist(self, record: DurableRecord, *, lazy: bool = False) -> None:
        """Make a record durable before anything of this turn leaves."""
        self._persists.append(Persist(record, lazy))

    def emit(self, effect: Effect) -> None:
        """Add an effect after all records of this turn."""
        self._others.append(effect)

    def take_effects(self) -> list[Effect]:
        """The turn's effects: records first, so that one sync covers them (durable before sent)."""
        effects = self._persists + self._others
        self._persists, self._others = [], []
        return effects

    def halt(self, halt: Halt) -> None:
        """Stop for good: nothing else of this turn leaves, and nothing after it."""
        if self.halted is None:
            self.halted = halt

    # --- votes and certificates -----------------------------------------------------------------------------

    def cast(self, kind: VoteKind, view: int, block_hash: bytes = ZERO32) -> None:
        """Sign, keep, send and count our own vote. The caller has checked the rule that allows it."""
        assert self.config.me is not None
        held = self.views.at(view)
        assert kind not in held.own, "a second vote of one kind in one view"
        statement = Statement(self.config.epoch, kind, view, block_hash)
        vote = Vote(statement, self.config.me, self._sign(statement))
        held.own[kind] = vote
        self.persist(vote)
        self.emit(Broadcast(vote))
        self.changes += 1
        self.count(vote)

    def count(self, vote: Vote) -> None:
        """Tally a checked vote (rule C)."""
        held = self.views.at(vote.statement.view)
        self.compare(held, vote)
        certificate = held.count(vote, self.quorum)
        if certificate is not None:
            self.install(certificate)

    def compare(self, held: Round, vote: Vote) -> None:
        """Two votes that exclude each other are evidence, given once per validator, view and kind of contradiction."""
        first = held.contradicted_by(vote)
        if first is not None and held.accuse_once(vote.validator, contradiction(first, vote)):
            self.emit(Accuse(first, vote))

    def install(self, certificate: Certificate) -> None:
        """Keep, store and relay a certificate once (rules A, C)."""
        statement = certificate.statement
        if statement.view <= self.views.pinned.view:
            return
        if self.views.holds(statement.view, statement.kind) is not None:
            return
        self.views.install(certificate)
        self.persist(certificate, lazy=True)
        self.emit(Broadcast(certificate))
        self.changes += 1
        self.reached = max(self.reached, statement.view + 1)
        if statement.kind is VoteKind.NULLIFY:
            return
        self.note_block(statement.view)
        block = self.chain.get(statement.block_hash)
        if block is not None:
            self.note_certified(block)

    def note_block(self, view: int) -> None:
        """Blocks are spaced from the newest one accepted."""
        if view > self.timers.block_view:
            self.timers.block_view = view
            self.timers.block_ms = self.now.monotonic_ms

    def note_certified(self, block: Block) -> None:
        """A quorum vouches for this header's roots: if ours differ, one of us is broken. A closing header has none."""
        if isinstance(block.header, ClosingHeader):
            return
        ours = self.chain.contradiction(block.executed)
        if ours is not None:
            self.halt(Halt("a certified header contradicts our own roots", ours.height, block.executed, ours))

    # --- what the rules ask ---------------------------------------------------------------------------------

    def tip(self) -> Block | None:
        """The block on which a proposal of the current view stands (rule L); None while that is unknown."""
        key = self.view + self.views.certificate_count + self.chain.changes  # none of them ever goes back
        if self._tip_key != key:
            parent = self.views.parent_for(self.view)
            self._tip_key, self._tip = key, self.chain.get(parent[1]) if parent is not None else None
        return self._tip

    def final_height(self) -> int:
        """Newest height known to be final: the finalised tip's, if its header is here, else of what we handed over."""
        pinned = self.chain.get(self.views.pinned.block_hash)
        return max(pinned.height if pinned is not None else 0, self.chain.final.height)

    def pending(self) -> bool:
        """Whether something waits to be put into a block, here, at a peer, or the end of the epoch."""
        due_ms, tip = self.work.due_ms, self.tip()
        due = due_ms is not None and due_ms <= max(self.now.wall_ms, tip.time_ms + 1 if tip is not None else 0)
        ending = self.chain.next_validators(self.chain.executed.height) is not None
        return self.work.transactions or due or ending or self.woken_view == self.view

    def at_rest(self) -> bool:
        """Everything that happened, genesis too, is final and certified, and nothing is pending."""
        tip = self.tip()
        if tip is None or tip.header is None or tip.block_hash != self.chain.final.block_hash or self.pending():
            return False
        busy = self.chain.busy_height(tip) if tip.busy is None else tip.busy
        return busy <= tip.executed.height

    def skips(self, leader: int) -> bool:
        """Rule X: it missed its last two turns, nothing came from it since, and a quorum without such is active."""
        if self.missed.get(leader, 0) < MISSED_MAX:
            return False
        silent = sum(1 for turns in self.missed.values() if turns >= MISSED_MAX)
        return self.seats - silent >= self.quorum

    def timeout_ms(self) -> int:
        """Time-out of the current view."""
        return timeout_ms(self.config, self.view, self.views.pinned.view)
