"""Checking the files of a LevelDB database where LevelDB itself would look away.

LevelDB checks every data block that it reads. It does not mention a damaged filter (it reads without it), padding that
is not zero, or a damaged end of its log: that it takes for a write that a crash cut off, and drops. So these are read
here, from the formats that LevelDB publishes (doc/log_format.md, doc/table_format.md, and VersionEdit for what a
manifest says), and never with LevelDB open: it compacts beside its readers, so a table may go or come at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LOG_BLOCK_SIZE = 32_768
_LOG_HEAD_SIZE = 7  # masked CRC (4), length (2), type (1), little-endian
_LOG_TYPES = range(1, 5)  # full, first, middle, last
_LOG_BEGINNINGS, _LOG_ENDS = (1, 2), (1, 4)
_FOOTER_SIZE = 48
_HANDLES_SIZE = 40
_TABLE_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_TRAILER_SIZE = 5  # compression (1), masked CRC (4)
_MASK_DELTA = 0xA282EAD8
# fields of a VersionEdit after their tag: n a number, s bytes behind their length
_EDIT_FIELDS = {1: "s", 2: "n", 3: "n", 4: "n", 5: "ns", 6: "nn", 7: "nnnss", 9: "n"}
_DELETED_TABLE, _NEW_TABLE = 6, 7
_CASTAGNOLI = 0x82F63B78  # polynomial of CRC-32C, reflected (RFC 3720, appendix B.4)


class FileDamage(Exception):
    """A file is not as LevelDB wrote it: which, where, and what is wrong."""

    def __init__(self, path: Path, at: int, what: str) -> None:
        super().__init__(f"{path.name} of the database is damaged at byte {at}: {what}")


def _table() -> tuple[int, ...]:
    values = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
        values.append(value)
    return tuple(values)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C of bytes, about 10 MB/s."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked_crc(data: bytes) -> bytes:
    """The checksum as LevelDB stores it: rotated, so that a checksum over checksums is no weaker."""
    crc = crc32c(data)
    return (((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF).to_bytes(4, "little")


def check_database(folder: Path) -> None:
    """Read what LevelDB may change when it opens, and the end of every table that belongs to the database.

    That is the name of the manifest, the manifest, the write-ahead log; of a table footer, index and filter. Data
    blocks are for LevelDB, which checks what it reads. A table that the manifest does not name was left by a crash.

    Raises:
        FileDamage: in the first one that does not check.
        OSError: one cannot be read.
    """
    current = folder / "CURRENT"
    name = current.read_bytes()
    if not name.startswith(b"MANIFEST-") or not name.endswith(b"\n") or not name[9:-1].isdigit():
        raise FileDamage(current, 0, "it does not name a manifest")
    manifest = folder / name[:-1].decode()
    if not manifest.is_file():
        raise FileDamage(current, 9, f"it names {manifest.name}, which is not there")
    edits = _log_records(manifest)
    for path in sorted(folder.glob("*.log")):
        _log_records(path)
    for number, at in sorted(_live_tables(manifest, edits).items()):
        names = [folder / f"{number:06}{suffix}" for suffix in (".ldb", ".sst")]
        tables = [path for path in names if path.is_file()]
        if not tables:
            raise FileDamage(manifest, at, f"it names the table {names[0].name}, which is not there")
        _check_table(tables[0])


def _live_tables(manifest: Path, edits: list[tuple[int, bytes]]) -> dict[int, int]:
    """The numbers of the tables that the edits of a manifest leave, and where it names each."""
    live: dict[int, int] = {}
    for at, edit in edits:
        place = 0
        while place < len(edit):
            (tag,), used = _varints(edit[place : place + 10], 1)
            place += used
            fields = _EDIT_FIELDS.get(tag)
            if used == 0 or fields is None:
                raise FileDamage(manifest, at, "a record is no edit of a version")
            numbers = []
            for field in fields:
                (number,), used = _varints(edit[place : place + 10], 1)
                place += used + (number if field == "s" else 0)
                if used == 0 or place > len(edit):
                    raise FileDamage(manifest, at, "a record ends within a field")
                numbers.append(number)
            if tag == _NEW_TABLE:
                live[numbers[1]] = at
            elif tag == _DELETED_TABLE:
                live.pop(numbers[1], None)
    return live


def _log_records(path: Path) -> list[tuple[int, bytes]]:
    """Every record of a file in LevelDB's log format, and where it begins: fragments in blocks of 32 KiB."""
    data = path.read_bytes()
    records: list[tuple[int, bytes]] = []
    begun, parts = 0, b""
    at = 0
    while at < len(data):
        left = LOG_BLOCK_SIZE - at % LOG_BLOCK_SIZE
        if left < _LOG_HEAD_SIZE:
            if any(data[at : at + left]):
                raise FileDamage(path, at, "the end of a block is not zero")
            at += left
            continue
        kind, length = data[at + 6 : at + 7], int.from_bytes(data[at + 4 : at + 6], "little")
        payload = data[at + _LOG_HEAD_SIZE : at + _LOG_HEAD_SIZE + length]
        if len(payload) < length or _LOG_HEAD_SIZE + length > left:
            raise FileDamage(path, at, "a record is longer than what is left; a power failure can cut the last one off")
        if kind[0] not in _LOG_TYPES or masked_crc(kind + payload) != data[at : at + 4]:
            raise FileDamage(path, at, "a record does not check")
        begun, parts = (at, payload) if kind[0] in _LOG_BEGINNINGS else (begun, parts + payload)
        if kind[0] in _LOG_ENDS:
            records.append((begun, parts))
        at += _LOG_HEAD_SIZE + length
    return records


def _check_table(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:

        def read(offset: int, length: int) -> bytes:
            stream.seek(offset)
            return stream.read(length)

        footer_at = size - _FOOTER_SIZE
        footer = read(footer_at, _FOOTER_SIZE) if footer_at > 0 else b""
        if footer[_HANDLES_SIZE:] != _TABLE_MAGIC:
            raise FileDamage(path, max(0, footer_at), "it does not end as a table")
        numbers, used = _varints(footer[:_HANDLES_SIZE], 4)
        if used == 0 or any(footer[used:_HANDLES_SIZE]):
            raise FileDamage(path, footer_at, "its footer is not well formed")
        (meta_at, meta_size, index_at, index_size) = numbers
        blocks = [(meta_at, meta_size), (index_at, index_size)]
        if meta_at + meta_size + _TRAILER_SIZE != index_at or index_at + index_size + _TRAILER_SIZE != footer_at:
            raise FileDamage(path, footer_at, "its footer points elsewhere than behind the data")
        for offset, length in blocks:
            _check_block(path, offset, length, read(offset, length + _TRAILER_SIZE))
        for offset, length in _handles(read(meta_at, meta_size)):
            if offset + length + _TRAILER_SIZE > meta_at:
                raise FileDamage(path, meta_at, "its filter is not before its index")
            _check_block(path, offset, length, read(offset, length + _TRAILER_SIZE))


def _check_block(path: Path, at: int, size: int, data: bytes) -> None:
    if len(data) != size + _TRAILER_SIZE or masked_crc(data[:-4]) != data[-4:]:
        raise FileDamage(path, at, "a block does not check")


def _handles(block: bytes) -> Iterator[tuple[int, int]]:
    """Offset and size of the blocks that a metaindex names; its entries share no prefixes with one another."""
    restarts = int.from_bytes(block[-4:], "little")
    at, end = 0, len(block) - 4 - 4 * restarts
    while at < end:
        (_, unshared, value_size), used = _varints(block[at : at + 30], 3)
        value = block[at + used + unshared : at + used + unshared + value_size]
        (offset, size), _ = _varints(value, 2)
        yield offset, size
        at += used + unshared + value_size


def _varints(data: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """So many numbers of seven bits a byte, lowest first, and how many bytes they took; zeros and 0 when torn."""
    numbers, at = [], 0
    for _ in range(count):
        number, shift = 0, 0
        while True:
            if at >= len(data) or shift > 63:
                return (0,) * count, 0
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        numbers.append(number)
    return tuple(numbers), at
