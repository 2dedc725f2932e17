"""Reading a TOML table strictly: every key known, every value of its type, complaints with file, path and remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tallystick.errors import ConfigError

T = TypeVar("T")


class Address(NamedTuple):
    """Where to listen or to connect; ``str()`` gives ``host:port``, IPv6 hosts in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Complaint(Exception):
    """A value is wrong; the table that was reading it adds file and key path."""


Reader = Callable[[object], T]


class Table:
    """One table of a TOML file, read key by key; ``end`` refuses what nobody asked for."""

    def __init__(self, file: Path, path: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.path = path
        self._values = dict(values)
        self._known: list[str] = []

    def error(self, key: str, text: str) -> ConfigError:
        """A complaint about a key of this table."""
        return ConfigError(f"{self.file}: {self.path}{key}: {text}")

    def required(self, key: str, reader: Reader[T], remedy: str) -> T:
        """The value of a key that must be there.

        Raises:
            ConfigError: it is missing (with ``remedy``) or of the wrong kind.
        """
        self._known.append(key)
        if key not in self._values:
            close = get_close_matches(key, self._values, 1)
            raise self.error(key, f"missing; {f'did you mean it by {close[0]!r}?' if close else remedy}")
        return self._take(key, reader)

    def optional(self, key: str, reader: Reader[T], default: T) -> T:
        """The value of a key, or ``default``.

        Raises:
            ConfigError: it is of the wrong kind.
        """
        self._known.append(key)
        return self._take(key, reader) if key in self._values else default

    def _take(self, key: str, reader: Reader[T]) -> T:
        try:
            return reader(self._values.pop(key))
        except Complaint as complaint:
            raise self.error(key, str(complaint)) from None

    def table(self, key: str) -> Table:
        """A table inside this one; empty when it is absent."""
        self._known.append(key)
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"write it as a table, [{self.path}{key}]")
        return Table(self.file, f"{self.path}{key}.", value)

    def items(self) -> list[tuple[str, Any]]:
        """Every key and value that is left, for tables whose keys are names; nothing is left afterwards."""
        items = sorted(self._values.items())
        self._values = {}
        return items

    def end(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            ConfigError: naming the first, and the known key that looks most like it.
        """
        for key in sorted(self._values):
            close = get_close_matches(key, self._known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(self._known))}"
            raise self.error(key, f"unknown key; {hint}")


def text(value: object) -> str:
    """A text that is not empty and has no control characters."""
    if not isinstance(value, str) or not value or any(ord(char) < 32 for char in value):
        raise Complaint(f"write a text in quotes, not {_kind(value)}")
    return value


def whole(minimum: int, maximum: int) -> Reader[int]:
    """A whole number between the bounds, both included."""

    def read(value: object) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            shown = value if type(value) is int else _kind(value)
            raise Complaint(f"write a whole number from {minimum} to {maximum}, not {shown}")
        return value

    return read


def count_or_all(minimum: int, maximum: int) -> Reader[int | None]:
    """A whole number between the bounds, or ``"all"``, which is None."""

    def read(value: object) -> int | None:
        if value == "all":
            return None
        if isinstance(value, str):
            raise Complaint(f'write "all", or a whole number from {minimum} on')
        return whole(minimum, maximum)(value)

    return read


def yes_or_no(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise Complaint(f"write true or false, not {_kind(value)}")
    return value


def choice(*names: str) -> Reader[str]:
    """One of these names."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise Complaint(f"write one of {', '.join(names)}")
        return value

    return read


def epoch_pin(value: object) -> tuple[int, bytes] | None:
    """An epoch and the hash of its validators: ``"3:<64 hex digits>"``."""
    number, colon, digest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and number.isascii() and number.isdigit() and len(number) < 10 and len(digest) == 64):
        raise Complaint('write "<epoch>:<hash of its validators, 64 hex digits>"')
    try:
        return int(number), bytes.fromhex(digest)
    except ValueError:
        raise Complaint(f"{digest!r} is no hash in hex") from None


def path_from(folder: Path) -> Reader[Path]:
    """A path; a relative one starts at ``folder``, and ``~`` is a home folder."""

    def read(value: object) -> Path:
        try:
            return (folder / Path(text(value)).expanduser()).absolute()
        except RuntimeError as error:
            raise Complaint(f"{value!r} begins with the home folder of nobody here") from error

    return read


def listen_address(value: object) -> Address:
    """``host:port`` to listen at; port 0 takes a free one."""
    return _address(value, port_min=0)


def peer_address(value: object) -> Address:
    """``host:port`` to connect to."""
    return _address(value, port_min=1)


def _address(value: object, port_min: int) -> Address:
    example = 'write "host:port", for instance "127.0.0.1:7101" or "[::1]:7101"'
    if not isinstance(value, str):
        raise Complaint(f"{example}, not {_kind(value)}")
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not _is_host(host, bracketed):
        raise Complaint(f"{example}, not {value!r}")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and port_min <= int(port) <= 65_535):
        raise Complaint(f"port {port!r} is not between {port_min} and 65535; {example}")
    return Address(host, int(port))


def _is_host(host: str, bracketed: bool) -> bool:
    if not host or len(host) > 253 or not host.isascii():
        return False
    return all(char.isalnum() or char in (":.%" if bracketed else ".-_") for char in host)


def _kind(value: object) -> str:
    names: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "this text"}
    return names.get(type(value), "an array" if isinstance(value, list) else "a table or date")
