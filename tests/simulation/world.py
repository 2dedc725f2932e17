"""Virtual time and a network that delays, loses, doubles, reorders and splits; one random stream decides everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any

from tests.simulation.patience import Flood

WALL_START_MS = 1_800_000_000_000
EVENTS_MAX = 150_000  # of one run, several times what any takes: whoever talks more is flooding


@dataclass(slots=True)
class Faults:
    """Rates of one network, per message; times in milliseconds."""

    delay_max_ms: int = 3
    delay_min_ms: int = 0
    loss: float = 0.0
    duplication: float = 0.0
    straggle: float = 0.0  # share of messages that take up to ``straggle_max_ms`` and so overtake or are overtaken
    straggle_max_ms: int = 400
    cut: Counter[tuple[int, int]] = field(default_factory=Counter)  # directed pairs that hear nothing of each other

    def sever(self, pairs: set[tuple[int, int]]) -> None:
        """Cut directed pairs; a pair that is cut twice must be joined twice."""
        self.cut.update(pairs)

    def join(self, pairs: set[tuple[int, int]]) -> None:
        """Undo one ``sever``."""
        for pair in sorted(pairs):
            self.cut[pair] -= 1
            if self.cut[pair] <= 0:
                del self.cut[pair]


class World:
    """The event queue and the wires.

    Attributes:
        random: decides everything in a run; ``chance`` is its ``random()``.
        seen: counters of what happened, faults included; coverage is read from it.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.chance = self.random.random
        self.now_ms = 1_000
        self._faults = Faults()
        self.quiet = True
        self._filter: Callable[[int, int, object], bool] | None = None
        self.events = 0
        self.seen: Counter[str] = Counter()
        self.trace: Callable[[str], None] | None = None
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0

    @property
    def faults(self) -> Faults:
        """Of the wires."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self.settle()

    @property
    def filter(self) -> Callable[[int, int, object], bool] | None:
        """Of messages: whether this one may pass from source to target."""
        return self._filter

    @filter.setter
    def filter(self, passes: Callable[[int, int, object], bool] | None) -> None:
        self._filter = passes
        self.settle()

    def settle(self) -> None:
        """Note whether wires do nothing but delay; called after each change of their faults."""
        faults = self._faults
        rates = faults.loss or faults.duplication or faults.straggle
        self.quiet = not (rates or faults.cut or self._filter is not None)

    def upto(self, most: int) -> int:
        """A number from 0 to ``most``."""
        return int(self.chance() * (most + 1))

    def later(self, delay_ms: int, action: Callable[..., None], *arguments: Any) -> None:
        """Do something after a delay; actions of one moment happen in the order of asking."""
        self._sequence += 1
        heappush(self._queue, (self.now_ms + (delay_ms if delay_ms > 0 else 0), self._sequence, action, arguments))

    def run_until(self, end_ms: int, done: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True as soon as ``done`` holds (asked every 16 events), False when the end came first."""
        queue = self._queue
        while queue and queue[0][0] <= end_ms:
            self.now_ms, _, action, arguments = heappop(queue)
            self.events += 1
            action(*arguments)
            if not self.events & 15:
                if self.events > EVENTS_MAX:
                    raise Flood(f"{self.events} events in {self.now_ms} ms")
                if done is not None and done():
                    return True
        if done is not None and done():
            return True
        self.now_ms = max(self.now_ms, end_ms)
        return False

    def send(self, source: int, target: int, deliver: Callable[..., None], *arguments: Any) -> None:
        """Put one message on the wire; ``deliver`` is called with the arguments at the other end."""
        faults, chance = self._faults, self.chance
        if self.quiet:
            self._sequence += 1
            least = faults.delay_min_ms
            delay = least + int(chance() * (faults.delay_max_ms - least + 1))
            heappush(self._queue, (self.now_ms + delay, self._sequence, deliver, arguments))
            return
        if faults.cut and (source, target) in faults.cut:
            self.seen["messages cut off"] += 1
            return
        if self._filter is not None and not self._filter(source, target, arguments[-1]):
            return
        delay = faults.delay_min_ms + int(chance() * (faults.delay_max_ms - faults.delay_min_ms + 1))
        if faults.loss and chance() < faults.loss:
            self.seen["messages lost"] += 1
            return
        if faults.duplication and chance() < faults.duplication:
            self.seen["messages doubled"] += 1
            self.later(int(chance() * (faults.delay_max_ms + 1)), deliver, *arguments)
        if faults.straggle and chance() < faults.straggle:
            self.seen["messages overtaken"] += 1
            delay += int(chance() * faults.straggle_max_ms)
        self._sequence += 1
        heappush(self._queue, (self.now_ms + delay, self._sequence, deliver, arguments))
