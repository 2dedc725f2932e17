"""The backup of a node's database: one file of framed rows that says itself whether it is whole.

``magic (8) || frames``, a frame being ``length (4, big-endian) || payload``: a head, rows in the order of their keys,
an end with the SHA-256 of everything before it. What is in it and what is not: docs/spec/storage.md, section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, TypeAlias, Union

from node.storage import Put, StoreView
from node.tables import FORMAT_KEY, RETIRED, SIGNER_PREFIX, TIP_KEY, FormatRow, SignerRow, TipRow
from tallystick.encoding import Hash, Message, Natural, decode, encode
from tallystick.errors import ConfigError, DecodeError, StorageError

MAGIC = b"tsback\x00\x01"  # its last byte is the format's version
FRAME_FILL = 1_048_576  # bytes of keys and values with which a frame of rows is full
FRAME_SIZE_MAX = 80 * 1_048_576  # bytes: the receipts of the largest block, and what was before them
_ROW_SIZE_MAX = 64 * 1_048_576


class BackupError(ConfigError):
    """A file is no backup, is damaged, or is another chain's."""


class BackupHead(Message, frozen=True, tag=1):
    """What a backup is of."""

    chain_id: Hash
    store_format: Natural
    height: Natural
    state_root: Hash


class BackupRows(Message, frozen=True, tag=2):
    """Some rows of the database."""

    rows: tuple[tuple[bytes, bytes], ...]


class BackupEnd(Message, frozen=True, tag=3):
    """Everything is there.

    Attributes:
        digest: SHA-256 of all bytes of the file before this frame.
    """

    row_count: Natural
    digest: Hash


Frame: TypeAlias = BackupHead | BackupRows | BackupEnd
_ANY: Any = Union[Frame]  # noqa: UP007 — the decoder takes a union as a value


def backup_rows(view: StoreView) -> Iterator[tuple[bytes, bytes]]:
    """Every row but those about the record of own votes: who restores it has forgotten what it promised since."""
    for key, value in view.range(b"", b"\xff"):
        if not key.startswith(SIGNER_PREFIX) or _is_retired(value):
            yield key, value


def write_backup(view: StoreView, rows: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """The bytes of a backup, piece by piece.

    Args:
        rows: what ``backup_rows`` gives, perhaps at another pace.
    Raises:
        StorageError: the database cannot be read, or is empty.
    """
    hasher = sha256()

    def framed(frame: Frame) -> bytes:
        payload = encode(frame)
        piece = len(payload).to_bytes(4, "big") + payload
        hasher.update(piece)
        return piece

    hasher.update(MAGIC)
    yield MAGIC
    yield framed(_head(view))
    waiting: list[tuple[bytes, bytes]] = []
    count = size = 0
    for row in rows:
        if waiting and size + len(row[0]) + len(row[1]) > FRAME_FILL:
            yield framed(BackupRows(tuple(waiting)))
            waiting, size = [], 0
        waiting.append(row)
        size += len(row[0]) + len(row[1])
        count += 1
    yield framed(BackupRows(tuple(waiting)))
    yield framed(BackupEnd(count, hasher.digest()))


class BackupReader:
    """Reads a backup as it comes: ``feed`` it, and ``end`` it.

    Attributes:
        head: once it was read.
    """

    def __init__(self) -> None:
        self.head: BackupHead | None = None
        self._buffer = bytearray()
        self._hasher = sha256()
        self._begun = False
        self._ended = False
        self._count = 0
        self._last = b""

    def feed(self, data: bytes) -> list[Put]:
        """The rows that are complete now.

        Raises:
            BackupError: this is no backup, or it is damaged.
        """
        self._buffer += data
        if not self._begun:
            if len(self._buffer) < len(MAGIC):
                return []
            if self._buffer[: len(MAGIC)] != MAGIC:
                raise BackupError("it is no backup that this software reads")
            self._hasher.update(MAGIC)
            del self._buffer[: len(MAGIC)]
            self._begun = True
        puts: list[Put] = []
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if not 0 < size <= FRAME_SIZE_MAX:
                raise BackupError("it is damaged: a part of it has an impossible length")
            if len(self._buffer) < 4 + size:
                break
            piece = bytes(self._buffer[: 4 + size])
            del self._buffer[: 4 + size]
            self._take(piece, puts)
        return puts

    def end(self) -> BackupHead:
        """There is no more.

        Raises:
            BackupError: it is not whole.
        """
        if not self._ended or self._buffer or self.head is None:
            raise BackupError("it is not whole: its end is missing")
        return self.head

    def _take(self, piece: bytes, puts: list[Put]) -> None:
        try:
            frame: Frame = decode(piece[4:], _ANY, size_max=FRAME_SIZE_MAX)
        except DecodeError as error:
            raise BackupError(f"it is damaged: {error}") from error
        match frame:
            case BackupHead() if self.head is None:
                self.head = frame
            case BackupRows(rows) if self.head is not None and not self._ended:
                for key, value in rows:
                    if key <= self._last:
                        raise BackupError("it is damaged: its rows are not in order")
                    self._last = key
                    puts.append((key, value))
                self._count += len(rows)
            case BackupEnd(row_count, digest) if self.head is not None and not self._ended:
                if (row_count, digest) != (self._count, self._hasher.digest()):
                    raise BackupError("it is damaged: its contents are not what its end says")
                self._ended = True
            case _:
                raise BackupError("it is damaged: its parts are not in order")
        self._hasher.update(piece)


def _head(view: StoreView) -> BackupHead:
    format_row, tip_row = view.get(FORMAT_KEY), view.get(TIP_KEY)
    if format_row is None or tip_row is None:
        raise StorageError("the database is empty: there is nothing to back up")
    try:
        about = decode(format_row, FormatRow, size_max=_ROW_SIZE_MAX)
        tip = decode(tip_row, TipRow, size_max=_ROW_SIZE_MAX)
    except DecodeError as error:
        raise StorageError(f"a row of the database is damaged: {error}") from error
    return BackupHead(about.chain_id, about.format, tip.executed.height, tip.executed.state_root)


def _is_retired(value: bytes) -> bool:
    try:
        return decode(value, SignerRow, size_max=_ROW_SIZE_MAX).instance == RETIRED
    except DecodeError:
        return False
