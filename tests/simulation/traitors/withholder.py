"""Says what it must to as few as possible: each message to one random peer, and nullifies whatever it can."""

from __future__ import annotations

from functools import partial

from consensus.effects import PeerMessage
from tallystick.proposals import Proposal
from tallystick.votes import Vote, VoteKind, nullify_statement
from tests.simulation.machine import Machine
from tests.simulation.signer import sign_statement


class Withholder(Machine):
    """Never serves a block, never serves a certificate."""

    def broadcast(self, message: PeerMessage) -> None:
        peer = self.world.random.choice([peer for peer in self.cluster.machines if peer is not self])
        self.world.send(self.index, peer.index, partial(peer.receive, self.index, message))

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for what it says."""

    def serve_block(self, asker: int, block_hash: bytes) -> None:
        """Silence."""

    def serve_certificates(self, asker: int, first: int, last: int) -> None:
        """Silence."""


class Nuller(Withholder):
    """Gives up every view that it hears of, to everybody, and never notarizes or finalizes."""

    def broadcast(self, message: PeerMessage) -> None:
        view = message.header.view if isinstance(message, Proposal) else message.statement.view
        self.nullify(view + 1)

    def receive(self, source: int, message: PeerMessage) -> None:
        super().receive(source, message)
        if isinstance(message, Vote) and message.statement.kind is VoteKind.NOTARIZE:
            self.nullify(message.statement.view)

    def nullify(self, view: int) -> None:
        """To all."""
        statement = nullify_statement(0, view)
        vote = Vote(statement, self.index, sign_statement(self.index)(statement))
        for peer in self.cluster.machines:
            if peer is not self:
                self.world.send(self.index, peer.index, partial(peer.receive, self.index, vote))


class Mute(Withholder):
    """As good as dead: the honest alone must do."""

    def broadcast(self, message: PeerMessage) -> None:
        """Silence."""

    def send(self, target: int, message: PeerMessage) -> None:
        """Silence."""
