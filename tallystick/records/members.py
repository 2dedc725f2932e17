"""Records of who may act: organisations, their keys, accreditations."""

from __future__ import annotations

import re
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


# An organisation id: ``org:`` and 1 to 63 lower-case letters, digits and inner hyphens, so that it can stand in a URI.
ORGANISATION_ID = re.compile(r"org:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
PREFIX = re.compile(r"[0-9]{4,12}")
PREFIX_SIZE_MIN = 4
PREFIX_SIZE_MAX = 12
PARTY_URI_BASE = "urn:tallystick:"


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
        root_key_count: root keys active now; the last one cannot go.
    """

    name: Name
    status: OrganisationStatus
    roles: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    prefixes: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]
    currencies: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    admitted_height: Natural
    key_count: Natural
    root_key_count: Natural


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
        scopes: key texts, or the beginning of a product's or container's digits; sorted. docs/spec/goods.md, 6.1.
        from_ms, until_ms: half-open term in block time.
    """

    accreditor: Name
    scopes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
    from_ms: TimeMs
    until_ms: TimeMs
    revoked: bool


class PrefixRecord(Message, frozen=True):
    """Who holds a GS1 company prefix. Key: ``prefix_key(prefix)``. Public.

    Attributes:
        organisation: the holder, or empty where only longer prefixes are held.
        longer: held prefixes that begin with this one; while there are any, nobody can hold this one, so that no
            identifier ever falls under two holders.
    """

    organisation: Text
    longer: Natural


def prefix_key(prefix: str) -> bytes:
    """Key of a GS1 company prefix."""
    return text_key(Space.PREFIX, prefix)


def party_uri(organisation: str) -> str:
    """The URI that names an organisation in an event's source and destination lists."""
    return PARTY_URI_BASE + organisation


def organisation_of_party_uri(uri: str) -> str | None:
    """The organisation id that a party URI carries; None when it is no such URI."""
    organisation = uri[len(PARTY_URI_BASE) :]
    return organisation if uri.startswith(PARTY_URI_BASE) and ORGANISATION_ID.fullmatch(organisation) else None


def organisation_key(organisation: str) -> bytes:
    """Key of an organisation's record."""
    return text_key(Space.ORGANISATION, organisation)


def member_key(public_key: PublicKey) -> bytes:
    """Key of a public key's record."""
    return hash_key(Space.KEY, public_key)


def accreditation_key(organisation: str) -> bytes:
    """Key of an inspector's accreditation."""
    return text_key(Space.ACCREDITATION, organisation)
