"""Payloads of governance: who is a member, which keys may act, who may inspect."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Message, Name, Natural, PublicKey, Text, TimeMs
from tallystick.records.members import KeyUse

Uses = Annotated[tuple[KeyUse, ...], msgspec.Meta(min_length=1, max_length=8)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]


class AdmitOrganisation(Message, frozen=True, tag=1):
    """Admit an organisation. Signed by root keys of a quorum of governors."""

    organisation: Name
    name: Name
    roles: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    prefixes: Names
    currencies: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
    root_key: PublicKey


class SuspendOrganisation(Message, frozen=True, tag=2):
    """Suspend an organisation, or lift its suspension. Signed by root keys of a quorum of governors."""

    organisation: Name
    suspended: bool


class RegisterKey(Message, frozen=True, tag=3):
    """Register a key of one's own organisation. Signed by a root key and by the new key, in this order."""

    key: PublicKey
    uses: Uses
    person: Text


class RevokeKey(Message, frozen=True, tag=4):
    """Revoke a key of one's own organisation. Signed by a root key."""

    key: PublicKey


class RotateKey(Message, frozen=True, tag=5):
    """Replace a key by a new one with the same uses and person. Signed by a root key and by the new key."""

    old_key: PublicKey
    new_key: PublicKey


class Accredit(Message, frozen=True, tag=6):
    """Accredit an inspector for what the scopes cover (docs/spec/goods.md, 6.1). Signed by an accreditor."""

    inspector: Name
    scopes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
    from_ms: TimeMs
    until_ms: TimeMs


class RevokeAccreditation(Message, frozen=True, tag=7):
    """End an accreditation at once. Signed by the accreditor that gave it."""

    inspector: Name


class AdvanceClock(Message, frozen=True, tag=8):
    """Add to the chain's clock. Signed by root keys of a quorum of governors; only where genesis allows it."""

    by_ms: Natural


PAYLOADS = (
    AdmitOrganisation,
    SuspendOrganisation,
    RegisterKey,
    RevokeKey,
    RotateKey,
    Accredit,
    RevokeAccreditation,
    AdvanceClock,
)
