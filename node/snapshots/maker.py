"""Making a snapshot: a view of the database as of its height, copied row by row in a thread that mostly sleeps.

The tail and the peaks are read at once, on the loop, while the database is at exactly that height; records, ids and
histories afterwards, from a view that later batches do not touch. docs/spec/snapshots.md, sections 2 to 4.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from consensus.chain import is_boundary
from contracts.genesis_state import EXPIRING_HOURS_KEY
from node.ledger import Ledger
from node.snapshots.chunks import Row, Section, chunk_hash, cut
from node.snapshots.manifest import SNAPSHOT_VERSION, Manifest, TailHeight
from node.snapshots.pace import unhurried
from node.snapshots.shelf import chunk_file, manifest_file
from node.storage import StoreView
from node.tables import RECORDS_PREFIX, Table, after_prefix, number_key
from tallystick.encoding import encode
from tallystick.errors import StorageError
from tallystick.limits import SNAPSHOT_CHUNKS_MAX, SNAPSHOT_IDS_PER_ROW, SNAPSHOT_TAIL_MAX
from tallystick.records.base import read_stored
from tallystick.records.chain import ExpiringHours

_ID_SIZE = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """What was read of a height while the database was at it.

    Attributes:
        first_hour: oldest hour whose unexpired ids the state counts.
    """

    chain_id: bytes
    peaks: tuple[bytes, ...]
    tail: tuple[TailHeight, ...]
    first_hour: int

    @property
    def height(self) -> int:
        """The snapshot's height."""
        return self.tail[-1].header.height


def plan_snapshot(ledger: Ledger, chain_id: bytes) -> Plan | None:
    """The snapshot of the newest stored height; None where that cannot have one."""
    tail = tail_of(ledger, ledger.tip().executed.height)
    if tail is None:
        return None
    record = ledger.record(EXPIRING_HOURS_KEY)
    if record is None:
        raise StorageError("the state does not say which hours have unexpired transactions")
    peaks = peaks_at(ledger, tail[0].header.height)
    return Plan(chain_id, peaks, tail, read_stored(record.public, ExpiringHours).first)


def tail_of(ledger: Ledger, height: int) -> tuple[TailHeight, ...] | None:
    """The tail of a snapshot of a stored height; None where that cannot have one."""
    newest = ledger.block(height)
    if newest is None or newest.header is None:
        return None
    first = newest.header.executed.height
    if first < 1 or not 0 < height - first < SNAPSHOT_TAIL_MAX:
        return None
    tail = []
    for at in range(first, height + 1):
        row = ledger.block(at)
        if row is None or row.header is None or is_boundary(row.header):
            return None
        if row.header.epoch != newest.header.epoch:
            return None
        executed = row.executed
        tail.append(TailHeight(row.header, executed.state_root, executed.receipts_root, row.receipt_count))
    return tuple(tail)


def make_snapshot(view: StoreView, plan: Plan, folder: Path, cancelled: Event) -> Manifest:
    """Write chunks and manifest of a planned snapshot into a folder that is new or left over.

    Args:
        view: the database at the plan's height; closed at the end.
        cancelled: set when the node ends.
    Raises:
        pace.CancelledError: it was set.
        StorageError: the database cannot be read.
        OSError: the folder cannot be written.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        hashes = []
        for index, data in enumerate(cut(unhurried(snapshot_rows(view, plan.first_hour), cancelled))):
            if index >= SNAPSHOT_CHUNKS_MAX:
                raise StorageError(f"the state needs more than {SNAPSHOT_CHUNKS_MAX} chunks")
            chunk_file(folder, index).write_bytes(data)
            hashes.append(chunk_hash(data))
        manifest = Manifest(SNAPSHOT_VERSION, plan.chain_id, plan.peaks, plan.tail, tuple(hashes))
        manifest_file(folder).write_bytes(encode(manifest))
    finally:
        view.close()
    return manifest


def snapshot_rows(view: StoreView, first_hour: int) -> Iterator[Row]:
    """Every row of a snapshot in order, out of the database's own."""
    records = RECORDS_PREFIX
    section = bytes((Section.RECORDS,))
    for key, value in view.range(records, after_prefix(records)):
        yield section + key[1:], value
    yield from _id_rows(view, first_hour)
    histories = bytes((Table.HISTORIES,))
    section = bytes((Section.HISTORIES,))
    for key, value in view.range(histories, after_prefix(histories)):
        yield section + key[1:], value


def _id_rows(view: StoreView, first_hour: int) -> Iterator[Row]:
    """Unexpired ids, put together anew: the database has a row per hour and block."""
    first, end = number_key(Table.EXPIRING_IDS, first_hour), after_prefix(bytes((Table.EXPIRING_IDS,)))
    hour, part, waiting = b"", 0, bytearray()
    full = SNAPSHOT_IDS_PER_ROW * _ID_SIZE
    for key, ids in view.range(first, end):
        if key[1:9] != hour:
            if waiting:
                yield _id_row(hour, part, waiting)
            hour, part, waiting = key[1:9], 0, bytearray()
        waiting += ids
        while len(waiting) >= full:
            yield _id_row(hour, part, waiting[:full])
            part, waiting = part + 1, waiting[full:]
    if waiting:
        yield _id_row(hour, part, waiting)


def _id_row(hour: bytes, part: int, ids: bytearray) -> Row:
    return bytes((Section.IDS,)) + hour + part.to_bytes(8, "big"), bytes(ids)


def peaks_at(ledger: Ledger, count: int) -> tuple[bytes, ...]:
    """Compact range of the history tree over the first ``count`` heights, largest subtree first."""
    peaks = []
    first = 0
    for level in reversed(range(count.bit_length())):
        if count >> level & 1:
            peaks.append(ledger.history_node(level, first >> level))
            first += 1 << level
    return tuple(peaks)
