"""Virtual time and a network that delays, loses, doubles, reorders and splits; one random stream decides everything."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

WALL_START_MS = 1_800_000_000_000
EVENTS_MAX = 100_000  # of one run, several times what any takes: whoever talks more is flooding


class Flood(AssertionError):
    """Messages beget messages without end."""


@dataclass(slots=True)
class Faults:
    """Rates of one network, per message; times in milliseconds."""

    delay_max_ms: int = 3
    loss: float = 0.0
    duplication: float = 0.0
    straggle: float = 0.0  # share of messages that take up to ``straggle_max_ms`` and so overtake or are overtaken
    straggle_max_ms: int = 400
    cut: set[tuple[int, int]] = field(default_factory=set)  # directed pairs that hear nothing of each other


class World:
    """The event queue and the wires."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_ms = 1_000
        self.faults = Faults()
        self.events = 0
        self.lost = self.doubled = self.straggled = self.blocked = 0
        self.trace: Callable[[str], None] | None = None
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do something after a delay; actions of one moment happen in the order of asking."""
        self._sequence += 1
        heapq.heappush(self._queue, (self.now_ms + max(0, delay_ms), self._sequence, action))

    def run_until(self, end_ms: int, done: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True as soon as ``done`` holds, False when the end came first."""
        while self._queue and self._queue[0][0] <= end_ms:
            self.now_ms, _, action = heapq.heappop(self._queue)
            self.events += 1
            if self.events > EVENTS_MAX:
                raise Flood(f"{self.events} events in {self.now_ms} ms")
            action()
            if done is not None and done():
                return True
        self.now_ms = max(self.now_ms, end_ms)
        return done is not None and done()

    def send(self, source: int, target: int, deliver: Callable[[], None]) -> None:
        """Put one message on the wire."""
        faults, random = self.faults, self.random
        if (source, target) in faults.cut:
            self.blocked += 1
            return
        if faults.loss and random.random() < faults.loss:
            self.lost += 1
            return
        copies = 1
        if faults.duplication and random.random() < faults.duplication:
            self.doubled += 1
            copies = 2
        for _ in range(copies):
            delay = random.randint(0, faults.delay_max_ms)
            if faults.straggle and random.random() < faults.straggle:
                self.straggled += 1
                delay = random.randint(delay, faults.straggle_max_ms)
            self.later(delay, deliver)
