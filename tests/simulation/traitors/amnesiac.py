"""Loses the signer's log in every crash, and so breaks promises without meaning to."""

from __future__ import annotations

from consensus.effects import PeerMessage
from tests.simulation.machine import Machine


class Amnesiac(Machine):
    """Crashes often."""

    def judge(self, message: PeerMessage) -> None:
        """Nobody vouches for what it says."""

    def crash(self) -> None:
        super().crash()
        self.disk.records.clear()
        self.disk.synced = 0
