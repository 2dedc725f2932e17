"""Rules of membership: organisations, keys, accreditations, the chain's clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from contracts.authority import SignerPolicy, active_organisation, own_organisation, require_role, require_use
from contracts.interface import Refusal
from contracts.prefixes import take_prefix
from contracts.workspace import PARAMETERS_KEY, Workspace
from tallystick.errors import SignatureError
from tallystick.keys import check_public_key
from tallystick.limits import TIME_MAX_MS
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
from tallystick.reasons import Reason
from tallystick.records.members import (
    ORGANISATION_ID,
    PREFIX,
    ROLES,
    Accreditation,
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    accreditation_key,
    member_key,
    organisation_key,
)
from tallystick.records.membership import Seat, planned_seat_key, seat_key

CURRENCY = re.compile(r"[A-Z]{3}")
CLOCK_STEP_MAX_MS = 3_660 * 24 * 3_600_000  # ms one ADVANCE_CLOCK may add: ten years


# --- organisations ----------------------------------------------------------------------------------------


def admit_organisation(work: Workspace, payload: AdmitOrganisation) -> None:
    """Admit an organisation with its first root key. Signed by a quorum of governors."""
    for value, well_formed in (
        (payload.organisation, ORGANISATION_ID.fullmatch(payload.organisation) is not None),
        *((role, role in ROLES) for role in payload.roles),
        *((prefix, PREFIX.fullmatch(prefix) is not None) for prefix in payload.prefixes),
        *((currency, CURRENCY.fullmatch(currency) is not None) for currency in payload.currencies),
    ):
        if not well_formed:
            raise Refusal(Reason.BAD_NAME, value)
    key = organisation_key(payload.organisation)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, payload.organisation)
    require_new_key(work, payload.root_key)
    prefixes = tuple(sorted(set(payload.prefixes)))
    for prefix in prefixes:
        take_prefix(work, prefix, payload.organisation)
    record = Organisation(
        payload.name,
        OrganisationStatus.ACTIVE,
        tuple(sorted(set(payload.roles))),
        prefixes,
        tuple(sorted(set(payload.currencies))),
        work.block.height,
        1,
        1,
    )
    work.write(key, record)
    root = Key(payload.organisation, KeyStatus.ACTIVE, (KeyUse.ROOT,), "", work.block.height, 0)
    work.write(member_key(payload.root_key), root)


def suspend_organisation(work: Workspace, payload: SuspendOrganisation) -> None:
    """Suspend an organisation or lift its suspension.

    The governors who sign a suspension must be a quorum without the organisation itself, so that a quorum remains.
    """
    key = organisation_key(payload.organisation)
    record = work.need(key, Organisation, Reason.NOT_FOUND, payload.organisation)
    status = OrganisationStatus.SUSPENDED if payload.suspended else OrganisationStatus.ACTIVE
    if record.status is status:
        raise Refusal(Reason.WRONG_STATE, payload.organisation)
    others = {signer.organisation for signer in work.keys} - {payload.organisation}
    if len(others) < work.parameters().admission_quorum:
        raise Refusal(Reason.QUORUM_SHORT, "without the organisation itself")
    work.write(key, replace(record, status=status))


# --- keys -------------------------------------------------------------------------------------------------


def register_key(work: Workspace, payload: RegisterKey) -> None:
    """Register a key of one's own organisation; the root key signs first, the new key second."""
    require_root(work)
    require_co_signature(work, payload.key)
    uses = tuple(sorted(set(payload.uses)))
    if KeyUse.ROOT in uses and len(uses) > 1:
        raise Refusal(Reason.KEY_NOT_FOR_THIS, "a root key has no other use")
    if not payload.person and (KeyUse.CONFIRM_MAKER in uses or KeyUse.CONFIRM_CHECKER in uses):
        raise Refusal(Reason.PROFILE_FIELD_MISSING, "person")
    _add_key(work, payload.key, uses, payload.person)


def revoke_key(work: Workspace, payload: RevokeKey) -> None:
    """Revoke a key of one's own organisation."""
    require_root(work)
    _retire_key(work, payload.key)


def rotate_key(work: Workspace, payload: RotateKey) -> None:
    """Replace a key by a new one with the same uses and person."""
    require_root(work)
    require_co_signature(work, payload.new_key)
    old = _own_active_key(work, payload.old_key)
    _add_key(work, payload.new_key, old.uses, old.person)
    _retire_key(work, payload.old_key)


def require_root(work: Workspace) -> None:
    """Refuse unless a root key signs first (KEY_NOT_FOR_THIS)."""
    if KeyUse.ROOT not in work.keys[0].uses:
        raise Refusal(Reason.KEY_NOT_FOR_THIS, KeyUse.ROOT.name)


def require_co_signature(work: Workspace, new_key: bytes) -> None:
    """Refuse unless the second and last signer is this key, new to the chain."""
    if len(work.signers) != 2 or work.signers[1] != new_key:
        raise Refusal(Reason.KEY_NOT_FOR_THIS, "a root key signs first and the new key second")
    require_new_key(work, new_key)


def require_new_key(work: Workspace, public_key: bytes) -> None:
    """Refuse a key that is registered (ALREADY_EXISTS), or of a kind on which verifiers disagree (BAD_KEY)."""
    if work.record(member_key(public_key)) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, public_key.hex()[:16])
    try:
        check_public_key(public_key)
    except SignatureError as error:
        raise Refusal(Reason.BAD_KEY, public_key.hex()[:16]) from error


def _own_active_key(work: Workspace, public_key: bytes) -> Key:
    key = work.public(member_key(public_key), Key)
    if key is None or key.organisation != work.organisation:
        raise Refusal(Reason.NOT_FOUND, public_key.hex()[:16])
    if key.status is not KeyStatus.ACTIVE:
        raise Refusal(Reason.KEY_REVOKED, public_key.hex()[:16])
    for place in (seat_key(work.organisation), planned_seat_key(work.organisation)):
        seat = work.public(place, Seat)
        if seat is not None and seat.key == public_key and not seat.until_epoch:
            raise Refusal(Reason.WRONG_STATE, "the key of a validator: it goes with its seat")
    return key


def _add_key(work: Workspace, public_key: bytes, uses: tuple[KeyUse, ...], person: str) -> None:
    work.write(member_key(public_key), Key(work.organisation, KeyStatus.ACTIVE, uses, person, work.block.height, 0))
    record = own_organisation(work)
    roots = record.root_key_count + (KeyUse.ROOT in uses)
    work.write(
        organisation_key(work.organisation), replace(record, key_count=record.key_count + 1, root_key_count=roots)
    )


def _retire_key(work: Workspace, public_key: bytes) -> None:
    key = _own_active_key(work, public_key)
    if KeyUse.ROOT in key.uses:
        record = own_organisation(work)
        if record.root_key_count == 1:
            raise Refusal(Reason.LAST_ROOT_KEY)
        work.write(organisation_key(work.organisation), replace(record, root_key_count=record.root_key_count - 1))
    work.write(member_key(public_key), replace(key, status=KeyStatus.REVOKED, until_height=work.block.height))


# --- accreditations ---------------------------------------------------------------------------------------


def accredit(work: Workspace, payload: Accredit) -> None:
    """Give an inspector leave for a term and scopes, or renew it. An inspector has one accreditor at a time."""
    require_use(work, KeyUse.TRADE)
    require_role(work, "accreditor")
    if "inspector" not in active_organisation(work, payload.inspector).roles:
        raise Refusal(Reason.ROLE_MISSING, payload.inspector)
    if payload.from_ms >= payload.until_ms or payload.until_ms <= work.block.time_ms:
        raise Refusal(Reason.TERMS_INVALID, "term")
    key = accreditation_key(payload.inspector)
    old = work.public(key, Accreditation)
    in_force = old is not None and not old.revoked and old.until_ms > work.block.time_ms
    if old is not None and in_force and old.accreditor != work.organisation:
        raise Refusal(Reason.ALREADY_EXISTS, old.accreditor)
    scopes = tuple(sorted(set(payload.scopes)))
    work.write(key, Accreditation(work.organisation, scopes, payload.from_ms, payload.until_ms, False))


def revoke_accreditation(work: Workspace, payload: RevokeAccreditation) -> None:
    """End an accreditation at once."""
    require_use(work, KeyUse.TRADE)
    key = accreditation_key(payload.inspector)
    old = work.need(key, Accreditation, Reason.NOT_FOUND, payload.inspector)
    if old.accreditor != work.organisation:
        raise Refusal(Reason.ROLE_MISSING, "its accreditor")
    if old.revoked:
        raise Refusal(Reason.WRONG_STATE, payload.inspector)
    work.write(key, replace(old, revoked=True))


# --- clock ------------------------------------------------------------------------------------------------


def advance_clock(work: Workspace, payload: AdvanceClock) -> None:
    """Add to the offset that leaders and voters add to their clocks; for demonstrations and tests."""
    parameters = work.parameters()
    if not parameters.clock_advance_allowed:
        raise Refusal(Reason.NOT_ALLOWED_ON_THIS_CHAIN)
    if not 1 <= payload.by_ms <= CLOCK_STEP_MAX_MS or work.block.time_ms + payload.by_ms > TIME_MAX_MS // 2:
        raise Refusal(Reason.TERMS_INVALID, "by_ms")
    work.write(PARAMETERS_KEY, replace(parameters, clock_offset_ms=parameters.clock_offset_ms + payload.by_ms))


RULES: dict[type[Any], tuple[Callable[[Workspace, Any], None], SignerPolicy]] = {
    AdmitOrganisation: (admit_organisation, SignerPolicy.GOVERNORS),
    SuspendOrganisation: (suspend_organisation, SignerPolicy.GOVERNORS),
    RegisterKey: (register_key, SignerPolicy.ROOT_AND_NEW_KEY),
    RevokeKey: (revoke_key, SignerPolicy.ONE_ORGANISATION),
    RotateKey: (rotate_key, SignerPolicy.ROOT_AND_NEW_KEY),
    Accredit: (accredit, SignerPolicy.ONE_ORGANISATION),
    RevokeAccreditation: (revoke_accreditation, SignerPolicy.ONE_ORGANISATION),
    AdvanceClock: (advance_clock, SignerPolicy.GOVERNORS),
}
