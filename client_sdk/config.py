"""One TOML file of a member: which chain, which nodes, whose keys.

```toml
[network]
chain_id = "9f…"                        # pinned; compared person to person
nodes = ["http://127.0.0.1:8101", "http://127.0.0.1:8102"]
ca_file = "nodes.pem"                   # only for https nodes with certificates of their own

[organisation]
id = "org:grower"
location = "414/9521001000024"          # business location of events that name no other
profile = "general"                     # which fields of events everybody may see
capture_secret = "capture.secret"
invoice_secret = "invoice.secret"       # of a debtor; must never change

[keys]                                  # names in the keystore beside this file, or paths
capture = "capture"
trade = "trade"
```

Paths are relative to the file. Unknown entries are refused: a misspelt one would silently do nothing.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client_sdk import secure_files
from client_sdk.values import read_identifier
from tallystick.epcis import PROFILES
from tallystick.errors import ConfigError

CONFIG_VARIABLE = "TALLYSTICK_CONFIG"
KEY_USES = ("root", "capture", "trade", "maker", "checker", "read")
_SHAPE: dict[str, dict[str, type]] = {
    "network": {"chain_id": str, "nodes": list, "ca_file": str},
    "organisation": {"id": str, "location": str, "profile": str, "capture_secret": str, "invoice_secret": str},
    "keys": dict.fromkeys(KEY_USES, str),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says, with paths made absolute.

    Attributes:
        path: the file; its folder also holds ``keys/`` and ``trust.json`` unless said otherwise.
        chain_id: 32 bytes, or None where no network was chosen yet.
        nodes: URLs, the preferred one first.
        keys: key name or path by use.
    """

    path: Path
    chain_id: bytes | None = None
    nodes: tuple[str, ...] = ()
    ca_file: Path | None = None
    organisation: str = ""
    location: str = ""
    profile: str = "general"
    capture_secret: Path | None = None
    invoice_secret: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def keystore(self) -> Path:
        """The folder of key files."""
        return self.path.parent / "keys"

    @property
    def trust_file(self) -> Path:
        """Where the newest verified header is kept between runs."""
        return self.path.parent / "trust.json"

    @property
    def location_uri(self) -> str:
        """The configured business location as events write it; empty for none. Raises: EventError."""
        return read_identifier(self.location).uri if self.location else ""


def default_path(variables: Mapping[str, str] = os.environ) -> Path:
    """``$TALLYSTICK_CONFIG``, else ``tallystick/config.toml`` in the user's configuration folder."""
    if variables.get(CONFIG_VARIABLE):
        return Path(variables[CONFIG_VARIABLE]).expanduser()
    home = variables.get("XDG_CONFIG_HOME")
    base = Path(home) if home else Path.home() / ".config"
    return base / "tallystick" / "config.toml"


def load_config(path: Path, *, must_exist: bool = False) -> Config:
    """Read a configuration; a missing file gives an empty one unless it was asked for by name.

    Raises:
        ConfigError: unreadable, not TOML, an unknown entry or a wrong value; the message names the entry.
    """
    path = path.expanduser().absolute()
    if not path.exists() and not must_exist:
        return Config(path)
    data = secure_files.read(path, "configuration", size_max=65_536)
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    _check_shape(path, tables)
    network, organisation = tables.get("network", {}), tables.get("organisation", {})
    nodes = network.get("nodes", [])
    if not all(isinstance(node, str) for node in nodes):
        raise ConfigError(f"{path}: network.nodes is a list of URLs")
    profile = organisation.get("profile", "general")
    if profile not in PROFILES:
        raise ConfigError(f"{path}: organisation.profile {profile!r} is none of {', '.join(sorted(PROFILES))}")
    return Config(
        path=path,
        chain_id=parse_chain_id(network["chain_id"]) if "chain_id" in network else None,
        nodes=tuple(nodes),
        ca_file=_path(path, network.get("ca_file")),
        organisation=organisation.get("id", ""),
        location=organisation.get("location", ""),
        profile=profile,
        capture_secret=_path(path, organisation.get("capture_secret")),
        invoice_secret=_path(path, organisation.get("invoice_secret")),
        keys={use: _key(path, name) for use, name in tables.get("keys", {}).items()},
    )


def write_config(config: Config) -> None:
    """Write a configuration file that did not exist.

    Raises:
        ConfigError: it exists already; it is a person's file and never overwritten.
    """
    lines: list[str] = ["[network]"]
    if config.chain_id is not None:
        lines.append(f'chain_id = "{config.chain_id.hex()}"')
    lines.append(f"nodes = [{', '.join(map(_quote, config.nodes))}]")
    if config.ca_file is not None:
        lines.append(f"ca_file = {_quote(str(config.ca_file))}")
    lines += ["", "[organisation]"]
    for name, value in (
        ("id", config.organisation),
        ("location", config.location),
        ("profile", config.profile),
    ):
        if value:
            lines.append(f"{name} = {_quote(value)}")
    for name, file in (("capture_secret", config.capture_secret), ("invoice_secret", config.invoice_secret)):
        if file is not None:
            lines.append(f"{name} = {_quote(str(file))}")
    lines += ["", "[keys]", *(f"{use} = {_quote(name)}" for use, name in sorted(config.keys.items()))]
    secure_files.write_new(config.path, ("\n".join(lines) + "\n").encode())


def parse_chain_id(text: str) -> bytes:
    """The 32 bytes of a chain id in hex.

    Raises:
        ConfigError: not 64 lower-case hexadecimal digits.
    """
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ConfigError(f"{text[:80]!r} is no chain id: 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)


def _check_shape(path: Path, tables: dict[str, Any]) -> None:
    for table, entries in tables.items():
        if table not in _SHAPE:
            raise ConfigError(f"{path}: unknown table [{table}]; known are {', '.join(_SHAPE)}")
        if not isinstance(entries, dict):
            raise ConfigError(f"{path}: {table} is a table")
        for name, value in entries.items():
            if name not in _SHAPE[table]:
                raise ConfigError(f"{path}: unknown entry {table}.{name}; known are {', '.join(_SHAPE[table])}")
            if type(value) is not _SHAPE[table][name]:
                raise ConfigError(f"{path}: {table}.{name} is not a {_SHAPE[table][name].__name__}")


def _path(path: Path, text: str | None) -> Path | None:
    return None if text is None else (path.parent / Path(text).expanduser())


def _key(path: Path, name: str) -> str:
    return str(path.parent / Path(name).expanduser()) if "/" in name else name


def _quote(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(char):04x}" if ord(char) < 32 or char in '"\\' or ord(char) == 127 else char for char in text
    )
    return f'"{escaped}"'
