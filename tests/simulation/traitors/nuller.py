"""Gives up every view that it hears of, to everybody, and never notarizes, finalizes or proposes."""

from __future__ import annotations

from consensus.effects import PeerMessage
from tallystick.encoding import ZERO32
from tallystick.votes import Certificate, Vote, VoteKind
from tests.simulation.traitors.withholder import Withholder


class Nuller(Withholder):
    """The view ahead, too."""

    def broadcast(self, message: PeerMessage) -> None:
        about = message.statement if isinstance(message, Vote | Certificate) else message.header
        self.nullify(about.view + 1)

    def receive(self, source: int, message: PeerMessage) -> None:
        super().receive(source, message)
        if isinstance(message, Vote) and message.statement.kind is VoteKind.NOTARIZE:
            self.nullify(message.statement.view)

    def nullify(self, view: int) -> None:
        """To all."""
        vote = self.vote(VoteKind.NULLIFY, view, ZERO32)
        for peer in self.others:
            self.say_to(peer, vote)
