"""Secrets and public files on an operator's disk: written once, readable by their owner alone, never overwritten."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from tallystick.bls import GROUP_ORDER, SECRET_SIZE
from tallystick.errors import ConfigError

SECRET_MODE = 0o600
SECRET_FILE_SIZE_MAX = 65_536  # bytes; keys and token files are far below


def write_new(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Write a file that must not exist yet, through to the disk.

    Args:
        secret: readable and writable by the owner alone (0600), whatever the umask; else 0644.
    Raises:
        ConfigError: it exists already, or the folder cannot be written to.
    """
    mode = SECRET_MODE if secret else 0o644
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already and is never overwritten; choose another folder") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as stream:
        if secret:
            os.fchmod(descriptor, SECRET_MODE)
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)


def read_file(path: Path, what: str, *, size_max: int) -> bytes:
    """Read a whole file.

    Args:
        what: name for people, for instance ``genesis file``.
        size_max: bytes; a longer file is refused.
    Raises:
        ConfigError: it cannot be read or is too long.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(size_max + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the {what}: {error.strerror}") from error
    if len(data) > size_max:
        raise ConfigError(f"{path}: larger than {size_max} bytes; this is no {what}")
    return data


def read_secret(path: Path, what: str) -> bytes:
    """Read a file that nobody but its owner may read.

    Raises:
        ConfigError: it cannot be read, or group or others may read or write it.
    """
    data = read_file(path, what, size_max=SECRET_FILE_SIZE_MAX)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path}: the {what} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
    return data


def read_validator_seed(path: Path) -> bytes:
    """The 32-byte seed that signs votes, from its file of 64 hex digits.

    Raises:
        ConfigError: see ``read_secret``; or not a seed.
    """
    data = read_secret(path, "validator key")
    try:
        seed = bytes.fromhex(data.decode("ascii").strip())
    except ValueError as error:
        raise ConfigError(f"{path}: not a validator key: 64 hex digits are expected") from error
    if len(seed) != 32:
        raise ConfigError(f"{path}: not a validator key: 64 hex digits are expected")
    return seed


def read_certificate_der(path: Path) -> bytes:
    """The DER bytes of a PEM certificate file, which are compared with the card's and not looked into.

    Raises:
        ConfigError: the file cannot be read or holds no certificate.
    """
    data = read_file(path, "transport certificate", size_max=65_536)
    try:
        return ssl.PEM_cert_to_DER_cert(data.decode("ascii"))
    except ValueError as error:
        raise ConfigError(f"{path}: not a PEM certificate") from error


def read_seal_secret(path: Path) -> bytes:
    """The 32-byte BLS secret that signs seals, from its file of 64 hex digits.

    Raises:
        ConfigError: see ``read_secret``; or not such a secret.
    """
    data = read_secret(path, "seal key")
    try:
        secret = bytes.fromhex(data.decode("ascii").strip())
    except ValueError as error:
        raise ConfigError(f"{path}: not a seal key: 64 hex digits are expected") from error
    if len(secret) != SECRET_SIZE or not 0 < int.from_bytes(secret, "big") < GROUP_ORDER:
        raise ConfigError(f"{path}: not a seal key: a number below the order of BLS12-381 is expected")
    return secret
