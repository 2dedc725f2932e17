"""How long the event loop is away: one thing at a time runs on it, and everything else waits meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

PERIOD_S = 0.02  # between two questions; a pause that is shorter may be missed


class LoopPauses:
    """Asks to be called every ``PERIOD_S`` and observes by how many seconds the loop was late.

    The loop is late because something ran long on it, because it waited for the disk, or because the processors were
    busy with others: beside it stand the metrics of the disk, which tell the second from the others.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, observe: Callable[[float], None]) -> None:
        self._loop = loop
        self._observe = observe
        self._ask()

    def close(self) -> None:
        """Ask no more."""
        self._timer.cancel()

    def _ask(self) -> None:
        self._due = monotonic() + PERIOD_S  # not the loop's time, which stands still while something runs on it
        self._timer = self._loop.call_later(PERIOD_S, self._ring)

    def _ring(self) -> None:
        self._observe(max(0.0, monotonic() - self._due))
        self._ask()
