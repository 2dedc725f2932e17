"""A member's configuration opened for a program: keys, nodes, verified reads, in one value.

What the command line does step by step, with its prompts, this does at once with a passphrase at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from client_sdk.client import Client
from client_sdk.config import load_config
from client_sdk.environment import SYSTEM, Environment
from client_sdk.event_builder import Circumstances, Reading, event_id_of
from client_sdk.keystore import Keystore, read_secret
from client_sdk.member import USE_NAMES, Member
from client_sdk.nodes import RequestKey, connect
from client_sdk.reader import Reader
from client_sdk.trust import load_trust, pin
from tallystick import api
from tallystick.epcis import PROFILES
from tallystick.errors import ConfigError
from tallystick.records.members import KeyUse

_REQUEST_USES = (KeyUse.READ, KeyUse.TRADE, KeyUse.CAPTURE, KeyUse.ROOT)


@dataclass(frozen=True, slots=True)
class Session:
    """An organisation ready to act.

    Attributes:
        member: signs and submits.
        reader: reads what can be believed.
        location: business location of events, as a URI; empty where the configuration names none.
    """

    member: Member
    reader: Reader
    location: str = ""

    def here(self, *, readings: Sequence[Reading] = (), documents: Sequence[tuple[str, str]] = ()) -> Circumstances:
        """Now by the chain's clock, at the configured location, under a new event id."""
        client = self.member.client
        return Circumstances(
            time_ms=client.chain_time_ms(),
            event_id=event_id_of(client.environment.random_bytes(16)),
            read_point=self.location,
            location=self.location,
            readings=readings,
            documents=documents,
        )


def open_session(config_file: Path, passphrase: str, *, environment: Environment = SYSTEM) -> Session:
    """Open every key that a configuration names, and connect.

    Args:
        config_file: as ``tallystick configure`` writes it.
        passphrase: of all its key files.
    Raises:
        ConfigError: the configuration is incomplete, or a key does not open.
        UnavailableError, AnswerError: the chain was not pinned yet and its genesis could not be had.
    """
    config = load_config(config_file, must_exist=True)
    if config.chain_id is None or not config.organisation:
        raise ConfigError(f"{config.path} names no chain or no organisation")
    store = Keystore(config.keystore, environment)
    opened = {name: store.open(name, passphrase) for name in sorted(set(config.keys.values()))}
    seeds = {USE_NAMES[use]: opened[name] for use, name in config.keys.items()}
    signer = next((seeds[use] for use in _REQUEST_USES if use in seeds), None)
    nodes = connect(
        config.nodes,
        RequestKey(signer, config.chain_id) if signer is not None else None,
        ca_file=str(config.ca_file) if config.ca_file is not None else None,
        environment=environment,
    )
    if config.trust_file.exists():
        trust = load_trust(config.trust_file, config.chain_id)
    else:
        trust = pin(nodes.get(api.GENESIS, accept="application/msgpack").body, config.chain_id, config.trust_file)
    member = Member(
        config.organisation,
        Client(nodes, config.chain_id, environment),
        seeds,
        capture_secret=read_secret(config.capture_secret) if config.capture_secret is not None else b"",
        invoice_secret=read_secret(config.invoice_secret) if config.invoice_secret is not None else b"",
        profile=PROFILES[config.profile],
    )
    return Session(member, Reader(nodes, trust, environment=environment), config.location_uri)
