"""Typed reads of everything a node stores, and the rows that say something of the database itself.

All keys and rows are those of ``tables``; what a height adds stands in ``height_rows``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from node.storage import Put, Store, StoreView
from node.tables import (
    FLOOR_KEY,
    FORMAT_KEY,
    RECORDS_PREFIX,
    RESTORED_KEY,
    STORE_FORMAT,
    TIP_KEY,
    TRANSACTIONS_PREFIX,
    UNKNOWN_PLACE,
    BlockRow,
    ByteList,
    FloorRow,
    FormatRow,
    Place,
    ReplacedRow,
    RestoredRow,
    SignerRow,
    Table,
    TipRow,
    after_prefix,
    bytes_key,
    history_key,
    number_key,
    signer_row_key,
)
from tallystick.encoding import Message, decode, encode
from tallystick.epochs import EpochProof
from tallystick.errors import ConfigError, DecodeError, ProofError, StorageError
from tallystick.records.base import Record, Space
from tallystick.records.chain import HOUR_MS
from tallystick.recovery import Recovery

T = TypeVar("T", bound=Message)

ROW_SIZE_MAX = 64 * 1_048_576  # bytes; our own rows, checked against damage, not against strangers
EXPIRED_PER_SWEEP_MAX = 5_000  # rows deleted per sweep: more than the blocks between two sweeps can add


class PrunedError(ProofError):
    """An old height's transactions, receipts or path are no longer kept here, or never were.

    Attributes:
        height: that height; 0 where only a snapshot says that it was executed.
        keepers: organisations whose nodes say that they keep it.
    """

    def __init__(self, height: int, oldest: int, keepers: Sequence[str]) -> None:
        what = f"height {height} is not kept here" if height else "it was executed before the blocks that are kept here"
        super().__init__("pruned", f"{what}; {oldest} is the oldest height that is")
        self.height = height
        self.keepers = tuple(keepers)

    @property
    def remedy(self) -> str:
        """Who to ask instead."""
        if self.keepers:
            return f"ask the node of {', '.join(self.keepers)}, which keeps it"
        return "ask a member whose node keeps all blocks; none that this node is connected to keeps this one"


class Ledger:
    """A node's database, by meaning.

    Attributes:
        floor: what it does not hold of old heights.
        keepers: answers who else keeps the body of a height; set by the node.
    Raises:
        StorageError: from every method, when the disk fails or a row does not decode.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        data = store.get(FLOOR_KEY)
        self.floor = FloorRow(0, 0) if data is None else _read(data, FloorRow)
        self.keepers: Callable[[int], Sequence[str]] = lambda height: ()

    # --- opening ------------------------------------------------------------------------------------------

    def check_format(self, chain_id: bytes, place: str) -> bool:
        """Whether the database was founded already (False: it is empty).

        Raises:
            ConfigError: it belongs to another chain, or newer software wrote it.
        """
        data = self._store.get(FORMAT_KEY)
        if data is None:
            if next(iter(self._store.range(b"\x00", b"\xff")), None) is not None:
                raise StorageError(f"the database in {place} has rows but no format row; restore it or start anew")
            return False
        row = _read(data, FormatRow)
        if row.format != STORE_FORMAT:
            raise ConfigError(
                f"{place}: the database has format {row.format}, this software reads {STORE_FORMAT}; "
                "run the software that wrote it, or a newer one"
            )
        if row.chain_id != chain_id:
            raise ConfigError(
                f"{place}: the database belongs to chain {row.chain_id.hex()[:16]}…, the genesis file to chain "
                f"{chain_id.hex()[:16]}…; check `data` and `genesis` in the configuration"
            )
        return True

    def write(self, puts: list[Put]) -> None:
        """One synced batch."""
        self._store.write(puts)

    def read_everything(self) -> int:
        """Read every row, so that the disk's checksums of all of them are looked at; returns how many there are."""
        return sum(1 for _ in self._store.range(b"", b"\xff"))

    def view(self) -> StoreView:
        """Every row as it is now, for whoever copies them."""
        return self._store.view()

    def compact(self, first: bytes, end: bytes) -> None:
        """See ``Store``."""
        self._store.compact(first, end)

    def close(self) -> None:
        """Release the database."""
        self._store.close()

    # --- reading ------------------------------------------------------------------------------------------

    def tip(self) -> TipRow:
        """The newest executed height."""
        return self._need(TIP_KEY, TipRow, "the newest executed height")

    def signer(self, public_key: bytes) -> SignerRow | None:
        """What the signer's log of a validator key must hold; None when there never was one."""
        data = self._store.get(signer_row_key(public_key))
        return None if data is None else _read(data, SignerRow)

    def restored(self) -> RestoredRow | None:
        """What a restored database has to find out before its validator votes; None when there is nothing."""
        data = self._store.get(RESTORED_KEY)
        return None if data is None else _read(data, RestoredRow)

    def block(self, height: int) -> BlockRow | None:
        """The executed block of a height without its transactions, or None."""
        data = self._store.get(number_key(Table.BLOCKS, height))
        return None if data is None else _read(data, BlockRow)

    def transactions(self, height: int) -> tuple[bytes, ...]:
        """Raw transactions of an executed height, in order.

        Raises:
            PrunedError: they are not kept any more.
        """
        self._check_kept(height)
        return self._need(number_key(Table.BODIES, height), ByteList, f"the transactions of height {height}").items

    def receipts(self, height: int) -> tuple[bytes, ...]:
        """Encoded receipts of an executed height, in order.

        Raises:
            PrunedError: they are not kept any more.
        """
        self._check_kept(height)
        return self._need(number_key(Table.RECEIPTS, height), ByteList, f"the receipts of height {height}").items

    def check_header_kept(self, height: int) -> None:
        """Refuse a height whose header and path in the history tree this database never had.

        Raises:
            PrunedError: it joined from a snapshot of a later height.
        """
        if height < self.floor.headers_from:
            raise PrunedError(height, self.floor.headers_from, self.keepers(height))

    def _check_kept(self, height: int) -> None:
        if height < self.floor.bodies_from:
            raise PrunedError(height, self.floor.bodies_from, self.keepers(height))

    def epoch_proof(self, epoch: int) -> EpochProof | None:
        """The proof of an epoch's end, or None while it goes on."""
        data = self._store.get(number_key(Table.EPOCHS, epoch))
        return None if data is None else _read(data, EpochProof)

    def recovery(self, epoch: int) -> Recovery | None:
        """The recovery that ended an epoch, or None where its validators ended it themselves."""
        data = self._store.get(number_key(Table.RECOVERIES, epoch))
        return None if data is None else _read(data, Recovery)

    def height_of(self, block_hash: bytes) -> int | None:
        """Height of an executed block, or None."""
        data = self._store.get(bytes_key(Table.BLOCK_HASHES, block_hash))
        return None if data is None else int.from_bytes(data, "big")

    def record(self, key: bytes) -> Record | None:
        """The newest record of a key, or None."""
        data = self._store.get(RECORDS_PREFIX + key)
        return None if data is None else _read(data, Record)

    def records(self, space: Space | None = None) -> Iterator[tuple[bytes, Record]]:
        """Every record, or every record of a space, with its key, in key order."""
        prefix = RECORDS_PREFIX if space is None else bytes((Table.RECORDS, space))
        for key, data in self._store.range(prefix, after_prefix(prefix)):
            yield key[1:], _read(data, Record)

    def replaced(self, height: int) -> dict[bytes, Record | None] | None:
        """What a height overwrote, by key; None where that is not kept."""
        data = self._store.get(number_key(Table.REPLACED, height))
        if data is None:
            return None
        row = _read(data, ReplacedRow)
        if len(row.keys) != len(row.records):
            raise StorageError(f"the row of what height {height} overwrote is damaged")
        return dict(zip(row.keys, row.records, strict=True))

    def oldest_replaced(self) -> int | None:
        """The lowest height of which it is kept what it overwrote, or None."""
        table = bytes((Table.REPLACED,))
        for key, _ in self._store.range(table, after_prefix(table)):
            return int.from_bytes(key[1:], "big")
        return None

    def records_below(self, prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Every record whose key begins so, with its key, in key order."""
        first = RECORDS_PREFIX + prefix
        for key, data in self._store.range(first, after_prefix(first)):
            yield key[1:], _read(data, Record)

    def place(self, transaction_id: bytes) -> Place | None:
        """Where a transaction was executed first, or None."""
        data = self._store.get(TRANSACTIONS_PREFIX + transaction_id)
        return None if data is None else _read(data, Place)

    def executed_place(self, transaction_id: bytes) -> Place | None:
        """The same, for whoever goes on to what stands there.

        Raises:
            PrunedError: only a snapshot says that it was executed.
        """
        place = self.place(transaction_id)
        if place == UNKNOWN_PLACE:
            raise PrunedError(0, self.floor.bodies_from, self.keepers(1))
        return place

    def event_place(self, commitment: bytes) -> tuple[int, int, int] | None:
        """Height, transaction index and event index where an event was recorded first, or None."""
        prefix = bytes_key(Table.EVENTS, commitment)
        row = next(iter(self._store.range(prefix, prefix + b"\xff" * 16)), None)
        if row is None:
            return None
        numbers = row[0][33:]
        return (
            int.from_bytes(numbers[:8], "big"),
            int.from_bytes(numbers[8:12], "big"),
            int.from_bytes(numbers[12:16], "big"),
        )

    def history(self, owner: bytes, first: int, limit: int) -> list[bytes]:
        """Encoded entries ``first`` to ``first + limit - 1`` of a history, fewer at its end."""
        pairs = self._store.range(history_key(owner, first), history_key(owner, first + limit))
        return [entry for _, entry in pairs]

    def history_node(self, level: int, index: int) -> bytes:
        """Hash of a perfect subtree of the history tree."""
        data = self._store.get(number_key(Table.HISTORY_NODES, level, index))
        if data is None:
            raise StorageError(f"the history tree lacks its node {index} of level {level}")
        return data

    def _need(self, key: bytes, type_: type[T], what: str) -> T:
        data = self._store.get(key)
        if data is None:
            raise StorageError(f"the database lacks {what}")
        return _read(data, type_)

    def expired_ids(self, time_ms: int) -> list[Put]:
        """Deletions of ids whose hour of expiry has passed, some at a time."""
        first, end = number_key(Table.EXPIRING_IDS), number_key(Table.EXPIRING_IDS, time_ms // HOUR_MS)
        puts: list[Put] = []
        for key, _ in self._store.range(first, end):
            puts.append((key, None))
            if len(puts) == EXPIRED_PER_SWEEP_MAX:
                break
        return puts


def signer_row(public_key: bytes, signer: SignerRow) -> Put:
    """The row about the signer's log of a validator key."""
    return signer_row_key(public_key), encode(signer)


def restored_row(restored: RestoredRow | None) -> Put:
    """The row of a restored database, or its deletion."""
    return RESTORED_KEY, None if restored is None else encode(restored)


def floor_row(floor: FloorRow) -> Put:
    """The row about what is not held of old heights."""
    return FLOOR_KEY, encode(floor)


def _read(data: bytes, type_: type[T]) -> T:
    try:
        return decode(data, type_, size_max=ROW_SIZE_MAX)
    except DecodeError as error:
        raise StorageError(f"a {type_.__name__} in the database is damaged: {error}") from error
