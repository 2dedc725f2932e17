"""Membership: organisations, keys, accreditations, the chain's clock."""

from __future__ import annotations

from collections.abc import Sequence

from client_sdk.intents.intent import GOVERNORS, Intent
from tallystick.payloads.governance import (
    Accredit,
    AdmitOrganisation,
    AdvanceClock,
    RegisterKey,
    RevokeAccreditation,
    RevokeKey,
    RotateKey,
    SuspendOrganisation,
)
from tallystick.records.members import KeyUse


def admit(
    organisation: str,
    name: str,
    root_key: bytes,
    *,
    roles: Sequence[str],
    prefixes: Sequence[str] = (),
    currencies: Sequence[str] = (),
) -> Intent:
    """Admit an organisation. A quorum of governors signs."""
    payload = AdmitOrganisation(
        organisation,
        name,
        tuple(sorted(set(roles))),
        tuple(sorted(set(prefixes))),
        tuple(sorted(set(currencies))),
        root_key,
    )
    return Intent(payload, GOVERNORS, governors=True)


def suspend(organisation: str) -> Intent:
    """Suspend an organisation. A quorum of governors signs."""
    return Intent(SuspendOrganisation(organisation, True), GOVERNORS, governors=True)


def resume(organisation: str) -> Intent:
    """Lift a suspension. A quorum of governors signs."""
    return Intent(SuspendOrganisation(organisation, False), GOVERNORS, governors=True)


def register_key(key: bytes, uses: Sequence[KeyUse], *, person: str = "") -> Intent:
    """Register a key. A root key signs, then the new key itself, which proves that somebody has it.

    Args:
        person: pseudonymous tag of whoever holds the key; needed for makers and checkers. Never a name.
    """
    return Intent(RegisterKey(key, tuple(sorted(set(uses))), person), (KeyUse.ROOT,))


def revoke_key(key: bytes) -> Intent:
    """Revoke a key."""
    return Intent(RevokeKey(key), (KeyUse.ROOT,))


def rotate_key(old_key: bytes, new_key: bytes) -> Intent:
    """Replace a key. A root key signs, then the new key."""
    return Intent(RotateKey(old_key, new_key), (KeyUse.ROOT,))


def accredit(inspector: str, scopes: Sequence[str], *, from_ms: int, until_ms: int) -> Intent:
    """Let an inspector inspect what begins with one of ``scopes`` (key texts), in a half-open term."""
    return Intent(Accredit(inspector, tuple(sorted(set(scopes))), from_ms, until_ms), (KeyUse.TRADE,))


def revoke_accreditation(inspector: str) -> Intent:
    """End an accreditation."""
    return Intent(RevokeAccreditation(inspector), (KeyUse.TRADE,))


def advance_clock(by_ms: int) -> Intent:
    """Move the chain's clock on, where genesis allows it. A quorum of governors signs."""
    return Intent(AdvanceClock(by_ms), GOVERNORS, governors=True)
