"""GS1 company prefixes: who holds which, so that one identifier never falls under two holders."""

from __future__ import annotations

from contracts.interface import Refusal
from contracts.workspace import Workspace
from tallystick.reasons import Reason
from tallystick.records.members import PREFIX_SIZE_MAX, PREFIX_SIZE_MIN, PrefixRecord, prefix_key


def take_prefix(work: Workspace, prefix: str, organisation: str) -> None:
    """Enter a prefix (4 to 12 digits) for an organisation.

    Raises:
        Refusal: PREFIX_TAKEN when it, a shorter one that it begins with, or a longer one is held.
    """
    record = work.public(prefix_key(prefix), PrefixRecord)
    if record is not None:
        raise Refusal(Reason.PREFIX_TAKEN, prefix)
    for size in range(PREFIX_SIZE_MIN, len(prefix)):
        shorter = prefix[:size]
        record = work.public(prefix_key(shorter), PrefixRecord) or PrefixRecord("", 0)
        if record.organisation:
            raise Refusal(Reason.PREFIX_TAKEN, shorter)
        work.write(prefix_key(shorter), PrefixRecord("", record.longer + 1))
    work.write(prefix_key(prefix), PrefixRecord(organisation, 0))


def prefix_holder(work: Workspace, digits: str) -> str | None:
    """The organisation whose prefix these digits begin with, or None."""
    for size in range(PREFIX_SIZE_MIN, min(PREFIX_SIZE_MAX, len(digits)) + 1):
        record = work.public(prefix_key(digits[:size]), PrefixRecord)
        if record is None:
            return None  # every held prefix leaves a record at each of its shorter beginnings
        if record.organisation:
            return record.organisation
    return None
