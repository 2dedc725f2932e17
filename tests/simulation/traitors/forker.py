"""Every proposal of its own stands beside the newest block instead of on it."""

from __future__ import annotations

from consensus.inputs import WorkPending
from tests.simulation.traitors.liar import Liar


class Forker(Liar):
    """Always in a hurry: before the newest block is final."""

    share = 1.0
    lies = ("gap",)

    def tell_work(self, *, again: bool = False) -> None:
        self.give(WorkPending(transactions=True, due_ms=None))
