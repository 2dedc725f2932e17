"""A progress bar on standard error, for people only: none with ``--json``, none where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from client_sdk.environment import SYSTEM

_WIDTH = 28
_REDRAW_S = 0.1


class Progress:
    """Counts up to a total and draws it, at most ten times a second.

    Args:
        label: what is being done, for instance ``capturing``.
        total: how many steps; 0 draws nothing, None is for a number that shows itself on the way.
        shown: False keeps silent.
    """

    def __init__(
        self,
        label: str,
        total: int | None,
        *,
        shown: bool = True,
        stream: TextIO | None = None,
        clock_s: Callable[[], float] = SYSTEM.monotonic_s,
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._shown = shown and total != 0 and self._stream.isatty()
        self._label = label
        self._total = total
        self._clock_s = clock_s
        self._started = clock_s()
        self._drawn = float("-inf")
        self._done = 0

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` more."""
        self._done += steps
        now = self._clock_s()
        whole = self._total is not None and self._done >= self._total
        if self._shown and (now - self._drawn >= _REDRAW_S or whole):
            self._drawn = now
            self._stream.write("\r" + self.line())
            self._stream.flush()

    def line(self) -> str:
        """The bar as text."""
        seconds = self._clock_s() - self._started
        done = self._done if self._total is None else min(self._done, self._total)
        rate = f" {done / seconds:,.0f}/s" if seconds >= 1 else ""
        if self._total is None:
            return f"{self._label} {done:,}{rate} "
        filled = _WIDTH * done // self._total
        bar = "█" * filled + "░" * (_WIDTH - filled)
        return f"{self._label} {bar} {done:,}/{self._total:,}{rate} "

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()
