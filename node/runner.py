"""The loop around the engine: inputs in, effects out, one sync before anything is said.

All inputs that wait are worked off in one turn; their records are made durable together, and only then their messages
leave. So a crash loses messages, never promises. Effects that stay inside the node are performed at once, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from consensus.effects import (
    Accuse,
    Broadcast,
    Build,
    CheckContents,
    Effect,
    EpochEnded,
    FetchBlock,
    FetchCertificates,
    Finalised,
    Halt,
    Persist,
    RootMismatch,
    Send,
    WakeAt,
)
from consensus.engine import Engine
from consensus.inputs import Input, TimePassed
from node.clock import ChainClock
from node.counters import Counters

STEPS_PER_TURN = 64  # inputs worked off before the log is synced and the loop turns


class Inside(Protocol):
    """Who performs the effects that stay inside the node, and sends those that leave it."""

    def persist(self, effect: Persist) -> None: ...

    def sync(self) -> None:
        """Make what was persisted durable."""

    def send(self, effect: Broadcast | Send) -> None: ...

    def flush(self) -> None:
        """What was sent leaves before anything else is done."""

    def build(self, effect: Build) -> None: ...

    def check_contents(self, effect: CheckContents) -> None: ...

    def fetch_block(self, effect: FetchBlock) -> None: ...

    def fetch_certificates(self, effect: FetchCertificates) -> None: ...

    def finalised(self, effect: Finalised) -> None: ...

    def epoch_ended(self, effect: EpochEnded) -> None: ...

    def accuse(self, effect: Accuse) -> None: ...

    def root_mismatch(self, effect: RootMismatch) -> None: ...

    def halt(self, effect: Halt) -> None: ...


class Runner:
    """Drives one engine after another: catching up replaces it by one that starts further on.

    Attributes:
        engine: None while the node catches up, and before the start.
        inside: performs effects; set once, before the first engine.
        review: called after the engine's steps of a turn: what waited outside may be due now.
    """

    inside: Inside
    review: Callable[[], None]

    def __init__(
        self,
        clock: ChainClock,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        turned: Callable[[], None],
    ) -> None:
        """``turned`` is called at the end of every turn."""
        self.engine: Engine | None = None
        self._clock = clock
        self._counters = counters
        self._loop = loop
        self._turned = turned
        self.review = lambda: None
        self._inbox: deque[Input] = deque()
        self._scheduled = False
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    def give(self, input: Input) -> None:
        """Hand an input over; dropped while there is no engine."""
        if self.engine is None or self._closed:
            return
        self._inbox.append(input)
        self._schedule()

    def replace(self, engine: Engine | None) -> None:
        """Go on with another engine, or with none; what waited for the old one is dropped."""
        self.engine = engine
        self._inbox.clear()
        self._set_alarm(None)

    def close(self) -> None:
        """Take no more inputs, perform no more effects."""
        self._closed = True
        self.replace(None)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        leaving: list[Broadcast | Send] = []
        for _ in range(STEPS_PER_TURN):
            if not self._inbox or self.engine is None:
                break
            self._counters.engine_steps += 1
            for effect in self.engine.step(self._inbox.popleft(), self._clock.now()):
                if isinstance(effect, Broadcast | Send):
                    leaving.append(effect)
                else:
                    self._perform(effect)
        if self._closed:
            return
        self.inside.sync()
        for effect in leaving:
            self.inside.send(effect)
        if leaving:
            self.inside.flush()
        self.review()
        if self._inbox:
            self._schedule()
        self._turned()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Persist():
                self.inside.persist(effect)
            case Build():
                self.inside.build(effect)
            case CheckContents():
                self.inside.check_contents(effect)
            case Finalised():
                self.inside.finalised(effect)
            case EpochEnded():
                self.inside.epoch_ended(effect)
            case FetchBlock():
                self.inside.fetch_block(effect)
            case FetchCertificates():
                self.inside.fetch_certificates(effect)
            case WakeAt(monotonic_ms):
                self._set_alarm(monotonic_ms)
            case Accuse():
                self.inside.accuse(effect)
            case RootMismatch():
                self.inside.root_mismatch(effect)
            case Halt():
                self.inside.halt(effect)
            case Broadcast() | Send():
                raise AssertionError("messages leave at the end of the turn")

    def _set_alarm(self, monotonic_ms: int | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if monotonic_ms is not None:
            delay_s = max(0, monotonic_ms - self._clock.now().monotonic_ms) / 1_000
            self._alarm = self._loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.give(TimePassed())
