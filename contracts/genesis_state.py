"""The state before the first block: what the founders' cards say, as records."""

from __future__ import annotations

from contracts.interface import BlockContext, Refusal
from contracts.prefixes import take_prefix
from contracts.switch import VALIDATORS_KEY
from contracts.workspace import PARAMETERS_KEY, Workspace
from tallystick.errors import DecodeError
from tallystick.genesis import CardBody, Genesis
from tallystick.records.base import Record
from tallystick.records.chain import HOUR_MS, ChainParameters, ExpiringHours, ValidatorsRecord, chain_key
from tallystick.records.members import (
    ORGANISATION_ID,
    PREFIX,
    ROLES,
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)
from tallystick.records.membership import Seat, seat_key

EXPIRING_HOURS_KEY = chain_key("expiring-hours")


def genesis_writes(genesis: Genesis) -> dict[bytes, Record]:
    """Every record of height 0, by key.

    Raises:
        DecodeError: ``genesis.card`` when a card names an organisation, role or prefix that is not well formed, or
            ``genesis.prefix`` when two prefixes overlap.
    """
    work = Workspace(_Nothing(), BlockContext(0, genesis.time_ms))
    work.write(
        PARAMETERS_KEY,
        ChainParameters(
            genesis.network, 0, genesis.clock_advance_allowed, genesis.admission_quorum, 0, genesis.heartbeat_ms
        ),
    )
    work.write(VALIDATORS_KEY, ValidatorsRecord(0, genesis.validators()))
    hour = genesis.time_ms // HOUR_MS
    work.write(EXPIRING_HOURS_KEY, ExpiringHours(hour, hour))
    for card in genesis.cards:
        _found_organisation(work, card.body)
    return {key: record for key, record in sorted(work.staged.items()) if record is not None}


def _found_organisation(work: Workspace, card: CardBody) -> None:
    for value, well_formed in (
        (card.organisation, ORGANISATION_ID.fullmatch(card.organisation) is not None),
        *((role, role in ROLES) for role in card.roles),
        *((prefix, PREFIX.fullmatch(prefix) is not None) for prefix in card.prefixes),
    ):
        if not well_formed:
            raise DecodeError("genesis.card", f"{value!r} on the card of {card.organisation} is not well formed")
    prefixes = tuple(sorted(set(card.prefixes)))
    for prefix in prefixes:
        _take(work, prefix, card.organisation)
    work.write(
        organisation_key(card.organisation),
        Organisation(
            card.name,
            OrganisationStatus.ACTIVE,
            tuple(sorted(set(card.roles))),
            prefixes,
            tuple(sorted(set(card.currencies))),
            0,
            2,
            1,
        ),
    )
    for public_key, use in ((card.root_key, KeyUse.ROOT), (card.validator_key, KeyUse.VALIDATOR)):
        work.write(member_key(public_key), Key(card.organisation, KeyStatus.ACTIVE, (use,), "", 0, 0))
    seat = Seat(card.validator_key, card.certificate, card.peer_address, card.api_address, 0, 0)
    work.write(seat_key(card.organisation), seat)


def _take(work: Workspace, prefix: str, organisation: str) -> None:
    try:
        take_prefix(work, prefix, organisation)
    except Refusal as refusal:
        raise DecodeError("genesis.prefix", f"prefix {prefix} of {organisation} overlaps another's") from refusal


class _Nothing:
    """The state before genesis."""

    def get(self, key: bytes) -> Record | None:
        return None

    def due(self, until_ms: int) -> tuple[tuple[bytes, Record], ...]:
        return ()

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        return False
