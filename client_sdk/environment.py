"""What the SDK takes from the outside world besides the network: time, random bytes, waiting.

One small value, so that a test or a demonstration can replace all three and repeat a run byte by byte.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Environment:
    """Clock, randomness and patience.

    Attributes:
        now_ms: wall clock, milliseconds since 1970.
        monotonic_s: seconds of a clock that never goes back.
        random_bytes: that many bytes from the operating system.
        sleep: wait that many seconds.
    """

    now_ms: Callable[[], int] = _now_ms
    monotonic_s: Callable[[], float] = time.monotonic
    random_bytes: Callable[[int], bytes] = os.urandom
    sleep: Callable[[float], None] = time.sleep


SYSTEM = Environment()
