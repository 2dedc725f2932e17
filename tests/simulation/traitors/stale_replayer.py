"""Keeps everything it ever heard and says it again, late, to anybody; and talks of views far ahead."""

from __future__ import annotations

from typing import Any

from consensus.effects import PeerMessage
from tallystick.encoding import ZERO32
from tallystick.limits import VIEW_MAX
from tallystick.votes import VoteKind
from tests.simulation.traitors.traitor import Traitor

KEPT_MAX = 2_000


class StaleReplayer(Traitor):
    """Otherwise it does its duty."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[PeerMessage] = []

    def receive(self, source: int, message: PeerMessage) -> None:
        super().receive(source, message)
        random = self.world.random
        if len(self.heard) < KEPT_MAX:
            self.heard.append(message)
        if self.world.chance() < 0.3:
            self.say_to(random.choice(self.others), random.choice(self.heard))
        if self.up and self.world.chance() < 0.05:
            view = random.choice((VIEW_MAX, self.engine.status().view + 10))
            vote = self.vote(VoteKind.NULLIFY, view, ZERO32)
            for peer in self.others:
                self.say_to(peer, vote)
