"""A new database from the chunks of a snapshot, judged on the way: only its own state root says that they are right.

Records come first, so the tree is complete before ids and histories are held against the records that count them.
Nothing is taken on trust but the certified manifest. docs/spec/snapshots.md, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from contracts.genesis_state import EXPIRING_HOURS_KEY
from contracts.switch import VALIDATORS_KEY
from node.height_rows import epoch_row, history_node_rows, tip_row
from node.history_tree import Node
from node.ledger import floor_row
from node.snapshots.chunks import ChunkReader, Section
from node.snapshots.manifest import CertifiedSnapshot
from node.storage import Put, Store
from node.tables import (
    FORMAT_KEY,
    RECORDS_PREFIX,
    STORE_FORMAT,
    TRANSACTIONS_PREFIX,
    UNKNOWN_PLACE,
    BlockRow,
    FloorRow,
    FormatRow,
    Table,
    TipRow,
    bytes_key,
    number_key,
)
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochProof
from tallystick.errors import DecodeError, ProofError, TallystickError
from tallystick.limits import RECORD_SIZE_MAX, SNAPSHOT_IDS_PER_ROW
from tallystick.merkle import append_all, leaf_hash
from tallystick.records.base import Record, Space, key_hash, read_public
from tallystick.records.chain import DueItem, ExpiringHours, ExpiringIds, ValidatorsRecord, due_ms_of
from tallystick.records.goods import History, HistoryEntry, ItemPublic, SessionPublic, Statements
from tallystick.trie import Trie

ENTRY_SIZE_MAX = 256  # bytes

_RECORD_SIZE_MAX = 2 * RECORD_SIZE_MAX + 1_024
_OWNERS: dict[int, type[ItemPublic] | type[SessionPublic] | type[Statements]] = {
    Space.ITEM: ItemPublic,
    Space.SESSION: SessionPublic,
    Space.STATEMENTS: Statements,
}
_HISTORIES = bytes((Table.HISTORIES,))
_DUE = bytes((Space.DUE,))
_IDS = bytes((Space.EXPIRING_IDS,))


class SnapshotLieError(TallystickError):
    """The chunks are those of the manifest, and not the certified state: who offered the manifest lied."""


def rebuild(
    snapshot: CertifiedSnapshot,
    chunks: Iterable[bytes],
    store: Store,
    epochs: Sequence[tuple[int, EpochProof]],
    progress: Callable[[int], None] = lambda done: None,
) -> Trie:
    """Write an empty store that a node can start from; returns its state tree.

    Args:
        chunks: in order; their hashes were compared before.
        epochs: number and proof of the end of each epoch before the snapshot's.
        progress: told the number of chunks that are written.
    Raises:
        SnapshotLieError: the rows are not the certified state. The store is to be thrown away.
        StorageError: the store cannot be written.
    """
    judge = _Judge(store)
    reader = ChunkReader()
    try:
        for done, data in enumerate(chunks, 1):
            puts: list[Put] = []
            section = 0
            for key, value in reader.read(data):
                if key[0] != section and puts:  # histories are held against records that must be in the store
                    store.write(puts)
                    puts.clear()
                section = key[0]
                judge.take(key, value, puts)
            store.write(puts)
            progress(done)
        judge.finish(snapshot)
    except (DecodeError, ProofError) as error:
        raise SnapshotLieError(f"the snapshot of height {snapshot.manifest.height} is refused: {error}") from error
    store.write(_head_rows(snapshot, judge, epochs))
    return judge.trie


class _Judge:
    """Rows in order, each held against what came before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: list[bytes] = []  # of the tree, each key hash and leaf hash
        self._hours: dict[int, ExpiringIds] = {}  # as the records count them
        self._ids = _Ids()
        self._owners = 0  # records that own a history which is not empty
        self._histories = _Histories(store)
        self.next_due_ms: int | None = None
        self.validators: ValidatorsRecord | None = None
        self._hour_range: ExpiringHours | None = None
        self.trie = Trie()

    def take(self, key: bytes, value: bytes, puts: list[Put]) -> None:
        """One row; adds what is to be written."""
        section, rest = key[0], key[1:]
        if section == Section.RECORDS:
            self._record(rest, value)
            puts.append((RECORDS_PREFIX + rest, value))
        elif section == Section.IDS:
            self._ids.take(rest, value)
            puts.append((bytes((Table.EXPIRING_IDS,)) + rest, value))
            place = encode(UNKNOWN_PLACE)
            puts += [(TRANSACTIONS_PREFIX + value[at : at + 32], place) for at in range(0, len(value), 32)]
        else:
            self._histories.take(rest, value)
            puts.append((_HISTORIES + rest, value))

    def _record(self, key: bytes, value: bytes) -> None:
        record = decode(value, Record, size_max=_RECORD_SIZE_MAX)
        self._entries.append(key_hash(key) + record.leaf_hash())
        space = key[:1]
        if space and space[0] in _OWNERS:
            self._owners += read_public(record, _OWNERS[space[0]]).history.count > 0
        elif space == _DUE:
            if not read_public(record, DueItem).parked and self.next_due_ms is None:  # keys ascend: the first is next
                self.next_due_ms = due_ms_of(key)
        elif space == _IDS:
            self._hours[int.from_bytes(key[1:], "big")] = read_public(record, ExpiringIds)
        elif key == EXPIRING_HOURS_KEY:
            self._hour_range = read_public(record, ExpiringHours)
        elif key == VALIDATORS_KEY:
            self.validators = read_public(record, ValidatorsRecord)

    def finish(self, snapshot: CertifiedSnapshot) -> None:
        """Everything is there, and is what was certified."""
        self._entries.sort()
        self.trie = Trie.of_sorted(b"".join(self._entries))
        self._entries = []
        root = self.trie.root
        certified = snapshot.executed[-1].state_root
        if root != certified:
            raise ProofError(
                "not-in-state", f"its records have state root {root.hex()}, certified is {certified.hex()}"
            )
        if self.validators is None or self._hour_range is None:
            raise ProofError("not-in-state", "its records lack those that genesis wrote")
        ids = self._ids.finished()
        if ids != self._hours:
            raise ProofError("not-in-state", "its unexpired ids are not those that its records count")
        if self._histories.finished() != self._owners:
            raise ProofError("not-in-state", "it lacks histories that its records count")


class _Ids:
    """Unexpired ids, hour by hour."""

    def __init__(self) -> None:
        self._hours: dict[int, ExpiringIds] = {}
        self._part = 0
        self._full = True

    def take(self, key: bytes, value: bytes) -> None:
        hour, part = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        known = self._hours.get(hour)
        if known is None:
            self._part, self._full, known = 0, True, ExpiringIds(0, ())
        count = len(value) // 32
        if len(key) != 16 or part != self._part or not self._full or len(value) != 32 * count:
            raise ProofError("not-in-state", "its unexpired ids are not cut as they must be")
        if not 0 < count <= SNAPSHOT_IDS_PER_ROW:
            raise ProofError("not-in-state", "a row of unexpired ids is empty or too long")
        hashes = [leaf_hash(value[at : at + 32]) for at in range(0, len(value), 32)]
        self._hours[hour] = ExpiringIds(known.count + count, append_all(known.peaks, known.count, hashes))
        self._part, self._full = part + 1, count == SNAPSHOT_IDS_PER_ROW

    def finished(self) -> dict[int, ExpiringIds]:
        """Count and compact range of every hour."""
        return self._hours


class _Histories:
    """Entries of histories, one owner after the other, each compared with its owner's record."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner: bytes | None = None
        self._hashes: list[bytes] = []
        self._compared = 0

    def take(self, key: bytes, value: bytes) -> None:
        size = int.from_bytes(key[:2], "big")
        owner, index = key[2 : 2 + size], key[2 + size :]
        if len(index) != 8:
            raise ProofError("history-altered", "an entry of a history belongs to no record")
        if owner != self._owner:
            self._compare()
            self._owner, self._hashes = owner, []
        if int.from_bytes(index, "big") != len(self._hashes):
            raise ProofError("history-altered", "the entries of a history are not consecutive")
        self._hashes.append(decode(value, HistoryEntry, size_max=ENTRY_SIZE_MAX).leaf_hash())

    def finished(self) -> int:
        """How many histories were compared."""
        self._compare()
        return self._compared

    def _compare(self) -> None:
        if self._owner is None:
            return
        type_ = _OWNERS.get(self._owner[0]) if self._owner else None
        data = None if type_ is None else self._store.get(RECORDS_PREFIX + self._owner)
        if type_ is None or data is None:
            raise ProofError("history-altered", "a history belongs to no record")
        counted = read_public(decode(data, Record, size_max=_RECORD_SIZE_MAX), type_).history
        if History(len(self._hashes), append_all((), 0, self._hashes)) != counted:
            raise ProofError("history-altered", f"the history of {self._owner.hex()} is not the one of its record")
        self._owner = None
        self._compared += 1


def _head_rows(snapshot: CertifiedSnapshot, judge: _Judge, epochs: Sequence[tuple[int, EpochProof]]) -> list[Put]:
    """What an engine starts from; with these rows the store is complete."""
    manifest = snapshot.manifest
    height, header = manifest.height, manifest.tail[-1].header
    puts: list[Put] = []
    for one, executed in zip(manifest.tail, snapshot.executed, strict=True):
        block_hash = one.header.block_hash()
        row = BlockRow(one.header, block_hash, None, executed, one.receipt_count)
        puts.append((number_key(Table.BLOCKS, one.header.height), encode(row)))
        puts.append((bytes_key(Table.BLOCK_HASHES, block_hash), one.header.height.to_bytes(8, "big")))
    puts += history_node_rows(_peak_nodes(snapshot.peaks, height + 1))
    puts += [epoch_row(number, proof) for number, proof in epochs]
    puts.append(floor_row(FloorRow(height + 1, height + 1)))
    assert judge.validators is not None
    tip = TipRow(
        snapshot.executed[-1],
        header.block_hash(),
        header.view,
        snapshot.proof.finalisation,
        snapshot.peaks,
        judge.next_due_ms,
        judge.validators.epoch,
    )
    puts.append((FORMAT_KEY, encode(FormatRow(STORE_FORMAT, manifest.chain_id))))
    puts.append(tip_row(tip))
    return puts


def _peak_nodes(peaks: Sequence[bytes], count: int) -> list[Node]:
    """Where in the history tree the peaks over its first ``count`` leaves stand."""
    nodes: list[Node] = []
    first = 0
    remaining = list(peaks)
    for level in reversed(range(count.bit_length())):
        if count >> level & 1:
            nodes.append((level, first >> level, remaining.pop(0)))
            first += 1 << level
    return nodes
