"""What an error declaration says, out of an event that is already on the ledger; it is always in the public part."""

from __future__ import annotations

from collections.abc import Mapping

from tallystick.epcis.vocabulary import ERROR_REASON, bare_word


def declared_reason(event: Mapping[str, object]) -> str:
    """The reason as the ledger reads it: ``did_not_occur``, ``incorrect_data``, another URI, or empty."""
    reason = _declaration(event).get("reason")
    if type(reason) is not str:
        return ""
    return reason if reason in ERROR_REASON.words else bare_word(ERROR_REASON, reason) or reason


def corrective_events(event: Mapping[str, object]) -> tuple[str, ...]:
    """Ids of the events that say it right, in the order of the declaration."""
    ids = _declaration(event).get("correctiveEventIDs")
    return tuple([one for one in ids if type(one) is str]) if type(ids) is list else ()


def _declaration(event: Mapping[str, object]) -> Mapping[str, object]:
    declaration = event.get("errorDeclaration")
    return declaration if type(declaration) is dict else {}
