"""An append-only log in numbered files, each record checksummed, for what must be durable before it is sent.

A record is ``length (4) || CRC-32 of the payload (4) || payload``, big-endian, and never empty: eight zero bytes would
check, and zeros are what a power cut leaves where a file had grown and its contents had not arrived. A crash may tear
what was not synced yet: reading stops at the first record that does not check, and what follows is cut off, but only in
the newest file and only behind what the caller knows was synced. A new file (*segment*) begins when the newest is full;
old ones are deleted whole. Specification: docs/spec/storage.md, section 4.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from tallystick.errors import StorageError

SEGMENT_SIZE = 8 * 1_048_576  # bytes after which a new segment begins
RECORD_SIZE_MAX = 16 * 1_048_576  # bytes; a full block fits four times
_HEAD_SIZE = 8
_SUFFIX = ".log"


@dataclass(frozen=True, slots=True)
class Mark:
    """A position up to which a log was synced: segments from ``oldest`` to ``newest``, and bytes of the newest."""

    oldest: int
    newest: int
    size: int


def frame(payload: bytes) -> bytes:
    """A record's bytes."""
    return len(payload).to_bytes(4, "big") + crc32(payload).to_bytes(4, "big") + payload


def read_records(data: bytes) -> tuple[list[bytes], int]:
    """Payloads of a segment up to the first record that does not check, and the offset where that one begins."""
    payloads: list[bytes] = []
    at, size = 0, len(data)
    while at + _HEAD_SIZE <= size:
        length = int.from_bytes(data[at : at + 4], "big")
        end = at + _HEAD_SIZE + length
        if not 0 < length <= RECORD_SIZE_MAX or end > size:
            break
        payload = data[at + _HEAD_SIZE : end]
        if crc32(payload) != int.from_bytes(data[at + 4 : at + 8], "big"):
            break
        payloads.append(payload)
        at = end
    return payloads, at


class WriteAheadLog:
    """The log in one folder.

    Raises:
        StorageError: from every method, when the disk fails.
    """

    def __init__(self, folder: Path, *, segment_size: int = SEGMENT_SIZE) -> None:
        self._folder = folder
        self._segment_size = segment_size
        self._file: int | None = None
        self._pending = bytearray()
        self._numbers: list[int] = []
        self._size = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._numbers = sorted(int(path.stem) for path in folder.glob("*" + _SUFFIX))
        except (OSError, ValueError) as error:
            raise self._error("cannot be listed", error) from error

    @property
    def segments(self) -> tuple[int, ...]:
        """Numbers of the segments that are there, ascending."""
        return tuple(self._numbers)

    @property
    def empty(self) -> bool:
        """Whether there is not one byte."""
        return not any(self._path(number).stat().st_size for number in self._numbers)

    def read(self, synced: Mark | None) -> list[tuple[int, bytes]]:
        """All records with the number of their segment, oldest first; cuts a torn tail off and opens for appending.

        Args:
            synced: what is known to have been durable; damage at or before it is not a torn tail.
        Raises:
            StorageError: segments are missing or damaged that were synced.
        """
        self._check_complete(synced)
        records: list[tuple[int, bytes]] = []
        for number in self._numbers:
            payloads, end = self._read_segment(number, synced)
            records += [(number, payload) for payload in payloads]
            self._size = end
        if not self._numbers:
            self._begin_segment(1)
        else:
            self._open_newest()
        return records

    def append(self, payload: bytes) -> int:
        """Append a record, not durable yet; returns the number of the segment it will be in."""
        assert 0 < len(payload) <= RECORD_SIZE_MAX
        self._pending += frame(payload)
        return self._numbers[-1]

    def sync(self) -> None:
        """Make every record appended so far durable."""
        self._flush()
        if self._size >= self._segment_size:
            self._begin_segment(self._numbers[-1] + 1)

    def mark(self) -> Mark:
        """What is durable now, if nothing was appended since ``sync``; records in memory are not counted."""
        return Mark(self._numbers[0], self._numbers[-1], self._size)

    def delete_before(self, number: int) -> None:
        """Delete the segments older than ``number``, oldest first; the newest always stays."""
        try:
            while self._numbers[0] < min(number, self._numbers[-1]):
                self._path(self._numbers[0]).unlink()
                del self._numbers[0]
        except OSError as error:
            raise self._error("cannot be pruned", error) from error

    def close(self) -> None:
        """Release the file; records that were not synced are dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _flush(self) -> None:
        assert self._file is not None, "the log was closed"
        try:
            view = memoryview(bytes(self._pending))
            while view:
                written = os.write(self._file, view)
                view = view[written:]
            os.fdatasync(self._file)
        except OSError as error:
            raise self._error("cannot be written", error) from error
        self._size += len(self._pending)
        self._pending.clear()

    def _check_complete(self, synced: Mark | None) -> None:
        numbers = self._numbers
        if numbers and numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise StorageError(
                f"the signer's log in {self._folder} lacks a file between {numbers[0]} and {numbers[-1]}"
            )
        if synced is not None and (not numbers or numbers[0] > synced.oldest or numbers[-1] < synced.newest):
            raise StorageError(
                f"the signer's log in {self._folder} lacks files that the database knows of; one of the two was "
                "restored from an older copy, which must never be done"
            )

    def _read_segment(self, number: int, synced: Mark | None) -> tuple[list[bytes], int]:
        path = self._path(number)
        try:
            data = path.read_bytes()
            payloads, end = read_records(data)
            newest = number == self._numbers[-1]
            known = end if synced is None or synced.newest != number else synced.size
            if (end < len(data) and not newest) or end < known:
                raise StorageError(
                    f"the signer's log is damaged at byte {end} of {path}, behind which records were durable; this "
                    "validator must not sign with its key again, so register a new one for the organisation"
                )
            if end < len(data):
                os.truncate(path, end)
        except OSError as error:
            raise self._error("cannot be read", error) from error
        return payloads, end

    def _open_newest(self) -> None:
        try:
            self._file = os.open(self._path(self._numbers[-1]), os.O_WRONLY | os.O_APPEND)
            os.fsync(self._file)
        except OSError as error:
            raise self._error("cannot be opened", error) from error

    def _begin_segment(self, number: int) -> None:
        try:
            if self._file is not None:
                os.close(self._file)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
            self._file = os.open(self._path(number), flags, 0o600)
            os.fsync(self._file)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._error("cannot begin a new file", error) from error
        self._numbers.append(number)
        self._size = 0

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}{_SUFFIX}"

    def _error(self, what: str, error: BaseException) -> StorageError:
        return StorageError(f"the signer's log in {self._folder} {what}: {error}")
