"""Slow disks and wrong clocks for single processes, by a small library that the system loads before their own ones."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("disturbance.c")
_ORDERS = struct.Struct("<qq")


class Disturbance:
    """The orders of one process."""

    def __init__(self, library: Path, file: Path) -> None:
        file.write_bytes(bytes(_ORDERS.size))
        self._library = library
        self._file = file
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _ORDERS.size)
        self._sync_us = self._clock_ms = 0

    @property
    def environment(self) -> dict[str, str]:
        """What the process must be started with."""
        return {"LD_PRELOAD": str(self._library), "DISTURBANCE_FILE": str(self._file)}

    def slow_disk(self, sync_ms: int) -> None:
        """From now on every sync takes this much longer."""
        self._sync_us = sync_ms * 1_000
        self._write()

    def wrong_clock(self, by_ms: int) -> None:
        """From now on the wall clock is wrong by this much."""
        self._clock_ms = by_ms
        self._write()

    def _write(self) -> None:
        _ORDERS.pack_into(self._shared, 0, self._sync_us, self._clock_ms)


def build_library(folder: Path) -> tuple[Path | None, str]:
    """The compiled library, or None and why there is none."""
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if not sys.platform.startswith("linux"):
        return None, "needs Linux"
    library = folder / "disturbance.so"
    if any(sign in str(library) for sign in " \t\n:"):  # they part the names in LD_PRELOAD
        return None, f"needs a folder without spaces and colons in its path, not {folder}"
    if compiler is None:
        return None, "needs a C compiler"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None, f"the C compiler failed: {result.stderr.strip()[-200:]}"
    return library, ""
