"""Keeps everything it ever heard and says it again, late, to anybody; and talks of views far ahead."""

from __future__ import annotations

from functools import partial

from consensus.effects import PeerMessage
from tallystick.limits import VIEW_MAX
from tallystick.votes import Vote, VoteKind, nullify_statement
from tests.simulation.machine import Machine
from tests.simulation.signer import sign_statement


class Replayer(Machine):
    """Otherwise it does its duty."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.heard: list[PeerMessage] = []

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for what it says."""

    def receive(self, source: int, message: PeerMessage) -> None:
        super().receive(source, message)
        self.heard.append(message)
        random = self.world.random
        if random.random() < 0.3:
            peer = random.choice([peer for peer in self.cluster.machines if peer is not self])
            self.world.send(self.index, peer.index, partial(peer.receive, self.index, random.choice(self.heard)))
        if self.up and random.random() < 0.05:
            statement = nullify_statement(0, random.choice((VIEW_MAX, self.engine.status().view + 10)))
            assert statement.kind is VoteKind.NULLIFY
            vote = Vote(statement, self.index, sign_statement(self.index)(statement))
            self.broadcast(vote)
