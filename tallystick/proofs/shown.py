"""The shown state of a bundle: records checked against the root, histories against records, events against entries."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from tallystick.errors import ProofError
from tallystick.partial_trie import PartialTrie
from tallystick.proofs.anchor import Anchor
from tallystick.proofs.bundle import EventShown, HistoryShown, RecordShown, SignedShown
from tallystick.proofs.closure import NotShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.events import ShownEvent, read_events
from tallystick.proofs.messages import read_message
from tallystick.proofs.pieces import Known
from tallystick.proofs.written import write_out
from tallystick.records.base import leaf_of_halves
from tallystick.records.goods import History, HistoryEntry


class ShownState:
    """A ``closure.Source`` over a bundle. Everything it hands out has been checked against the anchor's state root.

    Attributes:
        events: by commitment.
    """

    def __init__(
        self,
        anchor: Anchor,
        state: bytes,
        records: Sequence[RecordShown],
        *,
        histories: Sequence[HistoryShown] = (),
        events: Sequence[EventShown] = (),
        signed: Sequence[SignedShown] = (),
        named: Sequence[bytes] = (),
        state_root: bytes | None = None,
    ) -> None:
        """Write out what is in pieces, and check that events, records and tree fit together.

        Args:
            named: what byte strings in pieces name beside what follows from the other parts.
            state_root: of the earlier height that is shown; without it, the one that the anchor certifies.
        Raises:
            ProofError: ``unreadable``, ``not-shown``, ``not-in-state``, or as ``read_events``.
        """
        self.known = Known(anchor.header.chain_id, named)
        written = write_out(self.known, records, histories, events)
        shown = read_events(events, written.commitments, signed, self.known)
        self.events: dict[bytes, ShownEvent] = {event.commitment: event for event in shown}
        self._histories = written.histories
        self._public = dict(zip(written.keys, written.publics, strict=True))
        self._keys = dict(zip(written.key_hashes, written.keys, strict=True))
        if len(self._keys) != len(records):
            raise ProofError(ProofCode.UNREADABLE, "a record is shown twice")
        members = [record.members_hash for record in records]
        leaves = map(leaf_of_halves, written.publics, members)
        self._tree = PartialTrie(state, dict(zip(written.key_hashes, leaves, strict=True)))
        if self._tree.root != (state_root if state_root is not None else anchor.executed.state_root):
            raise ProofError(ProofCode.NOT_IN_STATE, "tree and records shown have another root than was certified")

    def public(self, key: bytes) -> bytes | None:
        """See ``closure.Source``."""
        if key in self._public:
            return self._public[key]
        try:
            leaf = self._tree.leaf(sha256(key).digest())
        except ProofError as error:
            raise NotShown from error
        if leaf is None:
            return None
        raise NotShown

    def linked_key(self, link: bytes, entry: HistoryEntry) -> bytes:
        """See ``closure.Source``."""
        if link not in self._keys:
            raise NotShown
        return self._keys[link]

    def entries(self, owner: bytes, history: History) -> tuple[HistoryEntry, ...]:
        """See ``closure.Source``; raises ``history-altered`` when the entries do not give the record's root."""
        if owner not in self._histories:
            if history.count == 0:
                return ()
            raise NotShown
        encoded, peaks = self._histories[owner]
        entries = tuple([read_message(entry, HistoryEntry, 256) for entry in encoded])
        if len(entries) != history.count or peaks != history.peaks:
            raise ProofError(ProofCode.HISTORY_ALTERED, "entries are not those that the record commits to")
        return entries

    def event(self, entry: HistoryEntry) -> None:
        """See ``closure.Source``."""
        if entry.commitment not in self.events:
            raise NotShown
