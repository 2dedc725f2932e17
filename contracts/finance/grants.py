"""Rules of grants: an owner lets another organisation see, for a purpose and a time. Checked at every use."""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import active_organisation, require_use
from contracts.finance.stored import load_obligation
from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.epcis import parse_key
from tallystick.errors import DecodeError
from tallystick.limits import GRANT_TERM_MAX_MS
from tallystick.object_ids import object_id
from tallystick.payloads.finance import GrantAccess, RevokeGrant
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.finance import Grant, GrantPublic, grant_key, grant_verdict, obligation_subject
from tallystick.records.members import KeyUse

_OBLIGATION_PREFIX = obligation_subject(b"")


def grant_access(work: Workspace, payload: GrantAccess) -> None:
    """Write a grant; subjects and fields are stored sorted, each once."""
    require_use(work, KeyUse.TRADE)
    owner = work.organisation
    if payload.grantee == owner:
        raise Refusal(Reason.SAME_ORGANISATION, owner)
    active_organisation(work, payload.grantee)
    now = work.block.time_ms
    if not (payload.not_before_ms < payload.until_ms and now < payload.until_ms <= now + GRANT_TERM_MAX_MS):
        raise Refusal(Reason.TERMS_INVALID, "not before < until, and until lies ahead")
    for subject in payload.subjects:
        _check_subject(work, subject)
    key = grant_key(object_id(Space.GRANT, work.salt, owner))
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, key[1:9].hex())
    grant = Grant(
        owner=owner,
        grantee=payload.grantee,
        subjects=tuple(sorted(set(payload.subjects))),
        purpose=payload.purpose,
        fields=tuple(sorted(set(payload.fields))),
        not_before_ms=payload.not_before_ms,
        until_ms=payload.until_ms,
        revocable=payload.revocable,
        revoked_ms=0,
    )
    work.write(key, GrantPublic(work.block.height), grant)


def revoke_grant(work: Workspace, payload: RevokeGrant) -> None:
    """End a grant at this block's time, unless its owner gave that right away."""
    require_use(work, KeyUse.TRADE)
    key = grant_key(payload.grant)
    grant = work.members(key, Grant)
    if grant is None:
        raise Refusal(Reason.NOT_FOUND, payload.grant.hex()[:16])
    if grant.owner != work.organisation:
        raise Refusal(Reason.NOT_OWNER, work.organisation)
    if not grant.revocable or grant.revoked_ms:
        raise Refusal(Reason.WRONG_STATE, "revoked before" if grant.revoked_ms else "not revocable")
    work.write(key, GrantPublic(work.block.height), replace(grant, revoked_ms=work.block.time_ms))


def check_grant(work: Workspace, grant_id: bytes, *, owner: str, grantee: str, subject: str) -> None:
    """Refuse unless ``owner`` granted ``grantee`` a view of ``subject`` that is live now."""
    grant = work.members(grant_key(grant_id), Grant)
    if grant is not None and grant.owner != owner:
        grant = None
    verdict = grant_verdict(grant, grantee=grantee, subject=subject, now_ms=work.block.time_ms)
    if verdict is not Reason.NONE:
        raise Refusal(verdict, grantee)


def _check_subject(work: Workspace, subject: str) -> None:
    """A subject is an obligation that the owner is a party to, or the key text of goods."""
    if subject.startswith(_OBLIGATION_PREFIX):
        digits = subject[len(_OBLIGATION_PREFIX) :]
        if len(digits) != 64 or any(digit not in "0123456789abcdef" for digit in digits):
            raise Refusal(Reason.TERMS_INVALID, subject[:80])
        terms = load_obligation(work, bytes.fromhex(digits)).terms
        if work.organisation not in (terms.creditor, terms.debtor):
            raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
        return
    try:
        parse_key(subject)
    except DecodeError as error:
        raise Refusal(Reason.TERMS_INVALID, subject[:80]) from error
