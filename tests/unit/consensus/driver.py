"""One engine of four, driven by hand: says what the others say, and reads what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from consensus.config import EngineConfig, Floor
from consensus.effects import Broadcast, DurableRecord, Effect, Persist
from consensus.engine import Engine
from consensus.inputs import CertificateReceived, Input, Now, ProposalReceived, Started, VoteReceived
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header
from tallystick.encoding import ZERO32
from tallystick.merkle import EMPTY_ROOT
from tallystick.proposals import Proposal, proposal_signing_bytes
from tallystick.votes import Certificate, Statement, Vote, VoteKind, certificate_of
from tests.unit.consensus.signer import CHAIN_ID, sign_proposal, sign_statement, validators

T = TypeVar("T")
WALL_MS = 1_800_000_000_000
GENESIS = Executed(0, WALL_MS - 1_000, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
MEMBERS = validators(4)
GENESIS_FLOOR = Floor(None, CHAIN_ID, 0, None, GENESIS)


def roots(height: int, time_ms: int = WALL_MS) -> Executed:
    """Our own tuple of a height, made up."""
    return Executed(height, time_ms, bytes([height]) * 32, b"\x05" * 32, b"\x06" * 32)


def vote(kind: VoteKind, view: int, block_hash: bytes = ZERO32, *, by: int) -> Vote:
    """A genuine vote."""
    statement = Statement(0, kind, view, block_hash)
    return Vote(statement, by, sign_statement(by)(statement))


def certificate(kind: VoteKind, view: int, block_hash: bytes = ZERO32, by: Sequence[int] = (0, 1, 2)) -> Certificate:
    """A genuine quorum."""
    statement = Statement(0, kind, view, block_hash)
    return certificate_of(statement, {i: sign_statement(i)(statement) for i in by})


def child(parent: Header | None, view: int, **changes: object) -> Header:
    """The empty block that stands on this parent, on time; then changed."""
    header = Header(
        protocol_version=PROTOCOL_VERSION,
        chain_id=CHAIN_ID,
        epoch=0,
        height=parent.height + 1 if parent else 1,
        view=view,
        parent_hash=parent.block_hash() if parent else CHAIN_ID,
        parent_view=parent.view if parent else 0,
        proposer=view % 4,
        time_ms=parent.time_ms + 1 if parent else WALL_MS - 500,
        transaction_count=0,
        transaction_root=EMPTY_ROOT,
        due_work=False,
        validators_hash=MEMBERS.digest(),
        next_validators_hash=MEMBERS.digest(),
        executed=parent.executed if parent else GENESIS,
    )
    return msgspec.structs.replace(header, **changes)


class Driver:
    """The engine of validator ``me`` and its clock."""

    def __init__(
        self,
        me: int = 3,
        floor: Floor = GENESIS_FLOOR,
        records: Sequence[DurableRecord] = (),
        **settings: int,
    ) -> None:
        config = EngineConfig(CHAIN_ID, MEMBERS, me, **settings)
        self.engine = Engine(config, sign_statement(me), sign_proposal(me), floor, records)
        self.me, self.now_ms, self.wall_ms = me, 10_000, WALL_MS
        self.records: list[DurableRecord] = list(records)
        self.effects: list[Effect] = []
        self.give(Started())

    def give(self, input: Input) -> list[Effect]:
        """One turn."""
        self.effects = self.engine.step(input, Now(self.now_ms, self.wall_ms))
        self.records += [effect.record for effect in self.effects if isinstance(effect, Persist)]
        return self.effects

    def wait(self, ms: int) -> None:
        """Let both clocks run; the next input sees it."""
        self.now_ms += ms
        self.wall_ms += ms

    def hear(self, kind: VoteKind, view: int, block_hash: bytes = ZERO32, *, by: int) -> list[Effect]:
        """Another validator's vote."""
        return self.give(VoteReceived(vote(kind, view, block_hash, by=by)))

    def hear_quorum(self, kind: VoteKind, view: int, block_hash: bytes = ZERO32) -> list[Effect]:
        """A certificate of the others."""
        others = [index for index in range(4) if index != self.me]
        return self.give(CertificateReceived(certificate(kind, view, block_hash, by=others)))

    def propose(
        self, header: Header, finalisation: Certificate | None = None, leaves: tuple[bytes, ...] = ()
    ) -> list[Effect]:
        """The leader's proposal."""
        signed = proposal_signing_bytes(0, header.view, header.block_hash())
        proposal = Proposal(header, leaves, finalisation, (), sign_proposal(header.proposer)(signed))
        return self.give(ProposalReceived(proposal, header.block_hash()))

    def said(self) -> list[tuple[VoteKind, int]]:
        """Our own votes of the last turn."""
        messages = [effect.message for effect in self.effects if isinstance(effect, Broadcast)]
        return [(m.statement.kind, m.statement.view) for m in messages if isinstance(m, Vote)]

    def effects_of(self, kind: type[T]) -> list[T]:
        """The last turn's effects of one kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def finalise(self, header: Header) -> list[Effect]:
        """Propose, notarise and finalise a block by the others' votes."""
        self.propose(header)
        self.hear_quorum(VoteKind.NOTARIZE, header.view, header.block_hash())
        return self.hear_quorum(VoteKind.FINALIZE, header.view, header.block_hash())
