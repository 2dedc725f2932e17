"""A configuration file read strictly: every key known, every value of its type, complaints with file, path and remedy.

Nodes, explorers and members' programs read their files with this; the bytes are read by them, here is no disk.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from tallystick.errors import ConfigError
from tallystick.plain_text import one_line

T = TypeVar("T")


class Complaint(Exception):
    """A value is wrong; the table that was reading it adds file and key path."""


Reader = Callable[[object], T]


class Table:
    """One table of a TOML file, read key by key; ``end`` refuses what nobody asked for.

    Args:
        file: what complaints call the file: its path.
        path: of the table, with a dot behind each part; empty for the top.
    """

    def __init__(self, file: object, path: str, values: Mapping[str, Any]) -> None:
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

    def tables(self) -> list[tuple[str, Table]]:
        """Every key that is left as a table, for tables whose keys are names; nothing is left afterwards."""
        found = []
        for key, value in self.items():
            if not isinstance(value, dict):
                raise self.error(key, "write it as a table of texts")
            found.append((key, Table(self.file, f"{self.path}{key}.", value)))
        return found

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
    if not isinstance(value, str) or not value or one_line(value) != value:
        raise Complaint(f"write a text in quotes, not {kind_of(value)}")
    return value


def whole(minimum: int, maximum: int) -> Reader[int]:
    """A whole number between the bounds, both included."""

    def read(value: object) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            shown = value if type(value) is int else kind_of(value)
            raise Complaint(f"write a whole number from {minimum} to {maximum}, not {shown}")
        return value

    return read


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise Complaint(f"write a list of texts in brackets, not {kind_of(value)}")
    return tuple(text(entry) for entry in value)


def yes_or_no(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise Complaint(f"write true or false, not {kind_of(value)}")
    return value


def choice(*names: str) -> Reader[str]:
    """One of these names."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise Complaint(f"write one of {', '.join(names)}")
        return value

    return read


def kind_of(value: object) -> str:
    """What a value is, in words for a complaint."""
    names: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "this text"}
    return names.get(type(value), "an array" if isinstance(value, list) else "a table or date")


def parse_settings(file: object, data: bytes, size_max: int) -> Table:
    """The top table of a TOML file.

    Args:
        file: what complaints call it.
        size_max: bytes.
    Raises:
        ConfigError: too large, or no TOML.
    """
    if len(data) > size_max:
        raise ConfigError(f"{file}: larger than {size_max} bytes; this is no configuration file")
    try:
        return Table(file, "", tomllib.loads(data.decode()))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigError(f"{file}: not valid TOML: {str(error).splitlines()[0]}") from error
