"""What a node checks before its first step: genesis is sound, and this organisation stands in it with these keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.genesis_state import genesis_writes
from node.config import NodeConfig
from node.identity import Identity, former_certificate, former_key, read_identity
from node.key_files import read_file
from tallystick.encoding import decode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import GENESIS_VERSION, Card, Genesis, merge_cards

GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards with certificates stay below 200 KiB


@dataclass(frozen=True, slots=True)
class Founding:
    """A node's own place in a checked genesis.

    Attributes:
        genesis, genesis_bytes, chain_id: the document, its encoding, its hash.
        card: this organisation's own; None when it joined, or is to join, after genesis.
        identity: the keys in the node's folder.
    """

    genesis: Genesis
    genesis_bytes: bytes
    chain_id: bytes
    card: Card | None
    identity: Identity


def read_genesis(path: Path) -> tuple[Genesis, bytes]:
    """Read and check a genesis file; also returns its bytes.

    Of BLS keys the form alone: no vote, block or rule rests on them, and a start must not take seconds for each.
    Whoever checks a seal checks the possessions first (``node.bls_worker``), and ``tallystick-node genesis`` at once.

    Raises:
        ConfigError: not a genesis file, of another version, or with a card that does not hold.
    """
    data = read_file(path, "genesis file", size_max=GENESIS_SIZE_MAX)
    try:
        genesis = decode(data, Genesis, size_max=GENESIS_SIZE_MAX)
    except DecodeError as error:
        raise ConfigError(f"{path}: not a genesis file; get it again from the other founders ({error})") from error
    if genesis.version != GENESIS_VERSION:
        raise ConfigError(f"{path}: genesis of version {genesis.version}; this software reads {GENESIS_VERSION}")
    try:
        again = merge_cards(
            genesis.cards,
            network=genesis.network,
            time_ms=genesis.time_ms,
            clock_advance_allowed=genesis.clock_advance_allowed,
            heartbeat_ms=genesis.heartbeat_ms,
            admission_quorum=genesis.admission_quorum,
        )
        genesis.validators()
        genesis_writes(genesis)
    except (DecodeError, SignatureError) as error:
        raise ConfigError(f"{path}: a card in this genesis does not hold: {error}") from error
    if again != genesis:
        raise ConfigError(f"{path}: the cards are not in their one order; make the file with `tallystick-node genesis`")
    return genesis, data


def read_founding(config: NodeConfig) -> Founding:
    """Read genesis and keys and check that they belong together.

    A node whose configuration says ``joining`` takes its seat from the chain; for all others genesis names it.

    Raises:
        ConfigError: the organisation is not in the genesis, or stands there with other keys.
    """
    genesis, data = read_genesis(config.genesis)
    identity = read_identity(config)
    card = next((card for card in genesis.cards if card.body.organisation == config.organisation), None)
    if not config.joining:
        _check_founder(config, genesis, card, identity)
    return Founding(genesis, data, genesis.chain_id(), card, identity)


def _check_founder(config: NodeConfig, genesis: Genesis, card: Card | None, identity: Identity) -> None:
    if card is None:
        there = ", ".join(card.body.organisation for card in genesis.cards)
        raise ConfigError(
            f"{config.genesis}: wrong genesis: {config.organisation} is not among its founders ({there}); "
            "check `organisation` and `genesis` in the configuration, or write `joining = true` if it is to join"
        )
    key, certificate = card.body.validator_key, card.body.certificate
    if key not in identity.seeds and not former_key(config, key).exists():
        raise ConfigError(
            f"{config.genesis}: wrong genesis: {config.organisation} stands in it with another validator key than "
            f"{config.validator_key}; check `genesis` and `keys` in the configuration, or write `joining = true` if "
            "its key was replaced"
        )
    if certificate not in identity.transports and not former_certificate(config, certificate).exists():
        raise ConfigError(
            f"{config.genesis}: wrong genesis: {config.organisation} stands in it with another transport certificate "
            f"than {config.transport_certificate}; check `genesis` and `keys` in the configuration, or write "
            "`joining = true` if it was replaced"
        )
