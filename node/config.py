"""The configuration of one node: one TOML file becomes one frozen value, or one ``ConfigError``.

Relative paths start at the folder of the file. docs/operating.md explains every key to operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from node.folder import CLOSING_SEALS, NEWEST_SEAL
from node.toml_reader import (
    Address,
    count_or_all,
    epoch_pin,
    listen_address,
    path_from,
    peer_address,
)
from tallystick import limits
from tallystick.errors import ConfigError
from tallystick.settings import Complaint, Table, choice, parse_settings, text, whole, yes_or_no

CONFIG_SIZE_MAX = 1_048_576  # bytes; a configuration is a page, not a book
KEYS_MAX = 1_000_000_000_000  # of a setting that counts records
HEIGHTS_MAX = 1_000_000_000  # of a setting that counts heights; who wants more writes "all"
KEEP_BLOCKS_MIN = 256  # heights: what a neighbour that was away for a moment asks for


VALIDATOR_KEY = "validator.key"  # hex of the 32-byte seed that signs votes
TRANSPORT_KEY = "transport.key"  # PEM, private key of the transport certificate
TRANSPORT_CERTIFICATE = "transport.crt"  # PEM
ROOT_KEY = "root.key.json"  # encrypted; never read by a running node
SEAL_KEY = "seal.key"  # hex of the 32-byte BLS secret that signs seals; a node without it signs none
CARD = "card.bin"

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True, slots=True)
class Timing:
    """Waiting times in milliseconds, see ``consensus.config.EngineConfig``.

    Attributes:
        idle_block_ms: None: the heartbeat that genesis names.
    """

    block_spacing_ms: int = limits.BLOCK_SPACING_MS
    idle_block_ms: int | None = None
    view_timeout_ms: int = limits.VIEW_TIMEOUT_MS
    view_timeout_cap_ms: int = limits.VIEW_TIMEOUT_CAP_MS


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is logged, and how: ``text`` for people, ``json`` for machines, one line each."""

    level: str = "info"
    format: str = "text"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """Limits of the HTTP doors.

    Attributes:
        requests_per_second, burst: token bucket of one organisation at the members' door.
        transactions_per_second, transactions_burst: the same for submitted transactions.
        public_requests_per_second, public_burst: token bucket of one address at the public door.
        concurrent_max: requests in progress; more are answered 503.
        waiting_max: of them, long-polls of one organisation.
    """

    requests_per_second: int = 1_000
    burst: int = 2_000
    transactions_per_second: int = 5_000
    transactions_burst: int = 20_000
    public_requests_per_second: int = 100
    public_burst: int = 400
    concurrent_max: int = 512
    waiting_max: int = 256


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """What is kept of the past, and how a node that is far behind gets on. docs/spec/snapshots.md.

    Attributes:
        snapshot_every: heights between two snapshots; 0: none is made.
        join_behind: heights behind a peer from which a snapshot is asked for; 0: never.
        keep_blocks: newest heights whose transactions and receipts are kept; None: all.
        pinned_epoch: number of an epoch and hash of its validators that a snapshot's epochs must lead through.
    """

    snapshot_every: int = limits.SNAPSHOT_EVERY
    join_behind: int = limits.JOIN_BEHIND
    keep_blocks: int | None = None
    pinned_epoch: tuple[int, bytes] | None = None


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything a node is told by its operator.

    Attributes:
        file: the configuration file itself, for messages.
        organisation: whose node it is, for instance ``org:grower``.
        data: folder of database, signer record and lock.
        genesis: the founding document.
        keys: folder of the node's keys.
        peer_listen, api_listen: where the two doors listen.
        peers: organisation id to address; what is not named here stands in the organisation's seat.
        joining: the organisation's seat, or its keys, came after genesis.
        tree_versions: newest heights as of which the node proves its answers; None: all that it executes.
        tree_keys_in_memory: records up to which the state tree is kept in memory whole.
        check_threads: threads that check signatures; 0: the event loop does.
        read_tokens: file of read tokens, or None when there are none.
    """

    file: Path
    organisation: str
    data: Path
    genesis: Path
    keys: Path
    peer_listen: Address
    api_listen: Address
    peers: Mapping[str, Address] = field(default_factory=lambda: MappingProxyType({}))
    read_tokens: Path | None = None
    joining: bool = False
    tree_versions: int | None = limits.PROVABLE_HEIGHTS
    tree_keys_in_memory: int = limits.TREE_KEYS_IN_MEMORY
    check_threads: int = 0
    timing: Timing = Timing()
    log: LogConfig = LogConfig()
    api: ApiConfig = ApiConfig()
    storage: StorageConfig = StorageConfig()

    @property
    def validator_key(self) -> Path:
        """File of the seed that signs votes."""
        return self.keys / VALIDATOR_KEY

    @property
    def seal_key(self) -> Path:
        """File of the BLS secret that signs seals; it may be missing."""
        return self.keys / SEAL_KEY

    @property
    def newest_seal(self) -> Path:
        """File of the newest seal; losing it loses nothing."""
        return self.data / NEWEST_SEAL

    @property
    def closing_seals(self) -> Path:
        """Folder of the seals of epochs' last blocks; losing it loses these alone."""
        return self.data / CLOSING_SEALS

    @property
    def transport_key(self) -> Path:
        """PEM file of the transport certificate's private key."""
        return self.keys / TRANSPORT_KEY

    @property
    def transport_certificate(self) -> Path:
        """PEM file of the transport certificate."""
        return self.keys / TRANSPORT_CERTIFICATE


def load_config(file: Path) -> NodeConfig:
    """Read a configuration file.

    Raises:
        ConfigError: in one sentence, with file, key path and remedy.
    """
    file = file.absolute()
    top = _read_toml(file)
    folder = path_from(file.parent)
    window: int | None = limits.PROVABLE_HEIGHTS
    config = NodeConfig(
        file=file,
        organisation=top.required("organisation", text, 'write the organisation id, for instance "org:grower"'),
        data=top.required("data", folder, "name the folder for the database"),
        genesis=top.required("genesis", folder, "name the genesis file that the founders agreed on"),
        keys=top.required("keys", folder, "name the folder that `tallystick-node init` wrote the keys to"),
        peer_listen=top.required("peer_listen", listen_address, 'write "host:port" for the peers\' door'),
        api_listen=top.required("api_listen", listen_address, 'write "host:port" for the HTTP door'),
        peers=_peers(top.table("peers")),
        read_tokens=top.optional("read_tokens", folder, None),
        joining=top.optional("joining", yes_or_no, False),
        tree_versions=top.optional("tree_versions", _tree_versions, window),
        tree_keys_in_memory=top.optional("tree_keys_in_memory", whole(0, KEYS_MAX), limits.TREE_KEYS_IN_MEMORY),
        check_threads=top.optional("check_threads", whole(0, limits.CHECK_THREADS_MAX), 0),
        timing=_timing(top.table("timing")),
        log=_log(top.table("log")),
        api=_api(top.table("api")),
        storage=_storage(top.table("storage")),
    )
    top.end()
    if config.peer_listen == config.api_listen and config.api_listen.port:
        raise top.error("api_listen", "the same address as peer_listen; the two doors need two ports")
    return config


def _tree_versions(value: object) -> int | None:
    """A number of heights, or ``"all"``."""
    if value == "all":
        return None
    if isinstance(value, str):
        raise Complaint(f'write "all", or a number from {limits.PROVABLE_HEIGHTS} on')
    return whole(limits.PROVABLE_HEIGHTS, HEIGHTS_MAX)(value)


def _read_toml(file: Path) -> Table:
    try:
        with file.open("rb") as stream:
            data = stream.read(CONFIG_SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration: {error.strerror}; name it with --config") from error
    return parse_settings(file, data, CONFIG_SIZE_MAX)


def _peers(table: Table) -> Mapping[str, Address]:
    peers = {}
    for organisation, value in table.items():
        sub = Table(table.file, table.path, {organisation: value})
        peers[organisation] = sub.required(organisation, peer_address, "")
    return MappingProxyType(peers)


def _timing(table: Table) -> Timing:
    timing = Timing(
        block_spacing_ms=table.optional("block_spacing_ms", whole(limits.BLOCK_SPACING_MS, 60_000), 20),
        idle_block_ms=table.optional("idle_block_ms", whole(50, 3_600_000), None),
        view_timeout_ms=table.optional("view_timeout_ms", whole(50, 600_000), limits.VIEW_TIMEOUT_MS),
        view_timeout_cap_ms=table.optional("view_timeout_cap_ms", whole(50, 600_000), limits.VIEW_TIMEOUT_CAP_MS),
    )
    table.end()
    if timing.view_timeout_cap_ms < timing.view_timeout_ms:
        raise table.error("view_timeout_cap_ms", "less than view_timeout_ms; growth must end above its start")
    return timing


def _log(table: Table) -> LogConfig:
    log = LogConfig(
        table.optional("level", choice(*LOG_LEVELS), "info"),
        table.optional("format", choice(*LOG_FORMATS), "text"),
    )
    table.end()
    return log


def _storage(table: Table) -> StorageConfig:
    storage = StorageConfig(
        snapshot_every=table.optional("snapshot_every", whole(0, HEIGHTS_MAX), limits.SNAPSHOT_EVERY),
        join_behind=table.optional("join_behind", whole(0, HEIGHTS_MAX), limits.JOIN_BEHIND),
        keep_blocks=table.optional("keep_blocks", count_or_all(KEEP_BLOCKS_MIN, HEIGHTS_MAX), None),
        pinned_epoch=table.optional("pinned_epoch", epoch_pin, None),
    )
    table.end()
    return storage


def _api(table: Table) -> ApiConfig:
    default = ApiConfig()
    names = ApiConfig.__dataclass_fields__
    values = {name: table.optional(name, whole(1, 10_000_000), getattr(default, name)) for name in names}
    table.end()
    return ApiConfig(**values)
