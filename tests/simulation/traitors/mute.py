"""As good as dead: the honest alone must do."""

from __future__ import annotations

from tests.simulation.machine import Machine
from tests.simulation.traitors.traitor import Traitor


class Mute(Traitor):
    """Listens, and says nothing."""

    def say_to(self, peer: Machine, message: object) -> None:
        """Silence."""

    def broadcast(self, message: object) -> None:
        """Silence."""

    def asked(self, answer: object, *arguments: object) -> None:
        """Silence."""
