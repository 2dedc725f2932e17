"""A file system of its own for every node's data, so that it can really be full: an image of ext4, mounted by root.

Where that is not allowed, a limit on the size of the process's files stands in for it, with another error number.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SIZE = 256 * 1_048_576  # bytes; a run of an hour stays below
FULL, LIMITED = "a full file system (ENOSPC)", "a limit on the size of files (EFBIG)"


class SmallDisks:
    """The mounted images of a cluster, by the node's folder."""

    def __init__(self) -> None:
        self._mounted: list[Path] = []

    @property
    def in_words(self) -> str:
        """How a full disk comes about on this machine."""
        return FULL if self._mounted else LIMITED

    def give(self, folder: Path) -> bool:
        """Put the data folder of a node that never ran on a disk of its own; whether this machine allows it."""
        disk, image = folder / "disk", folder / "disk.img"
        if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
            return False
        disk.mkdir()
        with image.open("wb") as opened:
            opened.truncate(SIZE)
        make = ["mkfs.ext4", "-q", "-F", "-m", "0", str(image)]
        for command in (make, ["mount", "-o", "loop", str(image), str(disk)]):
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                disk.rmdir()
                image.unlink()
                return False
        self._mounted.append(disk)
        (disk / "data").mkdir(mode=0o700)
        (folder / "data").symlink_to(disk / "data")
        return True

    def fill(self, folder: Path) -> bool:
        """Leave no byte free on a node's disk; whether it has one of its own."""
        disk = folder / "disk"
        if disk not in self._mounted:
            return False
        with (disk / "filling").open("wb", buffering=0) as opened:
            for size in (1_048_576, 4_096, 1):
                try:
                    while opened.write(bytes(size)):
                        pass
                except OSError:
                    continue
        return True

    def empty(self, folder: Path) -> None:
        """Give the space back."""
        (folder / "disk" / "filling").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount everything, whoever still holds a file there."""
        while self._mounted:
            subprocess.run(["umount", "-l", str(self._mounted.pop())], capture_output=True, check=False)
