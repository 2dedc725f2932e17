"""A token bucket: how much of something one other party may ask for."""

from __future__ import annotations


class Allowance:
    """``rate`` per second, up to ``burst`` at once."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = 0.0

    def take(self, now_s: float, amount: float = 1.0) -> bool:
        """Take an amount if it is there; ``now_s`` is monotonic, in seconds."""
        self._left = min(self._burst, self._left + (now_s - self._at) * self._rate)
        self._at = now_s
        if self._left < amount:
            return False
        self._left -= amount
        return True

    def spend(self, now_s: float, amount: float) -> float:
        """Take an amount that is gone already, and owe what was not there; returns the seconds until it is paid."""
        self.take(now_s, 0.0)
        self._left -= amount
        return max(0.0, -self._left / self._rate)
