"""The store: ordered bytes to bytes, written in synced batches; LevelDB behind a small interface.

LevelDB's defaults return wrong data silently after a flipped byte; therefore ``paranoid_checks`` when opening and
``verify_checksums`` on every read. Any error of it is a ``StorageError``: a write that raised may still be there after
a restart, so the process must end, signing nothing more. Specification: docs/spec/storage.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import plyvel

from tallystick.errors import StorageError

Put: TypeAlias = tuple[bytes, bytes | None]  # key, value; None deletes

WRITE_BUFFER_SIZE = 32 * 1_048_576  # bytes; measured: a tenth less processor time per transaction than 8 MiB
CACHE_SIZE = 32 * 1_048_576  # bytes of uncompressed blocks
BACKGROUND_NICE = 10  # of LevelDB's own thread, which needs some 2 % of a node's time, and all of it at once
BLOOM_BITS = 10  # per key: a miss, the common answer to "executed before?", costs no disk read


class StoreView(Protocol):
    """The store as it was at one moment; what is written later does not show. May be read in another thread."""

    def get(self, key: bytes) -> bytes | None:
        """See ``Store``."""

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``."""

    def close(self) -> None:
        """Let go of it; an open view keeps old rows on the disk."""


class Store(Protocol):
    """What the node needs of a database. ``memory_store.MemoryStore`` is held to the same tests as ``LevelStore``."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with ``first <= key < end`` in byte order of the keys (never backwards: plyvel loses pairs then)."""

    def write(self, puts: Iterable[Put]) -> None:
        """Write all or nothing; durable when it returns. Of two puts of one key the later one counts."""

    def view(self) -> StoreView:
        """Everything as it is now."""

    def compact(self, first: bytes, end: bytes) -> None:
        """Give the room of deleted rows in a range back to the disk; may take long, and may be called in a thread."""

    def close(self) -> None:
        """Release the database; nothing may be read or written afterwards."""


class LevelStore:
    """LevelDB in a folder of its own.

    Raises:
        StorageError: from every method; naming folder and cause.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = plyvel.DB(
                str(folder),
                create_if_missing=True,
                paranoid_checks=True,
                write_buffer_size=WRITE_BUFFER_SIZE,
                lru_cache_size=CACHE_SIZE,
                bloom_filter_bits=BLOOM_BITS,
                compression=None,  # most bytes are hashes and signatures; snappy costs time and saves little
            )
            with ThreadPoolExecutor(1) as thread:
                thread.submit(self._begin_background).result()
        except (plyvel.Error, OSError) as error:
            raise self._error("cannot be opened", error) from error

    def get(self, key: bytes) -> bytes | None:
        """See ``Store``."""
        try:
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error("cannot be read", error) from error
        return value

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``."""
        try:
            with self._db.iterator(start=first, stop=end, verify_checksums=True) as iterator:
                yield from iterator
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error("cannot be read", error) from error

    def write(self, puts: Iterable[Put]) -> None:
        """See ``Store``."""
        try:
            with self._db.write_batch(sync=True) as batch:
                put, delete = batch.put, batch.delete
                for key, value in puts:
                    if value is None:
                        delete(key)
                    else:
                        put(key, value)
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error("cannot be written", error) from error

    def view(self) -> StoreView:
        """See ``Store``."""
        try:
            return _LevelView(self._folder, self._db.snapshot())
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error("cannot be read", error) from error

    def compact(self, first: bytes, end: bytes) -> None:
        """See ``Store``."""
        try:
            self._db.compact_range(start=first, stop=end)
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error("cannot be written", error) from error

    def close(self) -> None:
        """See ``Store``."""
        self._db.close()

    def _begin_background(self) -> None:
        """Have LevelDB's thread, which writes and merges tables, yield to everything else that has work.

        There is one in a process, made when there is work for it first, and on Linux as nice as the thread that brings
        this work: so one of ours makes itself nice, brings some, though there is nothing to do, and ends.
        """
        if sys.platform == "linux":  # elsewhere it is the whole process that would become nice
            os.nice(BACKGROUND_NICE)
        self._db.compact_range(start=b"", stop=b"")

    def _error(self, what: str, error: BaseException) -> StorageError:
        return StorageError(f"the database in {self._folder} {what}: {error}")


class _LevelView:
    """A snapshot of LevelDB's."""

    def __init__(self, folder: Path, snapshot: Any) -> None:
        self._folder = folder
        self._snapshot = snapshot

    def get(self, key: bytes) -> bytes | None:
        """See ``Store``."""
        try:
            value: bytes | None = self._snapshot.get(key, verify_checksums=True)
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error(error) from error
        return value

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``; what is read once is kept out of the cache of what is read often."""
        try:
            with self._snapshot.iterator(start=first, stop=end, verify_checksums=True, fill_cache=False) as iterator:
                yield from iterator
        except (plyvel.Error, OSError, RuntimeError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """See ``StoreView``."""
        self._snapshot.close()

    def _error(self, error: BaseException) -> StorageError:
        return StorageError(f"the database in {self._folder} cannot be read: {error}")
