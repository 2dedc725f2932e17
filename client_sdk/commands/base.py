"""What all commands share: their shape, the options that most of them take, and what they work with."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from client_sdk.client import Client
from client_sdk.config import Config, parse_chain_id
from client_sdk.environment import Environment
from client_sdk.keystore import Keystore, read_passphrase, read_secret
from client_sdk.member import USE_NAMES, Member
from client_sdk.nodes import Nodes, RequestKey
from client_sdk.output import Output
from client_sdk.reader import Reader
from client_sdk.transport import HttpTransport, Transport
from client_sdk.trust import TrustStore, load_trust, pin
from tallystick import api
from tallystick.api import TransactionState
from tallystick.epcis import PROFILES
from tallystick.errors import ConfigError
from tallystick.records.members import KeyUse

Parser: TypeAlias = argparse.ArgumentParser
TransportMaker: TypeAlias = Callable[[str, str | None], Transport]

TIMEOUT_MAX_S = 86_400
_NAME_OF = {use: name for name, use in USE_NAMES.items()}
# Which key signs requests where none is named for reading. Only a key registered for READ opens members' data.
_REQUEST_USES = ("read", "trade", "capture", "root", "maker", "checker")


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        summary: one line for the list of commands.
        examples: lines as they are typed, without ``tallystick``.
        add: adds the command's own arguments.
        run: does it; what it returns is the exit status.
        online: takes the options about nodes and keys.
        nested: has actions of its own, to which ``add`` gives the common options.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    add: Callable[[Parser], None]
    run: Callable[[Context, argparse.Namespace], int]
    online: bool = True
    nested: bool = False
    description: str = ""


def add_common_options(parser: Parser) -> None:
    """Options of every command."""
    group = parser.add_argument_group("common")
    group.add_argument("--config", type=Path, metavar="FILE", help="configuration (default: $TALLYSTICK_CONFIG)")
    group.add_argument("--json", action="store_true", help="print one JSON object per line")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= TIMEOUT_MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and {TIMEOUT_MAX_S} seconds")
    return value


def add_online_options(parser: Parser) -> None:
    """Options of every command that talks to nodes or signs."""
    group = parser.add_argument_group("nodes and keys")
    group.add_argument("--node", action="append", metavar="URL", help="a node's URL; several are tried in turn")
    group.add_argument("--chain", metavar="ID", help="chain id, when the configuration names none")
    group.add_argument("--organisation", metavar="ORG", help="who acts, when the configuration does not say")
    group.add_argument(
        "--key", action="append", metavar="NAME", help="sign with this key; several in signing order (default: [keys])"
    )
    group.add_argument(
        "--passphrase-file",
        action="append",
        type=Path,
        metavar="FILE",
        help="first line opens the keys; mode 0600 (repeatable)",
    )
    group.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="how long to wait (default 30)"
    )


def add_sending_options(parser: Parser) -> None:
    """Options of commands that send a transaction."""
    group = parser.add_argument_group("sending")
    group.add_argument(
        "--wait",
        type=TransactionState,
        choices=[state for state in TransactionState if state is not TransactionState.UNKNOWN],
        default=TransactionState.PROVEN,
        metavar="STATE",
        help="admitted, final, executed or proven (default)",
    )


@dataclass(slots=True)
class Context:
    """What a command works with; built lazily, so that a command that needs no node asks for none.

    Attributes:
        arguments: the parsed command line.
        make_transport: how to reach a node; tests put their own.
    """

    config: Config
    arguments: argparse.Namespace
    output: Output
    environment: Environment
    make_transport: TransportMaker = HttpTransport
    _opened: dict[str, bytes] = field(default_factory=dict)
    _nodes: Nodes | None = None
    _reading_nodes: Nodes | None = None
    _trust: TrustStore | None = None

    # --- keys ---------------------------------------------------------------------------------------------

    @property
    def keystore(self) -> Keystore:
        """The folder of key files beside the configuration."""
        return Keystore(self.config.keystore, self.environment)

    def open_key(self, name: str) -> bytes:
        """The seed of a key by name or path, asking for its passphrase once."""
        if name not in self._opened:
            files: list[Path] = self.arguments.passphrase_file or []
            named: list[str] = self.arguments.key or []
            place = named.index(name) if name in named else 0
            file = files[min(place, len(files) - 1)] if files else None
            self._opened[name] = self.keystore.open(name, read_passphrase(f"key {name}", file))
        return self._opened[name]

    def seeds(self, uses: Sequence[KeyUse]) -> tuple[dict[KeyUse, bytes], list[bytes]]:
        """Seeds by use and, beyond them, co-signers: from ``--key`` in order, else from the configuration.

        Raises:
            ConfigError: a use for which no key is named.
        """
        named: list[str] = self.arguments.key or []
        if named:
            if len(named) < len(uses):
                raise ConfigError(f"this is signed with {', '.join(_NAME_OF[use] for use in uses)}: name a --key each")
            opened = [self.open_key(name) for name in named]
            return dict(zip(uses, opened, strict=False)), opened[len(uses) :]
        missing = [_NAME_OF[use] for use in uses if _NAME_OF[use] not in self.config.keys]
        if missing:
            raise ConfigError(f"no key for {', '.join(missing)}: give --key NAME, or name it under [keys] in the file")
        return {use: self.open_key(self.config.keys[_NAME_OF[use]]) for use in uses}, []

    # --- the chain ----------------------------------------------------------------------------------------

    @property
    def organisation(self) -> str:
        """Who acts. Raises: ConfigError."""
        name: str = self.arguments.organisation or self.config.organisation
        if not name:
            raise ConfigError("who acts? give --organisation, or organisation.id in the configuration")
        return name

    def nodes(self) -> Nodes:
        """The nodes of the command line or the configuration, for submitting: any key of the member opens them."""
        if self._nodes is None:
            self._nodes = self._connect(lambda: self._request_key(prefer_named=True))
        return self._nodes

    def reading_nodes(self) -> Nodes:
        """The same nodes, for members' data: only a key registered for reading opens them."""
        if self._reading_nodes is None:
            self._reading_nodes = self._connect(lambda: self._request_key(prefer_named=False))
        return self._reading_nodes

    def _connect(self, key: Callable[[], RequestKey | None]) -> Nodes:
        urls = self.arguments.node or self.config.nodes
        ca_file = str(self.config.ca_file) if self.config.ca_file is not None else None
        return Nodes(
            [self.make_transport(url, ca_file) for url in urls],
            key,
            environment=self.environment,
            patience_s=min(20.0, self.arguments.timeout),
        )

    def _request_key(self, *, prefer_named: bool) -> RequestKey | None:
        """What signs requests, found when it is first needed: of those that would do one that is open already."""
        configured = [self.config.keys[use] for use in _REQUEST_USES if use in self.config.keys]
        named: list[str] = self.arguments.key or []
        names = [*named, *configured] if prefer_named else [*configured[:1], *named]
        if not names:
            return None
        opened = [name for name in names if name in self._opened]
        return RequestKey(self.open_key((opened or names)[0] if prefer_named else names[0]), self.chain_id)

    @property
    def chain_id(self) -> bytes:
        """The pinned chain. Raises: ConfigError."""
        if self.arguments.chain:
            return parse_chain_id(self.arguments.chain)
        if self.config.chain_id is None:
            raise ConfigError("which chain? give --chain ID, or run 'tallystick configure' first")
        return self.config.chain_id

    def trust(self) -> TrustStore:
        """The trust file; when there is none yet, the genesis of the pinned chain is fetched and pinned."""
        if self._trust is None:
            path = self.config.trust_file
            if path.exists():
                self._trust = load_trust(path, self.chain_id)
            else:
                genesis = self.nodes().get(api.GENESIS, accept="application/msgpack").body
                self._trust = pin(genesis, self.chain_id, path)
        return self._trust

    def reader(self) -> Reader:
        """Verified reads."""
        return Reader(self.reading_nodes(), self.trust(), environment=self.environment)

    def client(self) -> Client:
        """Submitting and following."""
        return Client(self.nodes(), self.chain_id, self.environment, wait_s=self.arguments.timeout)

    def member(self, uses: Sequence[KeyUse]) -> tuple[Member, list[bytes]]:
        """The acting organisation with keys for ``uses``, and co-signers' seeds beyond them."""
        seeds, co_signers = self.seeds(uses)
        return self._member(seeds), co_signers

    def member_without_keys(self) -> Member:
        """The acting organisation for drafts, which others sign."""
        return self._member({})

    def _member(self, seeds: dict[KeyUse, bytes]) -> Member:
        config = self.config
        return Member(
            self.organisation,
            self.client(),
            seeds,
            capture_secret=read_secret(config.capture_secret) if config.capture_secret is not None else b"",
            invoice_secret=read_secret(config.invoice_secret) if config.invoice_secret is not None else b"",
            profile=PROFILES[config.profile],
        )
