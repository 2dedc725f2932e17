"""Genuine votes without end: for every view of the window and far beyond it, for blocks that nobody has seen."""

from __future__ import annotations

from consensus.effects import PeerMessage
from tallystick.encoding import ZERO32
from tallystick.limits import VIEW_MAX, VIEW_WINDOW
from tallystick.votes import VoteKind
from tests.simulation.traitors.traitor import Traitor

PER_MESSAGE = 6


class Flooder(Traitor):
    """Each word of its own becomes several to each peer; honest nodes must neither store nor answer all of it."""

    def broadcast(self, message: PeerMessage) -> None:
        super().broadcast(message)
        if not self.up:
            return
        random, view = self.world.random, self.engine.status().view
        for peer in self.others:
            for _ in range(PER_MESSAGE):
                kind = random.choice((VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE))
                ahead = random.choice(
                    (0, VIEW_WINDOW, VIEW_WINDOW + 1, random.randrange(10**6), random.randrange(10**6))
                )
                if self.world.chance() < 0.01:
                    ahead = VIEW_MAX - view
                block_hash = ZERO32 if kind is VoteKind.NULLIFY else random.randbytes(32)
                self.say_to(peer, self.vote(kind, view + ahead, block_hash))
            self.world.seen["votes of a flood"] += PER_MESSAGE
