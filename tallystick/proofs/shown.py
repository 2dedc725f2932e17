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
from tallystick.proofs.events import ShownEvent, read_events, whole_entries
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
            ProofError: ``unreadable``, ``not-shown``, ``not-in-state``, ``bad-event-signature``.
        """
        self._public: dict[bytes, bytes] = {}
        self._keys: dict[bytes, bytes] = {}
        leaves = dict(self._read_record(record) for record in records)
        if len(leaves) != len(records):
            raise ProofError(ProofCode.UNREADABLE, "a record is shown twice")
        self._tree = PartialTrie(read_bytes(state), leaves)
        if self._tree.root != (state_root if state_root is not None else anchor.executed.state_root):
            raise ProofError(ProofCode.NOT_IN_STATE, "tree and records shown have another root than was certified")
        self._histories = {bytes.fromhex(history.owner): history for history in histories}
        shown = read_events(events, signed, anchor.header.chain_id)
        self._commitments = [event.commitment for event in shown]
        self.events: dict[bytes, ShownEvent] = {event.commitment: event for event in shown}

    def _read_record(self, shown: RecordShown) -> tuple[bytes, bytes]:
        """A record's key hash and leaf, which only the root of the tree can vouch for."""
        key, public = bytes.fromhex(shown.key), read_bytes(shown.public)
        hash_ = sha256(key).digest()
        self._public[key] = public
        self._keys[hash_] = key
        return hash_, leaf_of_halves(public, bytes.fromhex(shown.members_hash))

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
        encoded = whole_entries(self._histories[owner], self._commitments)
        entries = tuple(read_message(entry, HistoryEntry, 256) for entry in encoded)
        leaves = [leaf_hash(entry) for entry in encoded]
        if len(entries) != history.count or append_all((), 0, leaves) != history.peaks:
            raise ProofError(ProofCode.HISTORY_ALTERED, "entries are not those that the record commits to")
        return entries

    def event(self, entry: HistoryEntry) -> None:
        """See ``closure.Source``."""
        if entry.commitment not in self.events:
            raise NotShown
