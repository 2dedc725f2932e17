"""Where a copy begins: the pinned genesis file, and the state that its cards lead to.

The records of height 0 are derived here a second time, apart from the ledger's rules: the explorer runs no rule, and
the first certified header tells whether both derivations agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from explorer.chain_copy import Position
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import Message, decode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.genesis import GENESIS_VERSION, CardBody, Genesis
from tallystick.merkle import EMPTY_ROOT
from tallystick.receipts import Change
from tallystick.records.base import key_hash, record_of
from tallystick.records.chain import HOUR_MS, ChainParameters, ExpiringHours, ValidatorsRecord, chain_key
from tallystick.records.members import (
    PREFIX_SIZE_MIN,
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    PrefixRecord,
    member_key,
    organisation_key,
    prefix_key,
)
from tallystick.records.membership import Seat, seat_key
from tallystick.trie import Trie
from tallystick.validators import ValidatorSet

GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards with certificates stay below 200 KiB


@dataclass(frozen=True, slots=True)
class Founding:
    """A checked genesis.

    Attributes:
        changes: what genesis put into the state, as a receipt would say it.
        leaf: of height 0 in the history tree.
    """

    genesis: Genesis
    chain_id: bytes
    validators: ValidatorSet
    changes: tuple[Change, ...]
    leaf: HistoryLeaf

    @property
    def position(self) -> Position:
        """The position from which the first block is checked."""
        state = Trie().update({key_hash(change.key): change.leaf for change in self.changes})
        return Position(0, self.chain_id, 0, self.genesis.time_ms, (self.leaf.leaf_hash(),), state)


def read_founding(file: Path) -> Founding:
    """Read and check a genesis file.

    Raises:
        ConfigError: it cannot be read, is no genesis file of this version, or a card in it does not hold.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(GENESIS_SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the genesis file: {error.strerror}") from error
    try:
        genesis = decode(data, Genesis, size_max=GENESIS_SIZE_MAX)
        for card in genesis.cards:
            card.verify()
        if genesis.version != GENESIS_VERSION:
            raise DecodeError("genesis.version", f"version {genesis.version}; this software reads {GENESIS_VERSION}")
        return founding_of(genesis)
    except (DecodeError, SignatureError) as error:
        raise ConfigError(f"{file}: not a sound genesis file; get it again from a founder ({error})") from error


def founding_of(genesis: Genesis) -> Founding:
    """The founding of a checked genesis."""
    validators, chain_id = genesis.validators(), genesis.chain_id()
    changes = tuple(Change(key, record_of(value, None, b"").leaf_hash()) for key, value in _records(genesis).items())
    root = Trie().update({key_hash(change.key): change.leaf for change in changes}).root
    leaf = HistoryLeaf(0, chain_id, genesis.time_ms, root, EMPTY_ROOT, 0)
    return Founding(genesis, chain_id, validators, changes, leaf)


def _records(genesis: Genesis) -> dict[bytes, Message]:
    """Every record of height 0; all are public."""
    hour = genesis.time_ms // HOUR_MS
    quorum, advance = genesis.admission_quorum, genesis.clock_advance_allowed
    records: dict[bytes, Message] = {
        chain_key("parameters"): ChainParameters(genesis.network, 0, advance, quorum, 0, genesis.heartbeat_ms),
        chain_key("validators"): ValidatorsRecord(0, genesis.validators()),
        chain_key("expiring-hours"): ExpiringHours(hour, hour),
    }
    longer: dict[str, int] = {}
    for card in genesis.cards:
        body = card.body
        records[organisation_key(body.organisation)] = _organisation(body)
        for public_key, use in ((body.root_key, KeyUse.ROOT), (body.validator_key, KeyUse.VALIDATOR)):
            records[member_key(public_key)] = Key(body.organisation, KeyStatus.ACTIVE, (use,), "", 0, 0)
        seat = Seat(body.validator_key, body.certificate, body.peer_address, body.api_address, 0, 0)
        records[seat_key(body.organisation)] = seat
        for prefix in set(body.prefixes):
            records[prefix_key(prefix)] = PrefixRecord(body.organisation, 0)
            for size in range(PREFIX_SIZE_MIN, len(prefix)):
                longer[prefix[:size]] = longer.get(prefix[:size], 0) + 1
    for prefix, count in longer.items():
        records[prefix_key(prefix)] = PrefixRecord("", count)
    return records


def _organisation(body: CardBody) -> Organisation:
    return Organisation(
        name=body.name,
        status=OrganisationStatus.ACTIVE,
        roles=tuple(sorted(set(body.roles))),
        prefixes=tuple(sorted(set(body.prefixes))),
        currencies=tuple(sorted(set(body.currencies))),
        admitted_height=0,
        key_count=2,
        root_key_count=1,
    )
