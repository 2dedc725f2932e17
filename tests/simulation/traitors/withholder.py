"""Says what it must to as few as possible: each message to one random peer; never answers a question."""

from __future__ import annotations

from typing import Any

from consensus.effects import PeerMessage
from tests.simulation.traitors.traitor import Traitor


class Withholder(Traitor):
    """Never serves a block, a certificate or a proof."""

    def broadcast(self, message: PeerMessage) -> None:
        if self.others:
            self.say_to(self.world.random.choice(self.others), message)

    def asked(self, answer: Any, *arguments: Any) -> None:
        if answer in (self.take_block, self.take_proof):
            super().asked(answer, *arguments)
