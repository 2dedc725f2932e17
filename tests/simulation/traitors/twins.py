"""Two machines with one key, each honest by itself: every kind of equivocation that honest code can commit."""

from __future__ import annotations

from random import Random

from consensus.effects import PeerMessage
from tests.simulation.traitors.traitor import Traitor

TURN_MS = 250  # between two drawings of who hears which twin


class Twin(Traitor):
    """Half of the cluster deals with one twin, half with the other; who with whom is drawn anew all the time."""

    def hear(self, source: int, message: PeerMessage) -> None:
        if self.cluster.machines[source].holder != self.holder and self._side_of(source) == self._half:
            super().hear(source, message)

    @property
    def _half(self) -> int:
        return int(self.index != self.holder)

    def _side_of(self, other: int) -> int:
        """0 or 1; a quarter of the time both twins hear everybody."""
        random = Random(self.world.now_ms // TURN_MS * 1_000 + self.cluster.schedule.seed)
        sides = random.getrandbits(len(self.cluster.machines))
        return self._half if random.random() < 0.25 else sides >> other & 1
