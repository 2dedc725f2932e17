"""A moment in which no signal interrupts: who starts a process has it in hand before one is heard."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # what ends a command: asked to, Ctrl-C, the terminal is gone


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that would end us are heard after the block, in their order.

    It is their handlers that wait, which Python runs in the main thread. Masks would do as well, but are inherited by
    what is started meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal interrupts the others
        yield
        return
    arrived: list[int] = []

    def later(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    handlers = {number: signal.getsignal(number) for number in ENDING}
    heard = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in heard:
            signal.signal(number, later)
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        for signalled in arrived:
            signal.raise_signal(signalled)
