"""Tells different things to different peers: two proposals, two notarizes, nullify and finalize together."""

from __future__ import annotations

from functools import partial

import msgspec

from consensus.effects import PeerMessage
from tallystick.encoding import ZERO32
from tallystick.proposals import Proposal, proposal_signing_bytes
from tallystick.votes import Statement, Vote, VoteKind
from tests.simulation.machine import Machine
from tests.simulation.signer import sign_proposal, sign_statement


class Equivocator(Machine):
    """Votes for every block that it hears of, and gives up and finalizes every view as well."""

    def broadcast(self, message: PeerMessage) -> None:
        if isinstance(message, Proposal):
            self.propose_twice(message)
            return
        for peer in self.cluster.machines:
            if peer is not self:
                self.world.send(self.index, peer.index, partial(peer.receive, self.index, message))

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for what it says."""

    def propose_twice(self, first: Proposal) -> None:
        """Another block of the same view, to a random half of the peers, with our votes for each."""
        header = msgspec.structs.replace(first.header, time_ms=first.header.time_ms + 1)
        signed = proposal_signing_bytes(header.epoch, header.view, header.block_hash())
        second = msgspec.structs.replace(first, header=header, signature=sign_proposal(self.index)(signed))
        for peer in self.cluster.machines:
            if peer is self:
                continue
            choice = self.world.random.choice(((first,), (second,), (first, second)))
            for proposal in choice:
                self.world.send(self.index, peer.index, partial(peer.receive, self.index, proposal))
                self.vote(peer, proposal.header.view, proposal.header.block_hash())

    def take_proposal(self, proposal: Proposal) -> None:
        super().take_proposal(proposal)
        for peer in self.cluster.machines:
            if peer is not self and self.world.random.random() < 0.5:
                self.vote(peer, proposal.header.view, proposal.header.block_hash())

    def vote(self, peer: Machine, view: int, block_hash: bytes) -> None:
        """All three votes to one peer."""
        for kind in VoteKind:
            statement = Statement(0, kind, view, ZERO32 if kind is VoteKind.NULLIFY else block_hash)
            vote = Vote(statement, self.index, sign_statement(self.index)(statement))
            self.world.send(self.index, peer.index, partial(peer.receive, self.index, vote))
