"""Who signed an event: the capture's signature, the keys' records, and the history entry.

Anybody may sign the same event again, so a signature alone does not say whose capture the ledger recorded: the keys
must be those of the organisation that the history entry names.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from msgspec import Struct

from tallystick.errors import ProofError
from tallystick.proofs.closure import NotShown, Source
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.events import ShownEvent
from tallystick.records.goods import HistoryEntry
from tallystick.records.members import Key, member_key
from tallystick.records.reading import public_of


class Signer(Struct, frozen=True):
    """The organisation whose capture the ledger recorded."""

    organisation: str


def signer_of(
    event: ShownEvent,
    entry: HistoryEntry,
    source: Source,
    recorded: AbstractSet[tuple[bytes, str]] = frozenset(),
    known: dict[bytes, Key | None] | None = None,
) -> Signer | None:
    """The signer of an event as far as the source shows it; None where it does not.

    Args:
        recorded: commitments and organisations of all entries that are shown: two may have recorded one event, and the
            capture of one of them is not shown for the other's entry.
        known: records of keys that this source showed before; those read now are added.
    Raises:
        ProofError: ``key-not-valid-then`` or ``bad-event-signature`` when what is shown does not fit together.
    """
    if not event.signers:
        return None
    try:
        for signer in event.signers:
            key = _key_of(signer, source, known if known is not None else {})
            if key is None or key.since_height > entry.height or 0 < key.until_height < entry.height:
                raise ProofError(ProofCode.KEY_NOT_VALID_THEN, f"key {signer.hex()[:16]}… at height {entry.height}")
            if key.organisation != entry.organisation and (event.commitment, key.organisation) in recorded:
                return None
            if key.organisation != entry.organisation:
                words = f"recorded by {entry.organisation}, signed by another"
                raise ProofError(ProofCode.BAD_EVENT_SIGNATURE, words)
    except NotShown:
        return None
    return Signer(entry.organisation)


def _key_of(signer: bytes, source: Source, known: dict[bytes, Key | None]) -> Key | None:
    """The record of a public key, read once for all events that it signed."""
    if signer not in known:
        known[signer] = public_of(source.public, member_key(signer), Key)
    return known[signer]
