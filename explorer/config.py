"""The explorer's configuration file, parsed into one frozen value.

```toml
node = "http://127.0.0.1:7201"      # the node beside it, whose word is checked, not trusted
read_token = "explorer.token"       # file with the read token of that node
genesis = "genesis.bin"             # the pinned founding document: everything is checked from here
database = "explorer.db"            # a file (SQLite) or an SQLAlchemy address, for instance of PostgreSQL
listen = "127.0.0.1:8080"
```
Optional: ``other_nodes`` (asked for proofs that the node has pruned), ``public_address``, ``code_hosts``, ``poll_ms``,
``public_database``; ``[products."01/…"]`` and ``[places."…"]`` with display names by language; ``[elsewhere."Name"]``
with the ``address`` of another member's explorer.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from explorer.i18n import LANGUAGES
from tallystick.epcis.identifier_reader import parse_key
from tallystick.errors import ConfigError, EventError
from tallystick.settings import Table, parse_settings, text, texts, whole

CONFIG_SIZE_MAX = 4 * 1_048_576  # bytes; display names of a large assortment still fit
TOKEN_SIZE_MAX = 4_096  # bytes of a read token file
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ExplorerConfig:
    """Everything the explorer is told by its operator.

    Attributes:
        node: address of the node's HTTP doors.
        read_token: token for the members' door; empty when the node asks for none.
        genesis: file of the pinned founding document.
        database: SQLAlchemy address of the read model.
        public_database: the same database for the pages, as a user without rights on members' tables; SQLite needs
            none, there the connection itself refuses.
        host, port: where the pages are served; port 0 takes a free one.
        public_address: address that readers type, without trailing slash; empty: as the request says.
        code_hosts: hosts of codes that belong to this network, besides the host of the page itself.
        poll_ms: pause between two questions to the node when nothing is new.
        products, places: key text or URI to display name by language.
        elsewhere: name to address of other members' explorers, for a second opinion.
        other_nodes: addresses of other members' nodes, asked for public proofs that the node beside does not give.
    """

    node: str
    read_token: str
    genesis: Path
    database: str
    public_database: str
    host: str
    port: int
    public_address: str = ""
    code_hosts: tuple[str, ...] = ()
    poll_ms: int = 400
    products: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    places: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    elsewhere: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    other_nodes: tuple[str, ...] = ()


def load_config(file: Path) -> ExplorerConfig:
    """Read a configuration file.

    Raises:
        ConfigError: in one sentence, with file, key path and remedy.
    """
    file = file.absolute()
    top = _read_toml(file)
    node = _web_address(
        top, "node", top.required("node", text, 'write its address, for instance "http://127.0.0.1:7201"')
    )
    token_file = top.optional("read_token", text, "")
    genesis = file.parent / top.required("genesis", text, "name the genesis file that the founders agreed on")
    database = _database(file, top.required("database", text, 'name a file, for instance "explorer.db"'))
    host, port = _listen(top, top.required("listen", text, 'write "host:port", for instance "127.0.0.1:8080"'))
    public_address = top.optional("public_address", text, "")
    code_hosts = _listed(top, "code_hosts")
    for code_host in code_hosts:
        if _HOST.fullmatch(code_host) is None:
            raise top.error("code_hosts", f"{code_host!r} is not a host name")
    config = ExplorerConfig(
        node=node,
        read_token=_read_token(file.parent / token_file) if token_file else "",
        genesis=genesis,
        database=database,
        public_database=_database(file, top.optional("public_database", text, database)),
        host=host,
        port=port,
        public_address=_web_address(top, "public_address", public_address) if public_address else "",
        code_hosts=tuple(code_host.lower() for code_host in code_hosts),
        poll_ms=top.optional("poll_ms", whole(50, 60_000), 400),
        products=_names(top.table("products"), of_items=True),
        places=_names(top.table("places"), of_items=False),
        elsewhere=_elsewhere(top.table("elsewhere")),
        other_nodes=tuple(_web_address(top, "other_nodes", address) for address in _listed(top, "other_nodes")),
    )
    top.end()
    return config


def _listed(top: Table, key: str) -> tuple[str, ...]:
    none: tuple[str, ...] = ()
    return top.optional(key, texts, none)


def _read_toml(file: Path) -> Table:
    try:
        with file.open("rb") as stream:
            data = stream.read(CONFIG_SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration: {error.strerror}; name it with --config") from error
    return parse_settings(file, data, CONFIG_SIZE_MAX)


def _web_address(section: Table, key: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise section.error(key, f"{value!r} is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
        raise section.error(key, f'{value!r} is not an address like "http://127.0.0.1:7201"')
    return value.rstrip("/")


def _listen(section: Table, value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise section.error("listen", f'{value!r} is not "host:port", for instance "127.0.0.1:8080"')
    return host.removeprefix("[").removesuffix("]"), int(port)


def _database(file: Path, value: str) -> str:
    return value if "://" in value else f"sqlite:///{file.parent / value}"


def _read_token(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(TOKEN_SIZE_MAX + 1)
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the read token: {error.strerror}") from error
    if mode & 0o077:  # as nodes are with their keys: the token opens every member's business
        raise ConfigError(f"{file}: the read token can be read by others (mode {mode:04o}); run: chmod 600 {file}")
    token = data.decode("ascii", "replace").strip()
    if not token or len(data) > TOKEN_SIZE_MAX or not token.isprintable() or " " in token or "\ufffd" in token:
        raise ConfigError(f"{file}: not a read token; write the token that the node's operator made, on one line")
    return token


def _names(section: Table, *, of_items: bool) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for key, names in section.tables():
        if of_items:
            try:
                parse_key(key)
            except EventError as error:
                raise names.error("", f"{key!r} is not a key text like 01/09521234543213: {error.detail}") from error
        shown = {language: names.optional(language, text, "") for language in LANGUAGES}
        names.end()
        found[key] = MappingProxyType({language: name for language, name in shown.items() if name})
    return MappingProxyType(found)


def _elsewhere(section: Table) -> Mapping[str, str]:
    found = {}
    for name, entry in section.tables():
        found[name] = _web_address(
            entry, "address", entry.required("address", text, "write the address of that explorer")
        )
        entry.end()
    return MappingProxyType(found)
