"""Chunks of a snapshot: rows in the order of their keys, cut where a chunk is full.

Specification: docs/spec/snapshots.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import TypeAlias

from tallystick.encoding import Message, decode, encode
from tallystick.errors import DecodeError
from tallystick.hashing import TAG_SNAPSHOT_CHUNK, tagged
from tallystick.limits import SNAPSHOT_CHUNK_FILL, SNAPSHOT_CHUNK_SIZE_MAX

Row: TypeAlias = tuple[bytes, bytes]  # key, whose first byte is its section, and value


class Section(IntEnum):
    """First byte of a row's key."""

    RECORDS = 1  # record key -> encoded Record
    IDS = 2  # hour of expiry, part -> up to SNAPSHOT_IDS_PER_ROW ids
    HISTORIES = 3  # length of the owner's key, owner's key, index -> encoded HistoryEntry


class Chunk(Message, frozen=True):
    """Some rows."""

    rows: tuple[tuple[bytes, bytes], ...]


def chunk_hash(data: bytes) -> bytes:
    """What a manifest holds of a chunk."""
    return tagged(TAG_SNAPSHOT_CHUNK, data)


def cut(rows: Iterable[Row]) -> Iterator[bytes]:
    """Encoded chunks of rows that ascend by key."""
    waiting: list[Row] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row[0]) + len(row[1])
        if size >= SNAPSHOT_CHUNK_FILL:
            yield encode(Chunk(tuple(waiting)))
            waiting, size = [], 0
    if waiting:
        yield encode(Chunk(tuple(waiting)))


class ChunkReader:
    """Reads one chunk after the other and holds their rows to the one order."""

    def __init__(self) -> None:
        self._last = b""

    def read(self, data: bytes) -> tuple[Row, ...]:
        """The rows of the next chunk.

        Raises:
            DecodeError: ``too-long``, ``malformed``, ``non-canonical``, ``snapshot.order`` or ``snapshot.section``.
        """
        rows = decode(data, Chunk, size_max=SNAPSHOT_CHUNK_SIZE_MAX).rows
        last = self._last
        for key, _ in rows:
            if key <= last:
                raise DecodeError("snapshot.order", "the rows of a snapshot do not ascend by their keys")
            last = key
        if not rows:
            raise DecodeError("snapshot.order", "a chunk of a snapshot without rows")
        if rows[0][0][0] < Section.RECORDS or last[0] > Section.HISTORIES:
            raise DecodeError("snapshot.section", "a row of a snapshot belongs to no section")
        self._last = last
        return rows
