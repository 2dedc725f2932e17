"""The shown state of a bundle: records checked against the root, histories against records, events against entries."""

from __future__ import annotations

from hashlib import sha256

from tallystick.errors import ProofError
from tallystick.merkle import append_all, leaf_hash
from tallystick.partial_trie import PartialTrie
from tallystick.proofs.anchor import Anchor, read_bytes, read_message
from tallystick.proofs.bundle import EventShown, HistoryShown, RecordShown, SignedShown
from tallystick.proofs.closure import NotShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.events import Captures, ShownEvent, read_event
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
        state: str,
        records: list[RecordShown],
        histories: list[HistoryShown],
        events: list[EventShown],
        signed: list[SignedShown],
        *,
        state_root: bytes | None = None,
    ) -> None:
        """Check that tree, records and events fit together.

        Args:
            state_root: of the earlier height that is shown; without it, the one that the anchor certifies.
        Raises:
            ProofError: ``unreadable``, ``not-in-state``, ``record-altered``, ``bad-event-signature``.
        """
        self._tree = PartialTrie(read_bytes(state))
        if self._tree.root != (state_root if state_root is not None else anchor.executed.state_root):
            raise ProofError(ProofCode.NOT_IN_STATE, "the tree shown has another root than was certified")
        self._public: dict[bytes, bytes] = {}
        self._keys: dict[bytes, bytes] = {}
        for record in records:
            self._add_record(record)
        self._histories = {bytes.fromhex(history.owner): history.entries for history in histories}
        captures = Captures(signed, anchor.header.chain_id)
        shown = [read_event(event, captures) for event in events]
        self.events: dict[bytes, ShownEvent] = {event.commitment: event for event in shown}

    def _add_record(self, shown: RecordShown) -> None:
        key, public = bytes.fromhex(shown.key), read_bytes(shown.public)
        hash_ = sha256(key).digest()
        if self._tree.leaf(hash_) != leaf_of_halves(public, bytes.fromhex(shown.members_hash)):
            raise ProofError(ProofCode.RECORD_ALTERED, f"record {shown.key[:32]}… is not the one in the state")
        self._public[key] = public
        self._keys[hash_] = key

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
        encoded = [read_bytes(text) for text in self._histories[owner]]
        entries = tuple(read_message(entry, HistoryEntry, 256) for entry in encoded)
        leaves = [leaf_hash(entry) for entry in encoded]
        if len(entries) != history.count or append_all((), 0, leaves) != history.peaks:
            raise ProofError(ProofCode.HISTORY_ALTERED, "entries are not those that the record commits to")
        return entries

    def event(self, entry: HistoryEntry) -> None:
        """See ``closure.Source``."""
        if entry.commitment not in self.events:
            raise NotShown
