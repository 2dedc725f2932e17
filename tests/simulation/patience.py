"""A run that takes a hundred times as long as any other, or as many messages, is a finding, not a reason to wait."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

RUN_MAX_S = 40  # processor time; the slowest good run takes one


class Flood(AssertionError):
    """Messages beget messages without end."""


class TooLong(Flood):
    """The run has used up its processor time."""


@contextmanager
def patience(seconds: int = RUN_MAX_S) -> Iterator[None]:
    """Raise ``TooLong`` inside once this process has used so much processor time. In a main thread only."""

    def tired(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"more than {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, tired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
