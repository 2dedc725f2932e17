"""Who may act: from the signers' public keys to one active organisation, its roles and what its keys are for.

Whether a signature verifies was settled at admission; whether a key may act is a rule, and its answer a receipt.
Every rule that a payload reaches runs after ``identify``; it then asks for the use of the keys and for roles.
"""

from __future__ import annotations

from enum import Enum

from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.reasons import Reason
from tallystick.records.members import (
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)


class SignerPolicy(Enum):
    """Whose signatures a kind of transaction takes."""

    ONE_ORGANISATION = "all signers are active keys of one active organisation"
    GOVERNORS = "root keys of a quorum of active governors, one or more of each"
    ROOT_AND_NEW_KEY = "a root key of the organisation, then the key that it brings in"


def identify(work: Workspace, policy: SignerPolicy = SignerPolicy.ONE_ORGANISATION) -> None:
    """Set ``work.keys`` and ``work.organisation`` from ``work.signers``.

    Raises:
        Refusal: UNKNOWN_KEY, KEY_REVOKED, SIGNERS_OF_SEVERAL_ORGANISATIONS, ORGANISATION_SUSPENDED; for governors also
            KEY_NOT_FOR_THIS, ROLE_MISSING and QUORUM_SHORT.
    """
    if policy is SignerPolicy.GOVERNORS:
        work.keys = tuple(_active_key(work, signer) for signer in work.signers)
        _require_quorum(work)
        return
    signers = work.signers[:1] if policy is SignerPolicy.ROOT_AND_NEW_KEY else work.signers
    work.keys = tuple(_active_key(work, signer) for signer in signers)
    work.organisation = organisation_of(work)


def organisation_of(work: Workspace) -> str:
    """The one active organisation that all of ``work.keys`` belong to. Errors as in ``identify``."""
    organisation = work.keys[0].organisation
    for key in work.keys[1:]:
        if key.organisation != organisation:
            raise Refusal(Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS)
    active_organisation(work, organisation)
    return organisation


def active_organisation(work: Workspace, organisation: str) -> Organisation:
    """The record of an organisation that may act.

    Raises:
        Refusal: NOT_FOUND or ORGANISATION_SUSPENDED, with its id.
    """
    record = work.need(organisation_key(organisation), Organisation, Reason.NOT_FOUND, organisation)
    if record.status is not OrganisationStatus.ACTIVE:
        raise Refusal(Reason.ORGANISATION_SUSPENDED, organisation)
    return record


def own_organisation(work: Workspace) -> Organisation:
    """The record of the signers' organisation."""
    if work.member is not None:
        return work.member
    record = work.public(organisation_key(work.organisation), Organisation)
    assert record is not None
    return record


def require_role(work: Workspace, *roles: str) -> None:
    """Refuse unless the signers' organisation has at least one of these roles (ROLE_MISSING)."""
    held = own_organisation(work).roles
    if not any(role in held for role in roles):
        raise Refusal(Reason.ROLE_MISSING, " or ".join(roles))


def require_use(work: Workspace, use: KeyUse) -> None:
    """Refuse unless every signing key was registered for this use (KEY_NOT_FOR_THIS)."""
    for key in work.keys:
        if use not in key.uses:
            raise Refusal(Reason.KEY_NOT_FOR_THIS, use.name)


def signer_uses(work: Workspace) -> tuple[tuple[KeyUse, ...], ...]:
    """What each signing key may sign, in the order of signing."""
    return tuple(key.uses for key in work.keys)


def signer_persons(work: Workspace) -> tuple[str, ...]:
    """The pseudonymous tag of the person behind each signing key, in the order of signing; empty where none is."""
    return tuple(key.person for key in work.keys)


def _active_key(work: Workspace, public_key: bytes) -> Key:
    key = work.public(member_key(public_key), Key)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY, public_key.hex()[:16])
    if key.status is not KeyStatus.ACTIVE:
        raise Refusal(Reason.KEY_REVOKED, public_key.hex()[:16])
    return key


def _require_quorum(work: Workspace) -> None:
    governors = set()
    for key in work.keys:
        if KeyUse.ROOT not in key.uses:
            raise Refusal(Reason.KEY_NOT_FOR_THIS, KeyUse.ROOT.name)
        if "governor" not in active_organisation(work, key.organisation).roles:
            raise Refusal(Reason.ROLE_MISSING, "governor")
        governors.add(key.organisation)
    quorum = work.parameters().admission_quorum
    if len(governors) < quorum:
        raise Refusal(Reason.QUORUM_SHORT, f"{len(governors)} of {quorum}")
