"""Tells different things to different peers: two proposals, two notarizes, nullify and finalize together."""

from __future__ import annotations

import msgspec

from consensus.effects import PeerMessage
from tallystick.encoding import ZERO32
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import VoteKind
from tests.simulation.machine import Machine
from tests.simulation.traitors.traitor import Traitor


class Equivocator(Traitor):
    """Votes for every block that it hears of, and gives up and finalizes every view as well."""

    def broadcast(self, message: PeerMessage) -> None:
        if isinstance(message, Proposal):
            self.propose_twice(message)
        else:
            super().broadcast(message)

    def propose_twice(self, first: Proposal) -> None:
        """Another block of the same view, to a random half of the peers, with our votes for each."""
        second = self.resigned(first, msgspec.structs.replace(first.header, time_ms=first.header.time_ms + 1))
        for peer in self.others:
            for proposal in self.world.random.choice(((first,), (second,), (first, second))):
                self.say_to(peer, proposal)
                self.vote_all(peer, proposal.header.view, proposal.header.block_hash())

    def take_proposal(self, source: int, proposal: Proposal | ClosingProposal) -> None:
        super().take_proposal(source, proposal)
        for peer in self.others:
            if self.world.chance() < 0.5:
                self.vote_all(peer, proposal.header.view, self.cluster.hash_of(proposal.header))

    def vote_all(self, peer: Machine, view: int, block_hash: bytes) -> None:
        """All three votes to one peer."""
        for kind in VoteKind:
            self.say_to(peer, self.vote(kind, view, ZERO32 if kind is VoteKind.NULLIFY else block_hash))
