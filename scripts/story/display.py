"""What the person at the terminal sees: one line a step, acts as headings, everything to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO, TypeVar

T = TypeVar("T")


class Display:
    """Progress for people. With ``quiet`` only failures are printed."""

    def __init__(self, *, quiet: bool = False, out: TextIO = sys.stderr) -> None:
        self._quiet = quiet
        self._out = out
        self._tty = out.isatty() and not quiet
        self.steps = 0

    def act(self, title: str) -> None:
        """A heading."""
        if not self._quiet:
            self._print(f"\n{self._bold(title)}\n")

    def step(self, words: str, work: Callable[[], T], *, after: Callable[[T], str] | None = None) -> T:
        """Do one step and say how it went."""
        self.steps += 1
        started = time.monotonic()
        if self._tty:
            self._print(f"  … {words}")
        try:
            value = work()
        except BaseException:
            self._finish("✗", words, "", started)
            raise
        self._finish("✓", words, after(value) if after is not None else "", started)
        return value

    def note(self, words: str) -> None:
        """A line without a mark."""
        if not self._quiet:
            self._print(f"  {words}\n")

    def _finish(self, mark: str, words: str, result: str, started: float) -> None:
        if self._quiet and mark == "✓":
            return
        milliseconds = (time.monotonic() - started) * 1_000
        clear = "\r\x1b[K" if self._tty else ""
        tail = f" — {result}" if result else ""
        self._print(f"{clear}  {mark} {words}{tail} {self._dim(f'({milliseconds:,.0f} ms)')}\n")

    def _print(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._tty else text

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._tty else text
