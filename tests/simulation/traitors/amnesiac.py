"""Loses the signer's log in every crash and signs on, and so breaks promises without meaning to."""

from __future__ import annotations

from tests.simulation.traitors.traitor import Traitor


class Amnesiac(Traitor):
    """Crashes more often than others."""

    def start(self) -> None:
        self.crash_rate = max(self.crash_rate, 0.0 if self.cluster.healed else 0.003)
        if not self.up:
            self.disk.forget_records()  # a database restored in between remembers that there was a log
        super().start()

    def crash(self) -> None:
        super().crash()
        self.disk.forget_records()
