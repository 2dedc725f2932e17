"""Working in a thread beside the loop of a node without being felt there: a little work, then sleep."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event
from typing import TypeVar

WORK_S = 0.001  # how long the thread works before it sleeps: nobody else waits longer for the interpreter
REST_PER_WORK = 3.0  # how much longer it sleeps than it worked
ITEMS_PER_LOOK = 32  # rows between two looks at the clock; about 0.1 ms

T = TypeVar("T")


class CancelledError(Exception):
    """The node ends; the work is not finished."""


def unhurried(items: Iterator[T], cancelled: Event) -> Iterator[T]:
    """The same items, with sleep between some of them.

    Raises:
        CancelledError: ``cancelled`` was set.
    """
    started = time.perf_counter()
    for count, item in enumerate(items):
        if count % ITEMS_PER_LOOK == 0:
            worked = time.perf_counter() - started
            if worked >= WORK_S:
                if cancelled.wait(REST_PER_WORK * worked):
                    raise CancelledError
                started = time.perf_counter()
        yield item
