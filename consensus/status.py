"""What an engine says about itself: for ``tallystick-node status``, metrics and logs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
