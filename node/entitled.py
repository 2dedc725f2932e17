"""Who may see an obligation whole: its parties, owners of its slices and holders of liens, and who was granted it.

Judged on the certified state that the proof shows, by its block time. Specification: docs/spec/finance.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable

from tallystick.encoding import decode
from tallystick.errors import RefusedError
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.object_ids import slice_id
from tallystick.reasons import WORDS, Reason
from tallystick.records.base import Record, read_members
from tallystick.records.finance import (
    Grant,
    GrantField,
    LienMembers,
    ObligationMembers,
    SliceMembers,
    grant_key,
    grant_verdict,
    lien_key,
    obligation_key,
    obligation_subject,
    slice_key,
)

Records = Callable[[bytes], Record | None]


def check_entitled(records: Records, obligation: bytes, grant: bytes | None, organisation: str, now_ms: int) -> None:
    """Refuse who has no business with an obligation, which must exist.

    Args:
        records: the state by key.
        grant: id of the grant that the caller names, or None.
        organisation: the caller's.
        now_ms: block time of the state.
    Raises:
        RefusedError: GRANT_MISSING or GRANT_EXPIRED.
    """
    if organisation in _parties(records, obligation):
        return
    verdict = Reason.GRANT_MISSING
    if grant is not None:
        record = records(grant_key(grant))
        found = decode(record.members, Grant, size_max=RECORD_SIZE_MAX) if record is not None else None
        subject = obligation_subject(obligation)
        verdict = grant_verdict(found, grantee=organisation, subject=subject, now_ms=now_ms)
        if verdict is Reason.NONE and found is not None and GrantField.OBLIGATION in found.fields:
            return
        verdict = verdict if verdict is not Reason.NONE else Reason.GRANT_MISSING
    words, remedy = WORDS[verdict]
    raise RefusedError(verdict.name, words, remedy)


def _parties(records: Records, obligation: bytes) -> set[str]:
    record = records(obligation_key(obligation))
    assert record is not None
    terms = read_members(record, ObligationMembers)
    parties = {terms.creditor, terms.debtor, terms.bank}
    for index in range(terms.slice_count):
        id_ = slice_id(obligation, index)
        part, lien = records(slice_key(id_)), records(lien_key(id_))
        if part is not None:
            parties.add(read_members(part, SliceMembers).owner)
        if lien is not None:
            parties.add(read_members(lien, LienMembers).holder)
    return parties
