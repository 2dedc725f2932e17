"""Error declarations: an organisation says that an event of its own was wrong.

EPCIS repeats the erroneous event with its ``eventID`` and an ``errorDeclaration``; the id is therefore how the
erroneous event is found, and an event that was recorded without one can never be corrected. Nothing is undone:
custody and quantities stay as they are, the histories show both versions, and conditions that rest on the event no
longer hold.
"""

from __future__ import annotations

from contracts.goods.context import EventContext
from contracts.interface import Refusal
from tallystick.reasons import Reason
from tallystick.records.base import key_hash
from tallystick.records.goods import (
    Correction,
    EventRecord,
    EventStatus,
    History,
    HistoryKind,
    Statements,
    correction_key,
    session_key,
    statements_key,
    subjects_digest,
)

CORRECTIVE_EVENTS_MAX = 32
REASON_SIZE_MAX = 128


def declare_error(context: EventContext, subjects: list[str], known: EventRecord | None) -> EventStatus:
    """Write the correction record of the event that this one repeats; returns that event's status.

    Args:
        known: what the organisation recorded under the ``eventID``, or None.

    Raises:
        Refusal: UNKNOWN_EVENT when the organisation recorded no event under this id, or one about other identifiers;
            ALREADY_CORRECTED; RECORD_TOO_LARGE.
    """
    declaration = context.event.error_declaration
    assert declaration is not None
    work = context.work
    if known is None or known.subjects != subjects_digest(subjects):
        raise Refusal(Reason.UNKNOWN_EVENT, "eventID" if known is None else "identifiers")
    key = correction_key(context.organisation, known.commitment)
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_CORRECTED, known.commitment.hex())
    corrective = declaration.corrective_event_ids
    if len(corrective) > CORRECTIVE_EVENTS_MAX:
        raise Refusal(Reason.RECORD_TOO_LARGE, "correctiveEventIDs")
    if len(declaration.reason or "") > REASON_SIZE_MAX:
        raise Refusal(Reason.RECORD_TOO_LARGE, "reason")
    work.write(key, Correction(context.commitment, declaration.reason or "", corrective, work.block.height))
    _append_everywhere(context, subjects, known, key_hash(key))
    return known.status


def _append_everywhere(context: EventContext, subjects: list[str], known: EventRecord, link: bytes) -> None:
    """Enter the declaration into every history that the erroneous event entered by name.

    Those are the histories of what it names, or the statements about it, and the container sessions that its record
    lists. What an unpacking takes out without naming it has an entry with a link to the session, and finds it there.
    """
    named = sorted(set(subjects))  # by code points, which is the order of their bytes
    if known.status is EventStatus.STATED:
        for identifier in named:
            append_statement(context, identifier, HistoryKind.CORRECT, link)
        return
    entry = context.entry(HistoryKind.CORRECT, link)
    for identifier in named:
        context.append_to_item(context.present(identifier), entry)
    for identifier, number in zip(named, known.sessions, strict=False):
        if number:
            context.append_to_session(context.session(session_key(identifier, number)), entry)


def append_statement(context: EventContext, identifier: str, kind: HistoryKind, link: bytes) -> None:
    """Enter the event into the statements about an identifier that nobody controls."""
    key = statements_key(identifier)
    known = context.work.public(key, Statements)
    history = known.history if known is not None else History()
    history = context.work.append_history(key, history, context.entry(kind, link))
    context.work.write(key, Statements(history))
