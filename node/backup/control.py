"""The local door of a running node: a Unix socket in its data folder, for who may read that folder anyway.

One question is understood: ``backup``. The answer is the bytes of a backup as of one height, while the node goes on:
LevelDB lets only one process open a database, and a view of it costs that process nothing. It runs in a thread of its
own and mostly sleeps.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic

from node.backup.archive import backup_rows, write_backup
from node.ledger import Ledger
from node.logs import log_fields
from node.snapshots.pace import CancelledError, unhurried
from tallystick.errors import StorageError, UnavailableError

CONTROL = "control"  # in the data folder
BACKUP = b"backup\n"
POLL_S = 0.2  # between two looks whether the node ends
QUESTION_S = 5.0  # from a connection to its question
PATIENCE_S = 60.0  # without progress after which a caller is given up
READ_SIZE = 1_048_576

logger = logging.getLogger("tallystick.node")


class ControlDoor:
    """Listens until it is closed, one caller at a time.

    Raises:
        OSError: the socket cannot be made.
    """

    def __init__(self, data: Path, ledger: Ledger) -> None:
        self._path = data / CONTROL
        self._ledger = ledger
        self._cancelled = Event()
        self._path.unlink(missing_ok=True)  # left by a process that was killed; the folder's lock is ours
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(self._path) as name:
            self._socket.bind(name)
        self._path.chmod(0o600)
        self._socket.listen(1)
        self._socket.settimeout(POLL_S)
        self._thread = Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more; nothing reads the database afterwards."""
        self._cancelled.set()
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._cancelled.is_set():
            try:
                caller, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                logger.error("the local door is closed", extra=log_fields(error=str(error)))
                return
            with caller:
                try:
                    self._serve(caller)
                except (OSError, CancelledError, StorageError) as error:
                    logger.warning("a backup was broken off", extra=log_fields(error=str(error) or "the node ends"))

    def _serve(self, caller: socket.socket) -> None:
        caller.settimeout(POLL_S)
        if self._question(caller) != BACKUP:
            return
        logger.info("a backup is made")
        view = self._ledger.view()
        try:
            for piece in write_backup(view, unhurried(backup_rows(view), self._cancelled)):
                self._send(caller, piece)
        finally:
            view.close()

    def _question(self, caller: socket.socket) -> bytes:
        """What a caller asks, who may take a moment for it."""
        asked, since = b"", monotonic()
        while len(asked) < len(BACKUP) and not self._cancelled.is_set():
            try:
                piece = caller.recv(len(BACKUP) - len(asked))
            except TimeoutError:
                if monotonic() - since > QUESTION_S:
                    raise
                continue
            if not piece:
                break
            asked += piece
        return asked

    def _send(self, caller: socket.socket, piece: bytes) -> None:
        rest, moved_at = memoryview(piece), monotonic()
        while rest:
            if self._cancelled.is_set():
                raise CancelledError
            try:
                sent = caller.send(rest)
            except TimeoutError:
                if monotonic() - moved_at > PATIENCE_S:
                    raise
                continue
            rest, moved_at = rest[sent:], monotonic()


def ask_for_backup(data: Path) -> Iterator[bytes]:
    """The bytes of a backup from the node that runs on a data folder.

    Raises:
        UnavailableError: it does not answer.
    """
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.settimeout(PATIENCE_S)
    with caller:
        try:
            with _short(data / CONTROL) as name:
                caller.connect(name)
            caller.sendall(BACKUP)
            while piece := caller.recv(READ_SIZE):
                yield piece
        except OSError as error:
            raise UnavailableError(
                f"{data}: a process uses this data folder and does not answer at its local door: "
                f"{error.strerror or error}; stop it, and make the backup then"
            ) from error


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for a socket's path: the system takes at most 107 bytes, a way through an open folder is short."""
    if not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
