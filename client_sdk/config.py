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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client_sdk import secure_files
from client_sdk.values import read_identifier
from tallystick.epcis import PROFILES
from tallystick.errors import ConfigError
from tallystick.settings import Complaint, Reader, choice, parse_settings, text, texts

CONFIG_VARIABLE = "TALLYSTICK_CONFIG"
KEY_USES = ("root", "capture", "trade", "maker", "checker", "read")
CONFIG_SIZE_MAX = 65_536  # bytes


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
    if not path.exists():
        raise ConfigError(f"no configuration {path}; 'tallystick configure' writes one, --config names another")
    data = secure_files.read(path, "configuration", size_max=CONFIG_SIZE_MAX)
    top = parse_settings(path, data, CONFIG_SIZE_MAX)
    network, organisation, keys = top.table("network"), top.table("organisation"), top.table("keys")
    file = _path_from(path.parent)
    config = Config(
        path=path,
        chain_id=network.optional("chain_id", _chain_id, None),
        nodes=network.optional("nodes", texts, ()),
        ca_file=network.optional("ca_file", file, None),
        organisation=organisation.optional("id", text, ""),
        location=organisation.optional("location", text, ""),
        profile=organisation.optional("profile", choice(*sorted(PROFILES)), "general"),
        capture_secret=organisation.optional("capture_secret", file, None),
        invoice_secret=organisation.optional("invoice_secret", file, None),
        keys={use: _key(path, name) for use in KEY_USES if (name := keys.optional(use, text, ""))},
    )
    for table in (network, organisation, keys, top):
        table.end()
    return config


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


def _chain_id(value: object) -> bytes | None:
    try:
        return parse_chain_id(text(value))
    except ConfigError as error:
        raise Complaint(str(error)) from error


def _path_from(folder: Path) -> Reader[Path | None]:
    """A path; a relative one starts at the file's folder."""
    return lambda value: folder / Path(text(value)).expanduser()


def _key(path: Path, name: str) -> str:
    return str(path.parent / Path(name).expanduser()) if "/" in name else name


def _quote(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(char):04x}" if ord(char) < 32 or char in '"\\' or ord(char) == 127 else char for char in text
    )
    return f'"{escaped}"'
