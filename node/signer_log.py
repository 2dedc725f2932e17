"""The signer's log: what the engine made durable, and the contents of blocks voted for, above the floor.

It shares a random instance number with the database. A database that knows of a log which is not there, or another
one, means a lost signer record: a validator without it could say the opposite of what it said, so it must never sign
with that key again.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TypeAlias

from consensus.effects import DurableRecord, HeaderRecord
from node.tables import RETIRED, SignerRow
from node.wal import Mark, WriteAheadLog, read_records
from tallystick.blocks import Header
from tallystick.encoding import Bytes16, Hash, Message, Natural, PublicKey, decode, encode
from tallystick.epochs import ClosingHeader
from tallystick.errors import ConfigError, DecodeError, StorageError
from tallystick.votes import Certificate, Vote

LOG_FORMAT = 1
_ENTRY_SIZE_MAX = 16 * 1_048_576


class SignerRecordLostError(ConfigError):
    """What this key has signed is no longer known here: it must never sign again."""


class Opening(Message, frozen=True, tag=1):
    """First record of a log: whose it is."""

    format: Natural
    chain_id: Hash
    key: PublicKey
    instance: Bytes16


class VoteEntry(Message, frozen=True, tag=2):
    """An own vote."""

    vote: Vote


class CertificateEntry(Message, frozen=True, tag=3):
    """A certificate that was formed or received."""

    certificate: Certificate


class HeaderEntry(Message, frozen=True, tag=4):
    """A header proposed (``own``) or voted for."""

    header: Header
    own: bool


class ClosingEntry(Message, frozen=True, tag=6):
    """A closing header proposed (``own``) or voted for."""

    header: ClosingHeader
    own: bool


class BodyEntry(Message, frozen=True, tag=5):
    """Raw transactions of the block of the header that comes next."""

    block_hash: Hash
    view: Natural
    transactions: tuple[bytes, ...]


Entry: TypeAlias = Opening | VoteEntry | CertificateEntry | HeaderEntry | ClosingEntry | BodyEntry


Place: TypeAlias = tuple[int, int]  # epoch and view, in the order of time


def place_of(record: DurableRecord) -> Place:
    """The epoch and view that a record is about."""
    if isinstance(record, Vote | Certificate):
        return record.statement.epoch, record.statement.view
    return record.header.epoch, record.header.view


class SignerLog:
    """The log of one validator's key on one chain.

    Attributes:
        records: durable records above the floor, in order.
        bodies: raw transactions by block hash, as found at the start.
        floor: epoch and view; records at or below it are dropped.
    """

    def __init__(
        self, folder: Path, chain_id: bytes, key: bytes, known: SignerRow | None, floor_view: int, epoch: int = 0
    ) -> None:
        """Open or begin the log.

        Args:
            floor_view, epoch: where the next engine starts.
            known: what the database says the log must hold; None for a database without blocks.
        Raises:
            ConfigError: the signer record is lost, or belongs to another key or chain.
            StorageError: it is damaged where it was durable.
        """
        self._folder = folder
        self._log = WriteAheadLog(folder)
        self.records: list[DurableRecord] = []
        self.bodies: dict[bytes, tuple[bytes, ...]] = {}
        self.floor: Place = (epoch, floor_view)
        self._newest: dict[int, Place] = {}  # by segment
        self._dirty = False
        mark = None
        if known is not None:
            if known.instance == RETIRED:
                raise self._lost("this key was retired when its record was found to be lost, or given up")
            if self._log.empty:
                raise self._lost(f"the log in {folder} is missing or empty")
            mark = Mark(known.oldest_segment, known.newest_segment, known.newest_size)
        elif self._log.segments and self._log.segments[0] > 1:
            raise ConfigError(
                f"{folder}: the signer's log is older than the empty database beside it, and was pruned; restore the "
                "database, or register a new validator key for the organisation"
            )
        entries = self._log.read(mark)
        self._instance = self._check_opening(entries, chain_id, key, known)
        for segment, data in entries:
            self._take(segment, read_entry(data))
        self._opening = Opening(LOG_FORMAT, chain_id, key, self._instance)
        if self._log.mark().size == 0:
            self._log.append(encode(self._opening))
            self._log.sync()

    def append(self, record: DurableRecord, *, lazy: bool) -> None:
        """Note a record; it is durable after the next ``sync``, or with the next record that is not lazy."""
        if isinstance(record, HeaderRecord):
            header = record.header
            if isinstance(header, ClosingHeader):
                entry: Entry = ClosingEntry(header, record.own)
            else:
                entry = HeaderEntry(header, record.own)
        else:
            entry = VoteEntry(record) if isinstance(record, Vote) else CertificateEntry(record)
        self.records.append(record)
        self._write(entry, place_of(record))
        self._dirty = self._dirty or not lazy

    def append_body(self, block_hash: bytes, view: int, transactions: tuple[bytes, ...]) -> None:
        """Note the contents of a block, before its header."""
        self._write(BodyEntry(block_hash, view, transactions), (self.floor[0], view))

    def sync(self) -> bool:
        """Make everything durable if a record that is not lazy waits; whether the disk was asked."""
        if not self._dirty:
            return False
        before = self._log.mark().newest
        self._log.sync()
        if self._log.mark().newest != before:  # every segment says whose it is
            self._log.append(encode(self._opening))
            self._log.sync()
        self._dirty = False
        return True

    def row(self, floor_view: int, epoch: int = 0) -> SignerRow:
        """What the database is to remember of this log, with the next batch."""
        mark = self._log.mark()
        return SignerRow(self._instance, mark.oldest, mark.newest, mark.size, floor_view, epoch)

    def prune(self, floor_view: int, epoch: int = 0) -> None:
        """Drop records at or below a floor that is durable in the database."""
        self.floor = max(self.floor, (epoch, floor_view))
        self.records = [record for record in self.records if place_of(record) > self.floor]
        oldest = self._log.segments[0]
        keep = next((n for n in self._log.segments if self._newest.get(n, (0, 0)) > self.floor), None)
        self._log.delete_before(self._log.segments[-1] if keep is None else keep)
        for number in range(oldest, self._log.segments[0]):
            self._newest.pop(number, None)

    def close(self) -> None:
        """Release the file."""
        self._log.close()

    def _write(self, entry: Entry, place: Place) -> None:
        segment = self._log.append(encode(entry))
        self._newest[segment] = max(place, self._newest.get(segment, (0, 0)))

    def _take(self, segment: int, entry: Entry) -> None:
        match entry:
            case Opening():
                return
            case VoteEntry(vote):
                record: DurableRecord = vote
            case CertificateEntry(certificate):
                record = certificate
            case HeaderEntry(header, own) | ClosingEntry(header, own):
                record = HeaderRecord(header, own)
            case BodyEntry(block_hash, _, transactions):
                self.bodies[block_hash] = transactions  # that of a dropped header goes once the others were claimed
                return
        place = place_of(record)
        self._newest[segment] = max(place, self._newest.get(segment, (0, 0)))
        if place > self.floor:
            self.records.append(record)

    def _check_opening(
        self, entries: list[tuple[int, bytes]], chain_id: bytes, key: bytes, known: SignerRow | None
    ) -> bytes:
        if not entries:
            return secrets.token_bytes(16)
        opening = read_entry(entries[0][1])
        if not isinstance(opening, Opening):
            raise StorageError(f"the signer's log in {self._folder} does not say whose it is")
        if opening.format != LOG_FORMAT:
            raise ConfigError(f"{self._folder}: the signer's log has format {opening.format}; update the software")
        if opening.chain_id != chain_id or opening.key != key:
            raise ConfigError(f"{self._folder}: the signer's log belongs to another key or chain; check `data`")
        if known is not None and opening.instance != known.instance:
            raise self._lost(f"the log in {self._folder} is not the one that this database was written with")
        return opening.instance

    def _lost(self, how: str) -> SignerRecordLostError:
        return SignerRecordLostError(
            f"the signer record is lost: {how}, but this validator has voted with its key, and must not sign with it "
            "again; make another with `tallystick-node recover key`"
        )


def salvage(folder: Path) -> tuple[list[DurableRecord], dict[bytes, tuple[bytes, ...]]]:
    """Records and contents of blocks that can still be read in a folder, whole or not; nothing is signed on them.

    Certificates prove themselves, and contents are bound by their headers, so whatever is found is good for a recovery.

    Raises:
        StorageError: the disk fails.
    """
    records: list[DurableRecord] = []
    bodies: dict[bytes, tuple[bytes, ...]] = {}
    try:
        files = [path.read_bytes() for path in sorted(folder.glob("*.log"))]
    except OSError as error:
        raise StorageError(f"the signer's log in {folder} cannot be read: {error}") from error
    for data in files:
        for payload in read_records(data)[0]:
            match read_entry(payload):
                case VoteEntry(vote):
                    records.append(vote)
                case CertificateEntry(certificate):
                    records.append(certificate)
                case HeaderEntry(header, own) | ClosingEntry(header, own):
                    records.append(HeaderRecord(header, own))
                case BodyEntry(block_hash, _, transactions):
                    bodies[block_hash] = transactions
                case Opening():
                    continue
    return records, bodies


def read_entry(data: bytes) -> Entry:
    """A record of the log.

    Raises:
        StorageError: it is damaged.
    """
    try:
        entry: Entry = decode(data, Entry, size_max=_ENTRY_SIZE_MAX)  # type: ignore[arg-type]
    except DecodeError as error:
        raise StorageError(f"a record of the signer's log is damaged: {error}") from error
    return entry
