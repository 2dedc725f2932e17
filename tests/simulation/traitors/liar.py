"""Proposes headers whose roots, lag, finalisation or contents are not what they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from consensus.config import EngineConfig, Floor
from consensus.effects import PeerMessage
from consensus.inputs import WorkPending
from tallystick.blocks import Header
from tallystick.limits import EXECUTION_LAG_MAX
from tallystick.proposals import Proposal, proposal_signing_bytes
from tests.simulation.machine import Machine
from tests.simulation.signer import sign_proposal

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

LIES = ("roots", "finalisation", "height", "time", "parent", "due work", "contents", "gap")


class Liar(Machine):
    """Half of its proposals are unlawful, each in one way; and it never waits for its turn's time."""

    share = 0.5
    lies: tuple[str, ...] = LIES

    def __init__(self, cluster: Cluster, index: int, config: EngineConfig, genesis: Floor) -> None:
        super().__init__(cluster, index, replace(config, spacing_ms=0), genesis)

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for what it says."""

    def broadcast(self, message: PeerMessage) -> None:
        if isinstance(message, Proposal) and self.world.random.random() < self.share:
            message = self.spoil(message)
        super().broadcast(message)

    def spoil(self, proposal: Proposal) -> Proposal:
        """One change, signed anew."""
        header, random = proposal.header, self.world.random
        executed = header.executed
        kind = random.choice(self.lies)
        if header.height - executed.height > EXECUTION_LAG_MAX and self.share < 1:
            kind = "due work"
        if kind == "roots":
            header = msgspec.structs.replace(
                header, executed=msgspec.structs.replace(executed, state_root=b"\xee" * 32)
            )
        elif kind == "finalisation":
            proposal = msgspec.structs.replace(proposal, finalisation=None)
        elif kind == "height":
            header = msgspec.structs.replace(header, height=header.height + 1)
        elif kind == "time":
            header = msgspec.structs.replace(header, time_ms=header.time_ms + random.choice((-5_000, 1_000, 10_000)))
        elif kind == "parent":
            header = msgspec.structs.replace(header, parent_view=max(0, header.parent_view - 1))
        elif kind == "gap":
            header = self.beside(header)
        elif kind == "due work":
            header = msgspec.structs.replace(header, due_work=True)
        else:
            header = msgspec.structs.replace(header, transaction_count=1, transaction_root=b"\xdd" * 32)
        signed = proposal_signing_bytes(header.epoch, header.view, header.block_hash())
        return msgspec.structs.replace(proposal, header=header, signature=sign_proposal(self.index)(signed))

    def beside(self, header: Header) -> Header:
        """A lawful child of the grandparent: wrong only because nobody nullified the parent's view."""
        parent, _ = self.memory.get(header.parent_hash, (None, ()))
        if parent is None:
            return header
        grandparent, _ = self.memory.get(parent.parent_hash, (None, ()))
        return msgspec.structs.replace(
            header,
            parent_hash=parent.parent_hash,
            parent_view=parent.parent_view,
            height=parent.height,
            executed=parent.executed if grandparent is None else grandparent.executed,
        )


class Forker(Liar):
    """Every proposal of its own stands beside the newest block instead of on it."""

    share = 1.0
    lies = ("gap",)

    def tell_work(self) -> None:
        """Always in a hurry: before the newest block is final."""
        self.give(WorkPending(transactions=True, due_ms=None))


class Forger(Liar):
    """Every newer tuple that it names is made up."""

    share = 1.0
    lies = ("roots",)
