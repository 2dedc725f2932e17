"""Checking stored records and the histories they own against what the receipts of all heights leave behind."""

from __future__ import annotations

from collections.abc import Callable

from node.ledger import Ledger
from tallystick.encoding import decode
from tallystick.errors import DecodeError, StorageError, TallystickError
from tallystick.merkle import append_all
from tallystick.records.base import Record, Space, key_hash, read_public
from tallystick.records.goods import History, HistoryEntry, ItemPublic, SessionPublic, Statements
from tallystick.trie import Trie

RECORDS_PER_UPDATE = 4_096
ENTRIES_PER_READ = 1_024
ENTRY_SIZE_MAX = 256  # bytes

REMEDY = "stop using this folder and restore it, or start it anew"
Progress = Callable[[str, int, int], None]
_OWNERS: dict[int, type[ItemPublic] | type[SessionPublic] | type[Statements]] = {
    Space.ITEM: ItemPublic,
    Space.SESSION: SessionPublic,
    Space.STATEMENTS: Statements,
}


class Disagreement(TallystickError):
    """The stored chain disagrees with itself or with genesis: what, at which height, about which key.

    Attributes:
        height: first height that disagrees.
        key: record key in hex, where it is about one.
        remedy: what to do about it.
    """

    def __init__(self, detail: str, height: int, key: bytes = b"", *, remedy: str = REMEDY) -> None:
        super().__init__(detail)
        self.height = height
        self.key = key.hex()
        self.remedy = remedy


def check_records(
    ledger: Ledger, leaves: dict[bytes, bytes], state_root: bytes, height: int, progress: Progress
) -> int:
    """Every stored record is the one that the receipts leave behind, none is missing, every history is whole.

    Args:
        leaves: record key to leaf hash (32) and the height that wrote it last (8), after all receipts up to
            ``height``; emptied on the way.
    Returns:
        the number of records.
    Raises:
        Disagreement: at the first record that differs, naming its key and the height that wrote it last.
    """
    total = len(leaves)
    count = 0
    changes: dict[bytes, bytes | None] = {}
    rebuilt = Trie()
    key = b""
    try:
        for key, record in ledger.records():
            leaf, expected = record.leaf_hash(), leaves.pop(key, b"")
            written = int.from_bytes(expected[32:], "big") if expected else height
            if expected[:32] != leaf:
                raise Disagreement("a stored record is not the one that the receipts give", written, key)
            _check_history(ledger, key, record, written)
            changes[key_hash(key)] = leaf
            count += 1
            if len(changes) >= RECORDS_PER_UPDATE:
                rebuilt, changes = rebuilt.update(changes), {}
                progress("records", count, total)
    except StorageError as error:
        raise Disagreement(f"the record behind this key cannot be read: {error}", height, key) from error
    if leaves:
        missing = min(leaves)
        written = int.from_bytes(leaves[missing][32:], "big")
        raise Disagreement("a record is missing that the receipts give", written, missing)
    if rebuilt.update(changes).root != state_root:
        raise Disagreement("the records give another state root than the receipts", height)
    progress("records", count, total)
    return count


def _check_history(ledger: Ledger, key: bytes, record: Record, height: int) -> None:
    """The stored entries of a history give the compact range in its owner's record."""
    type_ = _OWNERS.get(key[0])
    if type_ is None:
        return
    try:
        history = read_public(record, type_).history
        peaks: tuple[bytes, ...] = ()
        index = 0
        while index < history.count:
            entries = ledger.history(key, index, min(ENTRIES_PER_READ, history.count - index))
            if not entries:
                break
            hashes = [decode(entry, HistoryEntry, size_max=ENTRY_SIZE_MAX).leaf_hash() for entry in entries]
            peaks, index = append_all(peaks, index, hashes), index + len(entries)
    except DecodeError as error:
        raise Disagreement(f"a stored history cannot be read: {error}", height, key) from error
    if History(index, peaks) != history or ledger.history(key, history.count, 1):
        raise Disagreement("the stored entries of a history are not those of its record", height, key)
