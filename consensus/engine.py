"""The machine: one input in, ordered effects out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from consensus import finality, inputs, leader, recovery, timeouts, voter
from consensus.config import EngineConfig, Floor
from consensus.core import Core
from consensus.effects import Accuse, DurableRecord, Effect, Halt, WakeAt
from consensus.inputs import CertificateReceived, HeightExecuted, Input, Now, ProposalReceived, Started, VoteReceived
from consensus.status import EngineStatus, describe
from consensus.views import KINDS, contradiction
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.votes import Certificate, Statement, Vote, VoteKind, vote_in

SAID = (VoteReceived, CertificateReceived, inputs.PeerHead)  # by peers
SETTLE_MAX = 64  # rounds of rules in one turn; a lone validator could otherwise pass views for ever in one moment
ANSWER_CERTIFICATES_MAX = 64  # of one answer to a peer; it asks again for the rest


class Engine:
    """One validator's, or observer's, Simplex. Docs: docs/spec/consensus.md."""

    def __init__(
        self,
        config: EngineConfig,
        sign: Callable[[Statement], bytes],
        sign_proposal: Callable[[bytes], bytes],
        floor: Floor,
        records: Sequence[DurableRecord],
    ) -> None:
        """Rebuild from disk.

        Args:
            sign: our signature over a statement; a pure function (Ed25519 is deterministic).
            sign_proposal: our signature over ``proposal_signing_bytes``.
            floor: the newest block finalised, executed and stored.
            records: everything ever persisted above the floor's view, in order.
        """
        self._core = Core(config, sign, sign_proposal, floor)
        self._started = False
        self._settled = True
        recovery.replay(self._core, records)

    def step(self, input: Input, now: Now) -> list[Effect]:
        """Take one input, return what the shell must now do, in order. After ``Halt`` nothing is returned any more."""
        core = self._core
        if (core.halted is not None or core.ended) and self._started:
            return []
        assert self._started != isinstance(input, Started), "Started comes first and once"
        self._started = True
        core.now = now
        seen = core.changes
        self._take(input)
        # Unless something changed, no rule can fire for what a peer said.
        if core.changes != seen or not self._settled or not isinstance(input, SAID):
            self._settle()
        effects = core.take_effects()
        # Nothing that this turn wanted to say is said: a contradiction may have been behind it.
        halted: Halt | None = core.halted
        return effects if halted is None else [halted]

    def _take(self, input: Input) -> None:
        match input:  # the most frequent first
            case VoteReceived():
                self._take_vote(input.vote)
            case CertificateReceived():
                self._take_certificate(input.certificate)
            case inputs.TimePassed():
                self._core.wake_ms = None  # asked for again if it came early
            case HeightExecuted():
                self._take_executed(input)
            case inputs.WorkPending():
                self._core.work = input
            case inputs.PeerHead():
                self._take_head(input)
            case ProposalReceived():
                self._take_proposal(input)
            case inputs.ContentsChecked():
                self._take_contents(input)
            case inputs.Built():
                leader.complete(self._core, input)
            case inputs.BlockReceived():
                self._take_block(input.header, input.block_hash)
            case inputs.PeerConnected():
                timeouts.greet(self._core, input.validator)
            case Started():
                finality.advance(self._core)
                recovery.start(self._core)
            case _:
                assert_never(input)

    def _settle(self) -> None:
        """Let every rule fire until none does; then ask for what is missing and set the alarm."""
        core = self._core
        self._settled = False
        for _ in range(SETTLE_MAX):
            seen = core.changes
            core.needs = []
            if core.views.pinned.block_hash != core.chain.final.block_hash:
                finality.deliver(core)
                if core.ended:
                    return
            if core.views.open:
                voter.finalize(core)
            finality.advance(core)
            if core.config.me is not None:
                held = core.views.at(core.view)
                if core.leader == core.config.me:
                    leader.propose(core, held)
                voter.notarize(core, held)
                timeouts.expire(core, held)
            self._settled = core.changes == seen or core.halted is not None
            if self._settled:
                break
        if core.heads:
            timeouts.follow_heads(core)
        for effect in core.fetches.update(core.needs, core.now.monotonic_ms):
            core.emit(effect)
        self._set_alarm()

    def _set_alarm(self) -> None:
        core, timers, now_ms = self._core, self._core.timers, self._core.now.monotonic_ms
        wake_ms = timers.resend_ms or timers.deadline_ms
        for time_ms in (timers.propose_ms, timers.clock_ms, core.fetches.next_due_ms()):
            if time_ms is not None and (wake_ms is None or time_ms < wake_ms):
                wake_ms = time_ms
        due_ms = core.work.due_ms
        if due_ms is not None and due_ms > core.now.wall_ms:
            due_ms = now_ms + due_ms - core.now.wall_ms
            wake_ms = due_ms if wake_ms is None else min(due_ms, wake_ms)
        if not self._settled:
            wake_ms = now_ms
        if wake_ms is None:
            return
        wake_ms = max(wake_ms, now_ms + 1)
        if wake_ms != core.wake_ms:
            core.wake_ms = wake_ms
            core.emit(WakeAt(wake_ms))

    # --- inputs ---------------------------------------------------------------------------------------------

    def _take_vote(self, vote: Vote) -> None:
        core, view = self._core, vote.statement.view
        if not self.wants_vote(vote):
            return
        core.missed.pop(vote.validator, None)
        if vote.statement.kind is VoteKind.NULLIFY:
            core.changes += 1
            if view <= core.view:
                timeouts.help_on(core, vote)
        if view > core.views.pinned.view:
            core.count(vote)

    def _take_certificate(self, certificate: Certificate) -> None:
        core, statement = self._core, certificate.statement
        if not self.wants_certificate(certificate):
            return
        if core.views.holds(statement.view, statement.kind) is not None:
            reason = f"two quorums contradict each other in view {statement.view}"
            core.halt(Halt(reason, core.chain.final.height, None, None))
            return
        held = core.views.at(statement.view)
        for signer, signature in zip(certificate.signer_indices(), certificate.signatures, strict=True):
            known = held.votes[statement.kind].get(signer)
            if known is not None and known.statement == statement:
                continue
            vote = Vote(statement, signer, signature)
            core.compare(held, vote)  # who signed something else as well is convicted by what a certificate brought
            held.votes[statement.kind].setdefault(signer, vote)
        core.install(certificate)

    def _take_proposal(self, received: ProposalReceived) -> None:
        core, header = self._core, received.proposal.header
        if not self.wants_proposal(header, received.block_hash):
            return
        core.missed.pop(header.proposer, None)
        held = core.views.at(header.view)
        if held.proposal is not None:  # the first stays; two are evidence
            if held.accuse_once(header.proposer, 0):
                core.emit(Accuse(held.proposal, received.proposal))
            return
        held.proposal, held.proposal_hash = received.proposal, received.block_hash
        block = core.chain.add(header, received.block_hash, at_hand=False)
        core.changes += 1
        if core.views.certified_hash(header.view) == received.block_hash:
            core.note_certified(block)

    def _take_contents(self, checked: inputs.ContentsChecked) -> None:
        core = self._core
        block = core.chain.get(checked.block_hash)
        if block is None or block.header is None or block.at_hand:
            return
        core.changes += 1
        if checked.valid:
            core.chain.add(block.header, block.block_hash, at_hand=True)
            return
        held = core.views.rounds.get(block.view)
        if held is not None and held.proposal_hash == block.block_hash:
            held.fault = "its contents are invalid"

    def _take_block(self, header: Header | ClosingHeader, block_hash: bytes) -> None:
        core = self._core
        if not core.fetches.answered(block_hash):
            return
        core.changes += 1
        core.note_certified(core.chain.add(header, block_hash, at_hand=True))

    def _take_head(self, head: inputs.PeerHead) -> None:
        if head.view > self._core.view:
            self._core.heads[head.validator] = head.view
            self._core.changes += 1
        else:
            self._core.heads.pop(head.validator, None)

    def _take_executed(self, done: HeightExecuted) -> None:
        core, executed = self._core, done.executed
        core.changes += 1
        theirs = core.chain.note_executed(executed, done.switch)
        if theirs is not None:
            core.halt(Halt("our own roots contradict a certified header", executed.height, theirs, executed))

    # --- what the shell asks --------------------------------------------------------------------------------

    def wants_vote(self, vote: Vote) -> bool:
        """Whether this vote's signature is worth checking: new, in the window, or evidence, or a call for help."""
        return self.votes_lacking(vote) is not None

    def votes_lacking(self, vote: Vote) -> int | None:
        """How many votes like this one make a certificate with those here; until so many wait, none need be checked.

        0: this one is wanted for itself, at once: a nullify, evidence, a word of one that was missed. None: not at all.
        """
        core, statement, who = self._core, vote.statement, vote.validator
        view, kind, pinned_view = statement.view, statement.kind, core.views.pinned.view
        nullify = kind is VoteKind.NULLIFY
        if view <= pinned_view and not nullify:
            return None
        if core.ended or statement.epoch != core.config.epoch or who >= core.seats or who == core.config.me:
            return None
        if view > core.view + core.config.view_window or view < 1:
            return None
        calls = nullify and view <= core.view and timeouts.help_due(core, who)
        if calls or view <= pinned_view or who in core.missed:
            return 0 if calls or view > pinned_view else None
        held = core.views.rounds.get(view)
        if held is None:
            return 0 if nullify else core.quorum
        first = held.contradicted_by(vote)
        if first is not None:
            return None if held.accused >> (who * 4 + contradiction(first, vote)) & 1 else 0
        if kind in held.certificates or who in held.votes[kind]:
            return None
        alike = [1 for one in held.votes[kind].values() if one.statement == statement]
        return 0 if nullify else core.quorum - len(alike)

    @property
    def changes(self) -> int:
        """Grows with whatever may alter what ``votes_lacking`` answers, but for votes that were handed over."""
        return self._core.changes

    def wants_certificate(self, certificate: Certificate) -> bool:
        """Whether this certificate is worth checking: above the newest finalisation and not here yet.

        One that contradicts what is here is wanted too: if it verifies, more than f validators are faulty.
        """
        core, statement = self._core, certificate.statement
        if core.ended or statement.epoch != core.config.epoch or statement.view <= core.views.pinned.view:
            return False
        held = core.views.holds(statement.view, statement.kind)
        return held is None or held.statement != statement

    def wants_proposal(self, header: Header | ClosingHeader, block_hash: bytes) -> bool:
        """Whether this proposal's signature is worth checking: of its view's leader, in the window, not here yet."""
        core, view = self._core, header.view
        if core.ended or header.epoch != core.config.epoch or header.proposer != core.config.validators.leader_of(view):
            return False
        known = core.views.pinned.view < view <= core.view + core.config.view_window
        if not known or header.proposer == core.config.me:
            return False
        held = core.views.rounds.get(view)
        if held is None or held.proposal is None:
            return True
        return held.proposal_hash != block_hash and not held.accused >> (header.proposer * 4) & 1

    def status(self) -> EngineStatus:
        """What a person asks: where are we, and what is being waited for."""
        return describe(self._core)

    def certificates(self, first_view: int, last_view: int) -> tuple[Certificate, ...]:
        """Answer to a peer's fetch: what we hold of these views, after the newest finalisation if they reach below it.

        Truncated to a bounded number, lowest views first.
        """
        views = self._core.views
        first, pinned = max(first_view, views.pinned.view + 1), views.pinned.certificate
        found = [pinned] if pinned is not None and first_view < first else []
        for view in range(first, min(last_view + 1, first + ANSWER_CERTIFICATES_MAX)):
            held = views.rounds[view].certificates if view in views.rounds else {}
            found.extend(held[kind] for kind in KINDS if kind in held)
        return tuple(found[:ANSWER_CERTIFICATES_MAX])

    def header(self, block_hash: bytes) -> Header | ClosingHeader | None:
        """A header above the executed floor, or a closing one, if its block is at hand."""
        block = self._core.chain.get(block_hash)
        return block.header if block is not None and block.at_hand else None

    def newest_vote(self, validator: int) -> Vote | None:
        """The newest vote of a validator that is held here, by itself or in a certificate."""
        views = self._core.views
        for view in sorted(views.rounds, reverse=True):
            held = views.rounds[view]
            for kind in reversed(KINDS):
                vote = held.votes[kind].get(validator)
                if vote is None and kind in held.certificates:
                    vote = vote_in(held.certificates[kind], validator)
                if vote is not None:
                    return vote
        return None if views.pinned.certificate is None else vote_in(views.pinned.certificate, validator)
