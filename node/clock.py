"""The only reader of clocks: monotonic time for waiting, wall time with the chain's offset for block times."""

from __future__ import annotations

import time
from typing import Protocol

from consensus.inputs import Now
from contracts.interface import StateView
from contracts.workspace import PARAMETERS_KEY
from tallystick.records.base import read_public
from tallystick.records.chain import ChainParameters


class Clock(Protocol):
    """A clock."""

    def monotonic_ms(self) -> int:
        """Milliseconds from an origin of its own; never goes back."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970."""


class SystemClock:
    """The machine's clock."""

    def monotonic_ms(self) -> int:
        """See ``Clock``."""
        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        """See ``Clock``."""
        return time.time_ns() // 1_000_000


class ChainClock:
    """A clock that adds the chain's offset, which a quorum may have advanced.

    Attributes:
        offset_ms: ``ChainParameters.clock_offset_ms`` of the newest executed state.
    """

    def __init__(self, clock: Clock, offset_ms: int = 0) -> None:
        self._clock = clock
        self.offset_ms = offset_ms

    def now(self) -> Now:
        """The time of a turn of the engine."""
        return Now(self._clock.monotonic_ms(), self._clock.wall_ms() + self.offset_ms)

    def chain_ms(self) -> int:
        """What a block made now would carry as its time, at least."""
        return self._clock.wall_ms() + self.offset_ms


def clock_offset_ms(state: StateView) -> int:
    """By how much the state has the chain's clock ahead of the machines'."""
    record = state.get(PARAMETERS_KEY)
    assert record is not None, "genesis writes the parameters"
    return read_public(record, ChainParameters).clock_offset_ms
