"""Reads and staged writes of one transaction, laid over those of the block, laid over the state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from contracts.interface import BlockContext, Refusal, StateView
from contracts.result import HistoryAppend
from tallystick.encoding import Message, encode
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.reasons import Reason
from tallystick.records.base import (
    Record,
    members_salt_after_due_work,
    members_salt_for,
    read_stored,
)
from tallystick.records.chain import ChainParameters, DueItem, chain_key, due_key
from tallystick.records.goods import History, HistoryEntry
from tallystick.records.members import Key, Organisation

T = TypeVar("T", bound=Message)

PARAMETERS_KEY = chain_key("parameters")

# Records that one organisation's events may touch in one block beyond those that the events name (contents of
# containers): a shipment of 300 bytes can concern 1,000 things, and 1,000 events fit a block.
SHARE_PER_ORGANISATION = 4_000
SHARE_PER_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed a capture: the keys' records, their organisation's id and its record."""

    keys: tuple[Key, ...]
    organisation: str
    member: Organisation


@dataclass(slots=True)
class BlockMemory:
    """What the invocations of one block share beside the state: decoded halves, and what was spent of the shares.

    Attributes:
        public, members: record key to (record, decoded half); used only while that very record is current.
        identities: signers to who they are; forgotten when anything but a capture was executed.
        spent: look-ups by organisation; the empty name holds the sum.
    """

    public: dict[bytes, tuple[Record, Message]] = field(default_factory=dict)
    members: dict[bytes, tuple[Record, Message]] = field(default_factory=dict)
    identities: dict[tuple[bytes, ...], Identity] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)


class Workspace:
    """What one rule invocation sees and stages.

    Attributes:
        block: height and time.
        organisation: organisation id of the signers; empty for due work and governance.
        signers: public keys of the signers, in order.
        keys: their records, in the same order; set by ``contracts.authority``.
        member: the record of the organisation, where it cannot change under this invocation: for captures.
        salt: 32 bytes from which the members' salts of written records derive; empty for due work, whose rewrites
            derive a new salt from the old one and the height.
        seed: for due work, 32 bytes derived from the members' salt of the subject, for records that are new; empty
            when the subject has no members' half, and then no new members' half can be written.
        digest: hash of the payload's bytes; empty for captures and due work.
        transaction_index: place in the block; 0 for due work.
        staged: writes of this invocation, key to record, None for a deletion.
        histories: leaves appended by this invocation, in order.
        memory: what the invocations of the block share.
    """

    def __init__(
        self,
        view: StateView,
        block: BlockContext,
        *,
        organisation: str = "",
        signers: tuple[bytes, ...] = (),
        salt: bytes = b"",
        seed: bytes = b"",
        digest: bytes = b"",
        transaction_index: int = 0,
        memory: BlockMemory | None = None,
    ) -> None:
        self._view = view
        self.block = block
        self.organisation = organisation
        self.signers = signers
        self.keys: tuple[Key, ...] = ()
        self.member: Organisation | None = None
        self.salt = salt
        self.seed = seed
        self.digest = digest
        self.transaction_index = transaction_index
        self.staged: dict[bytes, Record | None] = {}
        self.histories: list[HistoryAppend] = []
        self.memory = memory if memory is not None else BlockMemory()

    # --- reading ------------------------------------------------------------------------------------------

    def record(self, key: bytes) -> Record | None:
        """The record of a key as this invocation sees it."""
        if key in self.staged:
            return self.staged[key]
        return self._view.get(key)

    def public(self, key: bytes, type_: type[T]) -> T | None:
        """The public half of a record, or None when there is no record."""
        record = self.staged[key] if key in self.staged else self._view.get(key)
        if record is None:
            return None
        known = self.memory.public.get(key)
        if known is not None and known[0] is record:
            assert isinstance(known[1], type_)
            return known[1]
        value = read_stored(record.public, type_)
        self.memory.public[key] = (record, value)
        return value

    def members(self, key: bytes, type_: type[T]) -> T | None:
        """The members' half of a record, or None when there is no record."""
        record = self.record(key)
        if record is None:
            return None
        known = self.memory.members.get(key)
        if known is not None and known[0] is record:
            assert isinstance(known[1], type_)
            return known[1]
        value = read_stored(record.members, type_)
        self.memory.members[key] = (record, value)
        return value

    def need(self, key: bytes, type_: type[T], reason: Reason = Reason.NOT_FOUND, detail: str = "") -> T:
        """The public half of a record that must exist, else a refusal."""
        value = self.public(key, type_)
        if value is None:
            raise Refusal(reason, detail)
        return value

    def parameters(self) -> ChainParameters:
        """The chain's parameters."""
        value = self.public(PARAMETERS_KEY, ChainParameters)
        assert value is not None
        return value

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """See ``StateView.due``; sees the state before this invocation."""
        return self._view.due(until_ms)

    # --- staging ------------------------------------------------------------------------------------------

    def write(self, key: bytes, public: Message, members: Message | None = None) -> None:
        """Stage a record; the salt of a members' half follows from ``salt``, else from the old record's, else ``seed``.

        Raises:
            Refusal: RECORD_TOO_LARGE when a half is longer than a record may be.
        """
        shown = encode(public)
        if members is None:
            record = Record(shown)
        else:
            record = Record(shown, self._members_salt(key), encode(members))
        if len(shown) > RECORD_SIZE_MAX or len(record.members) > RECORD_SIZE_MAX:
            raise Refusal(Reason.RECORD_TOO_LARGE)
        self.staged[key] = record
        self.memory.public[key] = (record, public)
        if members is not None:
            self.memory.members[key] = (record, members)

    def _members_salt(self, key: bytes) -> bytes:
        if self.salt:
            return members_salt_for(self.salt, key)
        old = self.record(key)
        if old is not None and old.members:
            return members_salt_after_due_work(old.members_salt, self.block.height)
        assert self.seed, "a new members' half needs a salt that nobody can guess"
        return members_salt_for(self.seed, key)

    def write_public(self, key: bytes, public: Message) -> None:
        """Stage a new public half and keep the members' half, salt included, as it is."""
        old = self.record(key)
        assert old is not None
        record = Record(encode(public), old.members_salt, old.members)
        if len(record.public) > RECORD_SIZE_MAX:
            raise Refusal(Reason.RECORD_TOO_LARGE)
        self.staged[key] = record
        memory = self.memory
        memory.public[key] = (record, public)
        known = memory.members.get(key)
        if known is not None and known[0] is old:
            memory.members[key] = (record, known[1])

    def delete(self, key: bytes) -> None:
        """Stage a deletion."""
        self.staged[key] = None

    def append_history(self, owner: bytes, history: History, entry: HistoryEntry) -> History:
        """Note a new leaf of the history that the record ``owner`` keeps; returns the longer history to be written."""
        self.histories.append(HistoryAppend(owner, history.count, entry))
        return history.append(entry)

    def schedule(self, due_ms: int, rule: str, subject: bytes, organisation: str = "") -> bytes:
        """Queue due work for the first block at or after ``due_ms`` that runs due work; returns the item's key."""
        parameters = self.parameters()
        key = due_key(due_ms, parameters.next_serial)
        self.write(PARAMETERS_KEY, msgspec.structs.replace(parameters, next_serial=parameters.next_serial + 1))
        self.write(key, DueItem(rule, subject, organisation))
        return key

    def spend(self, lookups: int) -> None:
        """Take look-ups off the organisation's share of this block.

        Raises:
            Refusal: SHARE_SPENT; what a refused transaction looked at stays spent, for the work was done.
        """
        spent = self.memory.spent
        own = spent.get(self.organisation, 0) + lookups
        total = spent.get("", 0) + lookups
        if own > SHARE_PER_ORGANISATION or total > SHARE_PER_BLOCK:
            raise Refusal(Reason.SHARE_SPENT)
        spent[self.organisation] = own
        spent[""] = total
