"""Token buckets: how much one organisation or one address may ask, in bounded memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from node.api.problems import ProblemError

NAMES_MAX = 8_192  # buckets kept; a full bucket is forgotten without loss, and the oldest goes first


class RateLimit:
    """One bucket per name, refilled at ``per_second``, holding at most ``burst``.

    Args:
        now_s: a monotonic clock in seconds.
    """

    def __init__(self, per_second: int, burst: int, now_s: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, name: str) -> None:
        """Refuse when nothing is left for ``name``; takes nothing.

        Raises:
            ProblemError: ``rate-limited``, with Retry-After.
        """
        self._refuse_below(name, 1.0, self._left(name))

    def take(self, name: str, count: int = 1) -> None:
        """Take ``count`` or refuse. More than a full bucket is taken from a full one and leaves a debt.

        Raises:
            ProblemError: ``rate-limited``, with Retry-After.
        """
        left = self._left(name)
        self._refuse_below(name, min(float(count), self._burst), left)
        self._put(name, left - count)

    def charge(self, name: str, count: float = 1.0) -> None:
        """Take so much whether it is there or not: for a request that failed, or cost more than it seemed to."""
        self._put(name, max(self._left(name) - count, -self._burst))

    def _left(self, name: str) -> float:
        left, since_s = self._buckets.get(name, (self._burst, 0.0))
        return min(self._burst, left + max(0.0, self._now_s() - since_s) * self._per_second)

    def _put(self, name: str, left: float) -> None:
        self._buckets[name] = (left, self._now_s())
        self._buckets.move_to_end(name)
        if len(self._buckets) > NAMES_MAX:
            self._buckets.popitem(last=False)

    def _refuse_below(self, name: str, needed: float, left: float) -> None:
        if left >= needed:
            return
        wait_s = max(1, math.ceil((needed - left) / self._per_second))
        raise ProblemError(
            "rate-limited",
            f"{name} asks for more than {self._per_second} a second",
            f"wait {wait_s} s; send transactions in bulk",
            headers={"Retry-After": str(wait_s)},
        )
