"""One event at work: the items and sessions it touches, each read once and written once.

Rules change ``Item`` and ``Session`` handles; ``EventContext.flush`` stages what changed. A refusal before that leaves
nothing behind.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.epcis import ParsedEvent
from tallystick.records.base import key_hash, members_salt_after_due_work
from tallystick.records.goods import (
    History,
    HistoryEntry,
    HistoryKind,
    ItemMembers,
    ItemPublic,
    Milestone,
    MilestonePublic,
    SessionMembers,
    SessionPublic,
    item_key,
    milestone_key,
    session_key,
)


class Item:
    """An item under control as one event sees and changes it."""

    __slots__ = ("changed", "identifier", "key", "members", "members_changed", "public")

    def __init__(
        self, identifier: str, key: bytes, public: ItemPublic, members: ItemMembers, *, new: bool = False
    ) -> None:
        self.identifier = identifier
        self.key = key
        self.public = public
        self.members = members
        self.changed = new
        self.members_changed = new

    def set_public(self, **fields: object) -> None:
        """Change fields of the public half."""
        self.public = replace(self.public, **fields)
        self.changed = True

    def set_members(self, **fields: object) -> None:
        """Change fields of the members' half."""
        self.members = replace(self.members, **fields)
        self.members_changed = True


class Session:
    """A container session as one event sees and changes it."""

    __slots__ = ("changed", "key", "link", "members", "public")

    def __init__(self, key: bytes, public: SessionPublic, members: SessionMembers, *, new: bool = False) -> None:
        self.key = key
        self.link = key_hash(key)
        self.public = public
        self.members = members
        self.changed = new

    def set_public(self, **fields: object) -> None:
        """Change fields of the public half."""
        self.public = replace(self.public, **fields)
        self.changed = True

    def set_members(self, **fields: object) -> None:
        """Change fields of the members' half."""
        self.members = replace(self.members, **fields)
        self.changed = True


class EventContext:
    """What the rules of goods share while they work on one event.

    Attributes:
        work: the transaction's workspace; ``work.organisation`` signs.
        event: the parsed event.
        commitment: 32 bytes.
        members_salt: of the event's members' part, empty when it has none.
        sessions: number of the container session whose history the event entered, by key text of the container.
    """

    def __init__(self, work: Workspace, event: ParsedEvent, commitment: bytes, index: int, members_salt: bytes) -> None:
        self.work = work
        self.event = event
        self.commitment = commitment
        self.members_salt = members_salt
        self.sessions: dict[str, int] = {}
        self._index = index
        self._items: dict[str, Item | None] = {}
        self._sessions: dict[bytes, Session] = {}

    @property
    def organisation(self) -> str:
        """The organisation that signed."""
        return self.work.organisation

    # --- reading ------------------------------------------------------------------------------------------

    def item(self, identifier: str) -> Item | None:
        """The item of a key text, or None when nobody controls it."""
        if identifier in self._items:
            return self._items[identifier]
        key = item_key(identifier)
        public = self.work.public(key, ItemPublic)
        item = None
        if public is not None:
            members = self.work.members(key, ItemMembers)
            assert members is not None
            item = Item(identifier, key, public, members)
        self._items[identifier] = item
        return item

    def present(self, identifier: str) -> Item:
        """The item of a key text that is known to be under control."""
        item = self.item(identifier)
        assert item is not None
        return item

    def session(self, key: bytes) -> Session:
        """A session that is known to exist."""
        session = self._sessions.get(key)
        if session is None:
            public = self.work.public(key, SessionPublic)
            members = self.work.members(key, SessionMembers)
            assert public is not None and members is not None
            session = Session(key, public, members)
            self._sessions[key] = session
        return session

    def last_session(self, item: Item) -> Session | None:
        """The newest session of a container, open or not."""
        count = item.public.session_count
        return self.session(session_key(item.identifier, count)) if count else None

    def open_session(self, item: Item) -> Session | None:
        """The session in which a container is now; None when it is empty."""
        session = self.last_session(item)
        return session if session is not None and session.public.open else None

    # --- changing -----------------------------------------------------------------------------------------

    def add_item(self, item: Item) -> Item:
        """Bring an item under control."""
        self._items[item.identifier] = item
        return item

    def begin_session(self, item: Item) -> Session:
        """Open the next session of a container."""
        number = item.public.session_count + 1
        key = session_key(item.identifier, number)
        public = SessionPublic(item.identifier, number, True, History(), self.event.event_time_ms, 0)
        session = Session(key, public, SessionMembers((), 0, 0), new=True)
        self._sessions[key] = session
        item.set_public(session_count=number)
        return session

    def append(self, item: Item, kind: HistoryKind, link: bytes = ZERO32) -> None:
        """Enter the event into an item's history, and into the session of a container that it concerns.

        That is the open session; when nothing is inside any more, the last one, if the event happened before that was
        closed (a late reading). So what happened to a container reaches the histories of what was inside.
        """
        entry = self.entry(kind, link)
        self.append_to_item(item, entry)
        if item.public.session_count:
            session = self.last_session(item)
            assert session is not None
            if session.public.open or self.event.event_time_ms < session.public.closed_ms:
                self.append_to_session(session, entry)
                self.sessions[item.identifier] = session.public.number

    def append_to_item(self, item: Item, entry: HistoryEntry) -> None:
        """Enter a leaf into an item's own history."""
        item.set_public(history=self.work.append_history(item.key, item.public.history, entry))

    def append_to_session(self, session: Session, entry: HistoryEntry) -> None:
        """Enter a leaf into a session's history."""
        session.set_public(history=self.work.append_history(session.key, session.public.history, entry))

    def entry(self, kind: HistoryKind, link: bytes = ZERO32) -> HistoryEntry:
        """The event as a history leaf."""
        work = self.work
        return HistoryEntry(
            self.commitment, work.block.height, work.transaction_index, self._index, kind, link, work.organisation
        )

    def write_milestone(self, identifier: str, kind: HistoryKind, quantity: int) -> None:
        """Note the organisation's newest effective event of a kind on an item, for conditions of escrow."""
        work = self.work
        members = Milestone(self.organisation, self.commitment, work.block.height, work.block.time_ms, quantity)
        work.write(milestone_key(identifier, kind, self.organisation), MilestonePublic(work.block.height), members)

    def prepare_salt(self) -> None:
        """Choose what salts the members' halves that this event writes; call before the first write.

        That is the salt of the event's own members' part. An event without one renews the old salts and derives new
        ones from that of the first item it touches, which is as secret.
        """
        self.work.salt = self.members_salt
        if self.members_salt:
            return
        self.work.seed = b""
        for item in self._items.values():
            record = self.work.record(item.key) if item is not None else None
            if record is not None and record.members:
                self.work.seed = members_salt_after_due_work(record.members_salt, self.work.block.height)
                return

    def flush(self) -> None:
        """Stage what the event changed."""
        for item in self._items.values():
            if item is None:
                continue
            if item.members_changed:
                self.work.write(item.key, item.public, item.members)
            elif item.changed:
                self.work.write_public(item.key, item.public)
        for session in self._sessions.values():
            if session.changed:
                self.work.write(session.key, session.public, session.members)
