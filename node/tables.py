"""The key layout of a node's database: one prefix byte per table, and the rows that are not records.

Numbers are big-endian, so that byte order is numeric order. Specification: docs/spec/storage.md.
"""

from __future__ import annotations

from enum import IntEnum

from tallystick.blocks import Executed, Header
from tallystick.encoding import Hash, Message, Natural, TimeMs
from tallystick.records.base import Record
from tallystick.votes import Certificate

STORE_FORMAT = 1


class Table(IntEnum):
    """First byte of a database key. Never reused."""

    META = 1  # name -> row
    BLOCKS = 2  # height -> BlockRow
    BODIES = 3  # height -> ByteList of raw transactions
    RECEIPTS = 4  # height -> ByteList of encoded receipts
    RECORDS = 5  # record key -> encoded Record
    TRANSACTIONS = 6  # transaction id -> Place of its first execution
    EVENTS = 7  # commitment, height, transaction index, event index -> empty
    HISTORIES = 8  # length of the owner's key, owner's key, index -> encoded HistoryEntry
    EXPIRING_IDS = 9  # hour of expiry, height -> ids of the block whose validity ends in that hour, in order
    BLOCK_HASHES = 10  # block hash -> height
    HISTORY_NODES = 11  # level, index -> hash of a perfect subtree of the history tree
    EPOCHS = 12  # epoch -> EpochProof of its end
    REPLACED = 13  # height -> ReplacedRow, for the heights whose states are kept
    RECOVERIES = 14  # epoch -> Recovery that ended it


RECORDS_PREFIX = bytes((Table.RECORDS,))
TRANSACTIONS_PREFIX = bytes((Table.TRANSACTIONS,))


class FormatRow(Message, frozen=True):
    """Which software may read this database, and of which chain it is."""

    format: Natural
    chain_id: Hash


class TipRow(Message, frozen=True):
    """The newest executed height.

    Attributes:
        epoch: of the next block.
        view: this block's in that epoch; 0 for genesis and for the boundary block of the epoch before.
        proof: a finalisation of this block or of a descendant, of that epoch; None where ``view`` is 0.
        history_peaks: compact range of the history tree over heights 0 to this one.
        next_due_ms: time of the earliest due work, or None.
    """

    executed: Executed
    block_hash: Hash
    view: Natural
    proof: Certificate | None
    history_peaks: tuple[Hash, ...]
    next_due_ms: TimeMs | None
    epoch: Natural = 0


RETIRED = bytes(16)  # instance of a log that counts as lost whatever stands in its folder


class SignerRow(Message, frozen=True):
    """What the signer's log must still hold, so that a lost or torn one is noticed.

    Attributes:
        instance: 16 random bytes that log and database share; ``RETIRED`` where the key must never sign again.
        oldest_segment, newest_segment: numbers of its files.
        newest_size: bytes of the newest one that were synced.
        floor_view: nothing at or below this view of ``floor_epoch`` may be signed any more.
    """

    instance: bytes
    oldest_segment: Natural
    newest_segment: Natural
    newest_size: Natural
    floor_view: Natural
    floor_epoch: Natural = 0


class FloorRow(Message, frozen=True):
    """What this database does not hold of old heights. Without the row it holds everything.

    Attributes:
        bodies_from: oldest height whose transactions and receipts are kept.
        headers_from: oldest height whose ``BlockRow`` is here, and whose path in the history tree can be made.
    """

    bodies_from: Natural
    headers_from: Natural


class RestoredRow(Message, frozen=True):
    """This database came out of a backup, and it is not known yet what its validator said since.

    Attributes:
        epoch, view: of the backup's newest height: whatever was signed above is forgotten here.
    """

    epoch: Natural
    view: Natural


class BlockRow(Message, frozen=True):
    """An executed block without its transactions.

    Attributes:
        header: None for genesis.
        finalisation: of this block; None when only a descendant was finalised directly.
        executed: the state after it.
    """

    header: Header | None
    block_hash: Hash
    finalisation: Certificate | None
    executed: Executed
    receipt_count: Natural


class ReplacedRow(Message, frozen=True):
    """What a height overwrote: the keys of the records it changed, and what each was before; None: nothing."""

    keys: tuple[bytes, ...]
    records: tuple[Record | None, ...]


class Place(Message, frozen=True):
    """Where a transaction is: height, and index in its block."""

    height: Natural
    index: Natural


UNKNOWN_PLACE = Place(0, 0)  # of an id that came with a snapshot: executed, at a height that nobody proves


class ByteList(Message, frozen=True):
    """Encodings in order."""

    items: tuple[bytes, ...]


FORMAT_KEY = bytes((Table.META,)) + b"format"
TIP_KEY = bytes((Table.META,)) + b"tip"
RESTORED_KEY = bytes((Table.META,)) + b"restored"
FLOOR_KEY = bytes((Table.META,)) + b"floor"
SIGNER_PREFIX = bytes((Table.META,)) + b"signer"
_EVENTS = bytes((Table.EVENTS,))
_HISTORIES = bytes((Table.HISTORIES,))
_EXPIRING_IDS = bytes((Table.EXPIRING_IDS,))


def signer_row_key(public_key: bytes) -> bytes:
    """Key of the row about the signer's log of one validator key."""
    return SIGNER_PREFIX + public_key


def number_key(table: Table, *numbers: int) -> bytes:
    """Key of numbers of 8 bytes each."""
    return bytes((table,)) + b"".join(number.to_bytes(8, "big") for number in numbers)


def bytes_key(table: Table, key: bytes) -> bytes:
    """Key of a table that is indexed by bytes."""
    return bytes((table,)) + key


def event_key(commitment: bytes, height: int, transaction_index: int, event_index: int) -> bytes:
    """Key of one place of an event; the first of a commitment is where it was recorded first."""
    return (
        _EVENTS
        + commitment
        + height.to_bytes(8, "big")
        + transaction_index.to_bytes(4, "big")
        + event_index.to_bytes(4, "big")
    )


def history_key(owner: bytes, index: int) -> bytes:
    """Key of one entry of a history; the owner's length comes first, so that no two owners share a range."""
    return _HISTORIES + len(owner).to_bytes(2, "big") + owner + index.to_bytes(8, "big")


def expiring_key(hour: int, height: int) -> bytes:
    """Key of one block's executed ids whose validity ends in one hour since 1970."""
    return _EXPIRING_IDS + hour.to_bytes(8, "big") + height.to_bytes(8, "big")


def after_prefix(prefix: bytes) -> bytes:
    """The first key behind all keys with this prefix; its last byte must not be 255."""
    assert prefix[-1] < 255
    return prefix[:-1] + bytes((prefix[-1] + 1,))
