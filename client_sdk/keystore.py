"""Private keys in encrypted files, and where passphrases come from.

A key has a name, which is its file's name without ``.key``. Files are written whole, mode 0600, and never over another
one. Once opened, a seed lies in this process's memory: Python cannot wipe it.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from client_sdk import secure_files
from client_sdk.environment import SYSTEM, Environment
from tallystick import keyfile, keys
from tallystick.errors import ConfigError

PASSPHRASE_VARIABLE = "TALLYSTICK_PASSPHRASE"
SUFFIX = ".key"
SECRET_SIZE = 32  # bytes of a capture secret
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What a key file says in clear."""

    name: str
    path: Path
    label: str
    public_key: bytes


class Keystore:
    """A folder of key files."""

    def __init__(self, folder: Path, environment: Environment = SYSTEM) -> None:
        self._folder = folder
        self._environment = environment

    def create(self, name: str, passphrase: str, *, seed: bytes | None = None, cheap: bool = False) -> KeyInfo:
        """Make a key and write its file.

        Args:
            name: letters, digits, dot, hyphen and underscore.
            seed: 32 bytes, when the key exists already; else a new one.
            cheap: seal at the lowest cost. For tests and demonstrations, where the passphrase is known anyway.
        Raises:
            ConfigError: a bad name, an empty passphrase, or a key of this name exists.
        """
        path = self.path_of(name)
        if path.exists():
            raise ConfigError(f"{path} exists already; a key is never overwritten: choose another name")
        data = keyfile.seal_keyfile(
            seed if seed is not None else self._environment.random_bytes(32),
            passphrase,
            salt=self._environment.random_bytes(keyfile.SALT_SIZE),
            nonce=self._environment.random_bytes(keyfile.NONCE_SIZE),
            label=name,
            **({"operations": 1, "memory_bytes": 8_192} if cheap else {}),
        )
        secure_files.write_new(path, data)
        return self.info(name)

    def info(self, name: str) -> KeyInfo:
        """What the file of a key says in clear.

        Raises:
            ConfigError: there is no such key file.
        """
        path = self.path_of(name)
        try:
            file = keyfile.read_keyfile(self._read(path))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        return KeyInfo(path.stem, path, file.label, bytes.fromhex(file.public_key))

    def list(self) -> tuple[KeyInfo, ...]:
        """Every key of the folder, by name."""
        if not self._folder.is_dir():
            return ()
        return tuple(self.info(path.stem) for path in sorted(self._folder.glob(f"*{SUFFIX}")))

    def open(self, name: str, passphrase: str) -> bytes:
        """The 32-byte seed of a key.

        Args:
            name: of a key in this folder, or a path to a key file anywhere (it holds a slash).
        Raises:
            ConfigError: no such file, or a wrong passphrase.
        """
        path = self.path_of(name)
        data = self._read(path)
        try:
            return keyfile.open_keyfile(data, passphrase)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def _read(self, path: Path) -> bytes:
        if not path.exists():
            raise ConfigError(f"no key file {path}; 'tallystick keys' lists those there are, 'keygen' makes one")
        return secure_files.read(path, "key file", size_max=keyfile.FILE_SIZE_MAX)

    def path_of(self, name: str) -> Path:
        """Where the file of a key is: in this folder, or wherever a name with a slash points."""
        if "/" in name:
            return Path(name).expanduser()
        if _NAME.fullmatch(name) is None:
            raise ConfigError(f"{name!r} is no name of a key; use letters, digits, dot, hyphen and underscore")
        return self._folder / f"{name}{SUFFIX}"


def read_passphrase(
    purpose: str,
    file: Path | None = None,
    *,
    confirm: bool = False,
    variables: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] = getpass.getpass,
) -> str:
    """A passphrase: from a file (its first line), else from TALLYSTICK_PASSPHRASE, else asked for.

    Args:
        purpose: what it opens, for the prompt.
        confirm: ask twice (for a new key).
    Raises:
        ConfigError: it is empty, others can read its file, the two answers differ, or there is nobody to ask.
    """
    if file is not None:
        lines = secure_files.read_private(file, "passphrase file", size_max=65_536).splitlines() or [b""]
        try:
            return _not_empty(lines[0].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ConfigError(f"passphrase file {file} is not UTF-8 text") from error
    if PASSPHRASE_VARIABLE in variables:
        return _not_empty(variables[PASSPHRASE_VARIABLE])
    if prompt is getpass.getpass and not sys.stdin.isatty():
        raise ConfigError(f"no passphrase: give --passphrase-file or set {PASSPHRASE_VARIABLE}")
    answer = _not_empty(prompt(f"Passphrase for {purpose}: "))
    if confirm and prompt("The same again: ") != answer:
        raise ConfigError("the two passphrases differ")
    return answer


def create_secret(path: Path, environment: Environment = SYSTEM) -> bytes:
    """Make a capture secret and write it as hex, mode 0600, never over another one."""
    secret = environment.random_bytes(SECRET_SIZE)
    secure_files.write_new(path, secret.hex().encode() + b"\n")
    return secret


def read_secret(path: Path) -> bytes:
    """The 32 bytes of a capture secret's file.

    Raises:
        ConfigError: missing, readable by others, or not 64 hexadecimal digits.
    """
    text = secure_files.read_private(path, "capture secret", size_max=1_024).strip()
    if re.fullmatch(rb"[0-9a-f]{64}", text) is None:
        raise ConfigError(f"capture secret {path} is not 64 hexadecimal digits")
    return bytes.fromhex(text.decode())


def public_key_text(seed: bytes) -> str:
    """The public key of a seed, in hex."""
    return keys.public_key_of(seed).hex()


def _not_empty(passphrase: str) -> str:
    if not passphrase:
        raise ConfigError("an empty passphrase protects nothing")
    return passphrase
