"""The rows that genesis and each later height add to a database.

All keys and rows are those of ``tables``; ``ledger`` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from node.history_tree import Node
from node.storage import Put
from node.tables import (
    FORMAT_KEY,
    RECORDS_PREFIX,
    STORE_FORMAT,
    TIP_KEY,
    TRANSACTIONS_PREFIX,
    BlockRow,
    ByteList,
    FormatRow,
    Place,
    ReplacedRow,
    Table,
    TipRow,
    bytes_key,
    event_key,
    expiring_key,
    history_key,
    number_key,
)
from tallystick.encoding import encode
from tallystick.epochs import EpochProof
from tallystick.records.base import Record
from tallystick.records.chain import HOUR_MS
from tallystick.records.goods import HistoryEntry
from tallystick.recovery import Recovery


def founding_rows(chain_id: bytes, tip: TipRow, block: BlockRow, writes: dict[bytes, Record]) -> list[Put]:
    """The rows of an empty database that become genesis."""
    puts: list[Put] = [
        (FORMAT_KEY, encode(FormatRow(STORE_FORMAT, chain_id))),
        (TIP_KEY, encode(tip)),
        (number_key(Table.BLOCKS, 0), encode(block)),
        (number_key(Table.BODIES, 0), encode(ByteList(()))),
        (number_key(Table.RECEIPTS, 0), encode(ByteList(()))),
        (bytes_key(Table.BLOCK_HASHES, block.block_hash), (0).to_bytes(8, "big")),
    ]
    puts += [(bytes_key(Table.RECORDS, key), encode(record)) for key, record in writes.items()]
    return puts


def block_rows(block: BlockRow, transactions: tuple[bytes, ...], receipts: tuple[bytes, ...]) -> list[Put]:
    """The rows of one executed block."""
    height = block.executed.height
    return [
        (number_key(Table.BLOCKS, height), encode(block)),
        (number_key(Table.BODIES, height), encode(ByteList(transactions))),
        (number_key(Table.RECEIPTS, height), encode(ByteList(receipts))),
        (bytes_key(Table.BLOCK_HASHES, block.block_hash), height.to_bytes(8, "big")),
    ]


def record_rows(writes: dict[bytes, Record | None]) -> list[Put]:
    """The rows of changed records."""
    return [(RECORDS_PREFIX + key, None if record is None else encode(record)) for key, record in writes.items()]


def replaced_row(height: int, replaced: Mapping[bytes, Record | None]) -> Put:
    """The row of what a height overwrote."""
    return number_key(Table.REPLACED, height), encode(ReplacedRow(tuple(replaced), tuple(replaced.values())))


def history_row(owner: bytes, index: int, entry: HistoryEntry) -> Put:
    """The row of one new entry of a history."""
    return history_key(owner, index), encode(entry)


def transaction_row(id_: bytes, height: int, index: int) -> Put:
    """The row of a transaction that was executed for the first time."""
    return TRANSACTIONS_PREFIX + id_, encode(Place(height, index))


def expiring_rows(executed_ids: Iterable[tuple[bytes, int]], height: int) -> list[Put]:
    """The rows that keep a block's executed ids, each with its ``valid_until_ms``, until they expire."""
    by_hour: dict[int, list[bytes]] = {}
    for id_, valid_until_ms in executed_ids:
        by_hour.setdefault(valid_until_ms // HOUR_MS, []).append(id_)
    return [(expiring_key(hour, height), b"".join(ids)) for hour, ids in by_hour.items()]


def event_row(commitment: bytes, height: int, transaction_index: int, event_index: int) -> Put:
    """The row of an event that was recorded as effective or stated."""
    return event_key(commitment, height, transaction_index, event_index), b""


def history_node_rows(nodes: list[Node]) -> list[Put]:
    """The rows of subtrees of the history tree that became complete."""
    return [(number_key(Table.HISTORY_NODES, level, index), hash_) for level, index, hash_ in nodes]


def tip_row(tip: TipRow) -> Put:
    """The row of the newest executed height."""
    return TIP_KEY, encode(tip)


def epoch_row(epoch: int, proof: EpochProof) -> Put:
    """The row of an epoch's end."""
    return number_key(Table.EPOCHS, epoch), encode(proof)


def recovery_row(epoch: int, recovery: Recovery) -> Put:
    """The row of an epoch's end by a recovery."""
    return number_key(Table.RECOVERIES, epoch), encode(recovery)
