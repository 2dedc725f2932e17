"""Attaches to signed headers what does not belong to them: another finalisation, other certificates, other leaves.

A leader's signature covers its header alone, so what comes with it can be swapped by whoever passes it on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from consensus.effects import PeerMessage
from tallystick.proposals import Proposal
from tallystick.votes import Certificate
from tests.simulation.traitors.traitor import Traitor

KEPT_MAX = 500


class ProofSwapper(Traitor):
    """With its own proposals, and with those of others, which it passes on faster than they travel themselves."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: list[Certificate] = []

    def broadcast(self, message: PeerMessage) -> None:
        if isinstance(message, Proposal) and self.world.chance() < 0.5:
            message = self.swapped(message)
        super().broadcast(message)

    def receive(self, source: int, message: PeerMessage) -> None:
        if isinstance(message, Certificate) and len(self.kept) < KEPT_MAX:
            self.kept.append(message)
        if isinstance(message, Proposal) and self.cluster.machines[source] in self.seated(message.header.proposer):
            for peer in self.others:
                self.say_to(peer, self.swapped(message))
        super().receive(source, message)

    def swapped(self, proposal: Proposal) -> Proposal:
        """The same signed header with something else beside it."""
        self.world.seen["swapped proofs"] += 1
        random = self.world.random
        other = random.choice(self.kept) if self.kept else None
        way = random.choice(("finalisation", "no finalisation", "certificates", "leaves", "order"))
        if way == "finalisation":
            return msgspec.structs.replace(proposal, finalisation=other)
        if way == "no finalisation":
            return msgspec.structs.replace(proposal, finalisation=None)
        if way == "certificates":
            return msgspec.structs.replace(proposal, certificates=() if other is None else (other,))
        if way == "leaves":
            return msgspec.structs.replace(
                proposal, witness_leaves=(*proposal.witness_leaves[1:], random.randbytes(32))
            )
        return msgspec.structs.replace(proposal, witness_leaves=tuple(reversed(proposal.witness_leaves)))
