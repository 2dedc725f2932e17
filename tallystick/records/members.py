"""Records of who may act: organisations, their keys, accreditations."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick.encoding import Message, Name, Natural, PublicKey, Text, TimeMs
from tallystick.records.base import Space, hash_key, text_key

ROLES = (
    "governor",  # signs admissions and suspensions
    "producer",  # commissions items under its GS1 company prefixes
    "processor",
    "carrier",
    "inspector",  # inspects within its accreditations
    "accreditor",  # accredits inspectors
    "retailer",
    "bank",  # settlement bank: issues and redeems account money in its currencies
    "lender",
    "arbitrator",
    "regulator",  # may recall and hold
)


class OrganisationStatus(IntEnum):
    """Whether an organisation may act."""

    ACTIVE = 1
    SUSPENDED = 2


class KeyStatus(IntEnum):
    """Whether a key may act."""

    ACTIVE = 1
    REVOKED = 2


class KeyUse(IntEnum):
    """What a key may sign. A root key may only manage keys (and govern); it stays in a safe."""

    ROOT = 1
    CAPTURE = 2  # events
    TRADE = 3  # documents, escrow, offers
    CONFIRM_MAKER = 4  # first person of a confirmation
    CONFIRM_CHECKER = 5  # second person of a confirmation
    VALIDATOR = 6  # readiness and evidence of the organisation's node
    READ = 7  # signed requests at the members' door


class Organisation(Message, frozen=True):
    """An admitted organisation. Key: ``organisation_key(id)``. Public.

    Attributes:
        name: for people.
        roles: sorted names out of ``ROLES``.
        prefixes: GS1 company prefixes whose identifiers it may open, digits only, sorted.
        currencies: ISO 4217 codes a bank may issue.
        admitted_height: height of the block that admitted it (0: genesis).
        key_count: keys ever registered.
    """

    name: Name
    status: OrganisationStatus
    roles: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    prefixes: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]
    currencies: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    admitted_height: Natural
    key_count: Natural


class Key(Message, frozen=True):
    """A registered public key. Key: ``member_key(public_key)``. Public.

    Attributes:
        organisation: id of its organisation.
        uses: sorted ``KeyUse`` values.
        person: pseudonymous tag that tells two persons of a firm apart; never a name.
        since_height, until_height: heights in which it was active; ``until_height`` 0 while it is.
    """

    organisation: Name
    status: KeyStatus
    uses: Annotated[tuple[KeyUse, ...], msgspec.Meta(min_length=1, max_length=8)]
    person: Text
    since_height: Natural
    until_height: Natural


class Accreditation(Message, frozen=True):
    """Leave to inspect. Key: ``accreditation_key(organisation)``. Public.

    Attributes:
        scopes: identifier-key prefixes, for instance ``01/09521234543213``; sorted.
        from_ms, until_ms: half-open term in block time.
    """

    accreditor: Name
    scopes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
    from_ms: TimeMs
    until_ms: TimeMs
    revoked: bool


def organisation_key(organisation: str) -> bytes:
    """Key of an organisation's record."""
    return text_key(Space.ORGANISATION, organisation)


def member_key(public_key: PublicKey) -> bytes:
    """Key of a public key's record."""
    return hash_key(Space.KEY, public_key)


def accreditation_key(organisation: str) -> bytes:
    """Key of an inspector's accreditation."""
    return text_key(Space.ACCREDITATION, organisation)
