"""The data folder of a node: where its parts are, and the lock that keeps it to one process.

Two processes on one folder, or on two copies of it, would sign twice; the lock prevents the first.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from tallystick.errors import ConfigError

DATABASE = "database"  # LevelDB
SIGNER_LOG = "signer"  # the record of own statements
LOCK = "lock"
NEWEST_SEAL = "newest_seal"  # of the last aggregate signature; may be missing
CLOSING_SEALS = "closing_seals"  # folder of the seals of epochs' last blocks; may be missing


class FolderLock:
    """Holds a data folder until it is closed or the process ends, however it ends.

    Raises:
        ConfigError: another process holds it, or the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot use the data folder: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            by = f" ({holder})" if holder.isdigit() else ""
            raise ConfigError(f"{folder}: locked: another process{by} uses this data folder; stop it first") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
