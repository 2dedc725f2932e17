"""Members beside the proofs: transactions' heads, an organisation's own events, members' halves.

Each is a canonical message that a proven hash binds: heads by a block's transaction root, contents by a head's digest,
halves by the hash in a commitment or record. Specification: docs/spec/export.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

import msgspec

from tallystick.archive.errors import ArchiveError
from tallystick.encoding import Bytes32, Message, Signature, decode, encode
from tallystick.errors import DecodeError
from tallystick.hashing import TAG_EVENT_PUBLIC, TAG_WITNESS, tagged
from tallystick.limits import (
    BLOCK_SIZE_MAX,
    BLOCK_TRANSACTIONS_MAX,
    EVENT_PART_SIZE_MAX,
    EVENTS_PER_TRANSACTION_MAX,
    SIGNERS_MAX,
    TRANSACTION_SIZE_MAX,
)
from tallystick.merkle import leaf_hash, root_of
from tallystick.transactions import (
    ContentKind,
    Head,
    SignedTransaction,
    commitment_of_slots,
    events_digest,
    payload_digest,
    transaction_id,
)

M = TypeVar("M", bound=Message)

HALF_SIZE_MAX = EVENT_PART_SIZE_MAX + 64  # bytes of a half with its salt


class ShownHead(Message, frozen=True):
    """A transaction without its contents: who signed it, and what binds the contents."""

    head: Annotated[bytes, msgspec.Meta(min_length=1, max_length=1_024)]
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(min_length=1, max_length=SIGNERS_MAX)]

    def id(self) -> bytes:
        """The transaction's id."""
        return transaction_id(self.head)

    def read(self, path: str) -> Head:
        """The head. Raises: ArchiveError ``archive.contents``."""
        return _read(self.head, Head, 1_024, path)

    def witness_leaf(self) -> bytes:
        """Its leaf in the block's transaction tree."""
        return leaf_hash(self.id() + tagged(TAG_WITNESS, *self.signatures))


class Heads(Message, frozen=True):
    """Every transaction of a block, in order, without contents."""

    heads: Annotated[tuple[ShownHead, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)]


class Slots(Message, frozen=True):
    """An event's public part, and the hashes of its other parts (zeros: there is none)."""

    public: Annotated[bytes, msgspec.Meta(min_length=1, max_length=EVENT_PART_SIZE_MAX)]
    members: Bytes32
    sealed: Bytes32

    def commitment(self) -> bytes:
        """The event's commitment."""
        return commitment_of_slots(tagged(TAG_EVENT_PUBLIC, self.public), self.members, self.sealed)


class EventsShown(Message, frozen=True):
    """The events of one transaction; none for a payload, whose bytes are for members."""

    events: Annotated[tuple[Slots, ...], msgspec.Meta(max_length=EVENTS_PER_TRANSACTION_MAX)]


class Half(Message, frozen=True):
    """A members' half with the salt that goes into its hash."""

    salt: Bytes32
    members: Annotated[bytes, msgspec.Meta(min_length=1, max_length=EVENT_PART_SIZE_MAX)]

    def hash(self, tag: bytes) -> bytes:
        """What a commitment or record holds of it."""
        return tagged(tag, self.salt, self.members)


def heads_of(transactions: Iterable[SignedTransaction]) -> bytes:
    """The bytes of a heads member."""
    return encode(Heads(tuple(ShownHead(one.head_bytes, one.signatures) for one in transactions)))


def events_of(transaction: SignedTransaction) -> bytes:
    """The bytes of a transaction member."""
    return encode(EventsShown(tuple(Slots(event.public, *event.slots()[1:]) for event in transaction.events)))


def read_heads(data: bytes, transaction_root: bytes, count: int, path: str) -> tuple[ShownHead, ...]:
    """The heads of a block.

    Raises:
        ArchiveError: ``archive.contents``, they are not those that the block's header binds.
    """
    shown = _read(data, Heads, BLOCK_SIZE_MAX, path).heads
    if len(shown) != count or root_of([one.witness_leaf() for one in shown]) != transaction_root:
        raise ArchiveError("archive.contents", "not the transactions that the block's header binds", path)
    return shown


def read_events(data: bytes, head: Head, path: str) -> tuple[Slots, ...]:
    """The events of a transaction. Raises: ArchiveError ``archive.contents``."""
    events = _read(data, EventsShown, 2 * TRANSACTION_SIZE_MAX, path).events
    expected = head.event_count if head.kind is ContentKind.EVENTS else 0
    if len(events) != expected:
        raise ArchiveError("archive.contents", f"{len(events)} events, the head counts {expected}", path)
    if events and events_digest([event.commitment() for event in events]) != head.digest:
        raise ArchiveError("archive.contents", "not the events that were signed for", path)
    return events


def read_half(data: bytes, tag: bytes, expected: bytes, path: str) -> Half:
    """A members' half. Raises: ArchiveError ``archive.contents``."""
    half = _read(data, Half, HALF_SIZE_MAX, path)
    if half.hash(tag) != expected:
        raise ArchiveError("archive.contents", "not the members' half that was recorded", path)
    return half


def check_payload(data: bytes, head: Head, path: str) -> None:
    """Check a payload's bytes. Raises: ArchiveError ``archive.contents``."""
    if head.kind is not ContentKind.PAYLOAD or payload_digest(data) != head.digest:
        raise ArchiveError("archive.contents", "not the payload that was signed for", path)


def _read(data: bytes, type_: type[M], size_max: int, path: str) -> M:
    try:
        return decode(data, type_, size_max=size_max)
    except DecodeError as error:
        raise ArchiveError("archive.contents", str(error), path) from error
