"""What an engine says about itself: for ``tallystick-node status``, metrics and logs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tallystick.votes import VoteKind

if TYPE_CHECKING:
    from consensus.core import Core


class Waiting(Enum):
    """What the engine is waiting for, in words for a person."""

    START = "not started"
    PROPOSAL = "the leader's proposal"
    OWN_PROPOSAL = "our own turn to propose (spacing, or our own execution)"
    BUILD = "the contents of our own block"
    CERTIFICATES = "certificates that justify the proposal's parent"
    PARENT = "the parent's block"
    FINALITY = "the finality of the block whose roots the proposal names"
    EXECUTION = "our own execution, to compare the roots that the proposal names"
    CLOCK = "our clock, which is behind the proposal's time"
    CONTENTS = "the proposal's transactions"
    VOTES = "votes of others"
    REST = "work: everything that happened is certified"
    EPOCH = "the engine of the next epoch: this one has ended"
    HALTED = "an operator: a quorum contradicts this node"


@dataclass(frozen=True, slots=True)
class VotesSeen:
    """Votes of the current view, by kind.

    Attributes:
        seen: how many validators' votes are here.
        missing: indices of the validators whose vote is not, ascending.
    """

    kind: str
    seen: int
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One moment of an engine.

    Attributes:
        final_height: newest block handed over as final.
        notarised_height: tip on which the next block would stand, or None while its header is not here.
        executed_height: newest height that our node executed.
        behind: a finalisation is here whose blocks are still being fetched.
        detail: one sentence with numbers, for a person.
    """

    view: int
    leader: int
    quorum: int
    final_height: int
    final_view: int
    notarised_height: int | None
    notarised_view: int
    executed_height: int
    behind: bool
    votes: tuple[VotesSeen, ...]
    waiting: Waiting
    detail: str


def describe(core: Core) -> EngineStatus:
    """The engine's state in a person's terms."""
    config, chain = core.config, core.chain
    held = core.views.rounds.get(core.view)
    votes = []
    for kind in VoteKind:
        seen = held.votes[kind] if held is not None else {}
        missing = tuple(index for index in range(config.validators.count) if index not in seen)
        votes.append(VotesSeen(kind.name.lower(), len(seen), missing))
    tip = core.tip()
    waiting, detail = core.waiting if core.halted is None else (Waiting.HALTED, core.halted.reason)
    if waiting is Waiting.PROPOSAL:
        waiting, detail = _why_no_proposal(core)
    return EngineStatus(
        view=core.view,
        leader=core.leader,
        quorum=config.validators.quorum,
        final_height=chain.final.height,
        final_view=chain.final.view,
        notarised_height=tip.height if tip is not None else None,
        notarised_view=tip.view if tip is not None else max(core.views.open, default=core.views.pinned.view),
        executed_height=chain.executed.height,
        behind=core.views.pinned.block_hash != chain.final.block_hash,
        votes=tuple(votes),
        waiting=waiting,
        detail=detail,
    )


def _why_no_proposal(core: Core) -> tuple[Waiting, str]:
    if core.at_rest():
        return Waiting.REST, ""
    if core.leader != core.config.me:
        return Waiting.PROPOSAL, f"of validator {core.leader} in view {core.view}"
    return (Waiting.BUILD if core.building is not None else Waiting.OWN_PROPOSAL), ""
