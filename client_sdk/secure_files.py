"""Files that hold secrets or must survive a crash: whole or not at all, readable by their owner only."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallystick.errors import ConfigError

FILE_SIZE_MAX = 256 * 1_048_576  # bytes; a journal of a large upload


def require_new(*paths: Path | None) -> None:
    """Before the work whose outcome goes into these files: each can be written, and none is there yet.

    Args:
        paths: None where none was named.
    Raises:
        ConfigError: one exists, its folder does not, or two are the same.
    """
    named = [path for path in paths if path is not None]
    for path in named:
        require_folder(path)
        if os.path.lexists(path):
            raise _taken(path)
    if len({path.absolute() for path in named}) < len(named):
        raise ConfigError(f"{named[0]} is named twice: give each its own name")


def require_folder(path: Path) -> None:
    """A folder that a person names is there already: one misspelt is not made.

    Raises:
        ConfigError: it is not.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}: make it first, or name another")


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file that did not exist; never over another one.

    Args:
        mode: 0600, or more for what is meant for others.
    Raises:
        ConfigError: it exists already, or the folder cannot be written.
    """
    temporary = _write_beside(path, data)
    try:
        temporary.chmod(mode)
        os.link(temporary, path)  # fails where the name is taken; a rename would overwrite
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def replace(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file in place of what was there; a crash leaves the old or the new one.

    Args:
        mode: 0600, or more for what is meant for others, such as a picture.
    Raises:
        ConfigError: the folder cannot be written.
    """
    temporary = _write_beside(path, data)
    try:
        if mode != 0o600:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with a file that is read and then replaced: other processes wait meanwhile.

    What is locked is an empty file beside it, ``NAME.lock``, which stays: the file itself is another one after each
    replacement. The lock goes with the process that holds it.

    Raises:
        ConfigError: the folder cannot be written.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot write {lock}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path: Path, what: str, *, size_max: int = FILE_SIZE_MAX) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigError: it is missing, unreadable, not a file or too large; ``what`` says what it should be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {what} {path}: {error.strerror}") from error
    if len(data) > size_max:
        raise ConfigError(f"{what} {path} has more than {size_max} bytes")
    return data


def read_private(path: Path, what: str, *, size_max: int) -> bytes:
    """The bytes of a file that nobody but its owner may read.

    Raises:
        ConfigError: as ``read``; or group or others may read or write it.
    """
    data = read(path, what, size_max=size_max)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{what} {path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
    return data


def _taken(path: Path) -> ConfigError:
    return ConfigError(f"{path} exists already; it is never overwritten: choose another name")


def _write_beside(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    except OSError as error:
        raise ConfigError(f"cannot write in {path.parent}: {error.strerror}") from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
