"""Every newer tuple that it names is made up."""

from __future__ import annotations

from tests.simulation.traitors.liar import Liar


class Forger(Liar):
    """Otherwise it does its duty."""

    share = 1.0
    lies = ("roots",)
