"""Reading the explorer's TOML strictly: every key known, every complaint one sentence with file, key and remedy."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from tallystick.errors import ConfigError

CONFIG_SIZE_MAX = 4 * 1_048_576  # bytes; display names of a large assortment still fit


def read_toml(file: Path) -> Mapping[str, object]:
    """The top table of a file.

    Raises:
        ConfigError: it cannot be read, is too large or no TOML.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(CONFIG_SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration: {error.strerror}; name it with --config") from error
    if len(data) > CONFIG_SIZE_MAX:
        raise ConfigError(f"{file}: larger than {CONFIG_SIZE_MAX} bytes; this is no configuration file")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigError(f"{file}: not valid TOML: {str(error).splitlines()[0]}") from error


class Section:
    """One table, read key by key; ``end`` refuses what nobody asked for."""

    def __init__(self, file: Path, path: str, values: Mapping[str, object]) -> None:
        self.file = file
        self.path = path
        self._values = dict(values)
        self._known: list[str] = []

    def error(self, key: str, complaint: str) -> ConfigError:
        """A complaint about a key of this table."""
        return ConfigError(f"{self.file}: {self.path}{key}: {complaint}")

    def text(self, key: str, remedy: str = "", *, default: str | None = None) -> str:
        """A text without control characters; required where there is no default."""
        self._known.append(key)
        if key not in self._values:
            if default is None:
                raise self.error(key, f"missing; {remedy}")
            return default
        value = self._values.pop(key)
        if not isinstance(value, str) or not value or any(ord(char) < 32 for char in value):
            raise self.error(key, "write a text in quotes, without line breaks")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; absent means none."""
        self._known.append(key)
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
            raise self.error(key, "write a list of texts in quotes")
        return tuple(value)

    def whole(self, key: str, minimum: int, maximum: int, default: int) -> int:
        """A whole number between the bounds, both included."""
        self._known.append(key)
        value = self._values.pop(key, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise self.error(key, f"write a whole number from {minimum} to {maximum}")
        return value

    def section(self, key: str) -> Section:
        """A table inside this one; empty when it is absent."""
        self._known.append(key)
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"write it as a table, [{self.path}{key}]")
        return Section(self.file, f"{self.path}{key}.", value)

    def sections(self) -> list[tuple[str, Section]]:
        """Every key that is left as a table, for tables whose keys are names; nothing is left afterwards."""
        found = []
        for key in sorted(self._values):
            value = self._values[key]
            if not isinstance(value, dict):
                raise self.error(key, "write it as a table of texts")
            found.append((key, Section(self.file, f"{self.path}{key}.", value)))
        self._values = {}
        return found

    def end(self) -> None:
        """Refuse keys that nobody asked for, naming the first and the known key that looks most like it."""
        for key in sorted(self._values):
            close = get_close_matches(key, self._known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(self._known))}"
            raise self.error(key, f"unknown key; {hint}")
