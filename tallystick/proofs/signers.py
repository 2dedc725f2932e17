"""Who signed an event: the capture's signature, the key's record, and the record of the capture itself.

Anybody may sign the same event again, so a signature alone does not say whose capture the ledger recorded: the
organisation's record of the event must name this very event, at the very place that the history entry names.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.errors import ProofError
from tallystick.proofs.closure import NotShown, Source
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.events import ShownEvent
from tallystick.records.goods import EventRecord, HistoryEntry, event_id_key, event_key
from tallystick.records.members import Key, Organisation, member_key, organisation_key
from tallystick.records.reading import public_of


@dataclass(frozen=True, slots=True)
class Signer:
    """The organisation whose capture the ledger recorded, with its name."""

    organisation: str
    name: str


def signer_of(event: ShownEvent, entry: HistoryEntry, source: Source) -> Signer | None:
    """The signer of an event as far as the source shows it; None where it does not.

    Raises:
        ProofError: ``key-not-valid-then`` or ``bad-event-signature`` when what is shown does not fit together.
    """
    if not event.signers:
        return None
    try:
        organisation = ""
        for signer in event.signers:
            key = public_of(source.public, member_key(signer), Key)
            if key is None or key.since_height > entry.height or 0 < key.until_height < entry.height:
                raise ProofError(ProofCode.KEY_NOT_VALID_THEN, f"key {signer.hex()[:16]}… at height {entry.height}")
            organisation = key.organisation
        key_of_record = event_key(organisation, event.commitment)
        if event.event_id is not None:
            key_of_record = event_id_key(organisation, event.event_id)
        recorded = public_of(source.public, key_of_record, EventRecord)
        member = public_of(source.public, organisation_key(organisation), Organisation)
    except NotShown:
        return None
    place = (event.commitment, entry.height, entry.transaction_index, entry.event_index)
    if recorded is None or _place_of(recorded) != place:
        raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, "the capture shown is not the one that was recorded there")
    return Signer(organisation, member.name if member is not None else organisation)


def _place_of(recorded: EventRecord) -> tuple[bytes, int, int, int]:
    return recorded.commitment, recorded.height, recorded.transaction_index, recorded.event_index
