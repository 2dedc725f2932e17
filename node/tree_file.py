"""The state tree on disk: one file with the tree of a recent height, so that a start need not hash every record.

The file holds every entry of the tree in key order and is replaced whole, now and then, by a thread of its own; what
changed since is in the receipts, which are in the database's batches. So the tree needs no rows in a height's batch,
and a crash at any moment leaves a file of some earlier height, or none: its root is compared with the one stored for
that height, the receipts since are applied, and the result is compared with the newest root. Whatever does not agree
is thrown away and the tree is built from the records. Why this way: docs/decisions/0006-state-tree-on-disk.md.

``magic (8) || chain id (32) || height (8) || entries (8) || SHA-256 of all before (32) || entries, 64 bytes each``
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import SupportsIndex, overload

from node.logs import log_fields
from node.page_file import PageFile
from tallystick.limits import TREE_KEYS_IN_MEMORY
from tallystick.subtrees import ENTRY_SIZE, Entries, Shelf
from tallystick.trie import Trie

TREE_FILE = "state_tree"
MAGIC = b"tstree\x00\x01"  # its last byte is the format's version
HEAD_SIZE = 8 + 32 + 8 + 8 + 32
CHANGES_MIN = 4_096  # changed keys before the file is written anew: about 0.1 s of the next start
CHANGES_SHARE = 8  # or one key in so many, whichever is more: 512 bytes written for every key changed
CHUNK_SIZE = 524_288  # bytes written or read at once, whole entries
PAUSE_S = 0.002  # between two chunks, so that the loop gets its turns

logger = logging.getLogger("tallystick.node")


class TreeFileError(Exception):
    """The file is of no use: what is wrong with it, for the log and for ``check``."""


@dataclass(frozen=True, slots=True)
class SavedTree:
    """What a file holds; whether ``trie.root`` is the root of ``height`` is for the reader to compare."""

    height: int
    trie: Trie


class TreeFile:
    """The file of one data folder, and the thread that writes it.

    A tree that has more than a number of keys when it is read lies in pages of another file (``page_file``), itself and
    all that it is updated to.
    """

    def __init__(self, folder: Path, chain_id: bytes, *, keys_in_memory: int = TREE_KEYS_IN_MEMORY) -> None:
        """Args: keys_in_memory: of a tree that is in memory whole."""
        self._folder = folder
        self._keys_in_memory = keys_in_memory
        self._path = folder / TREE_FILE
        self._chain_id = chain_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tree")
        self._writing: Future[None] | None = None
        self._changes = 0

    def read(self) -> SavedTree | None:
        """The saved tree; None when there is no file.

        Raises:
            TreeFileError: it cannot be read, is damaged, or belongs to another chain or format.
        """
        try:
            with self._path.open("rb", buffering=0) as stream:
                head, size = stream.read(HEAD_SIZE), os.fstat(stream.fileno()).st_size - HEAD_SIZE
                shelf = self._shelf_for(size // ENTRY_SIZE)
                entries = stream.read() if shelf is None else EntriesOfFile(stream.fileno(), size)
                return read_tree(head, entries, self._chain_id, shelf)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TreeFileError(f"it cannot be read: {error.strerror}") from error

    def laid(self, trie: Trie) -> Trie:
        """A tree that was built in memory, in pages if it has too many keys to stay there."""
        shelf = self._shelf_for(len(trie))
        return trie if shelf is None else trie.shelved(shelf)

    def _shelf_for(self, keys: int) -> PageFile | None:
        return PageFile(self._folder) if keys > self._keys_in_memory else None

    def changed(self, count: int, height: int, trie: Trie) -> None:
        """So many more keys have changed up to a height, which is durable; begins to write when it is time."""
        self._changes += count
        if self._changes < max(CHANGES_MIN, len(trie) // CHANGES_SHARE):
            return
        if self._writing is None or self._writing.done():
            self._changes = 0
            self._writing = self._thread.submit(self._write, height, trie)

    def replayed(self, count: int) -> None:
        """A start applied so many changes to the saved tree."""
        self._changes += count

    def close(self) -> None:
        """Wait for a file that is being written."""
        self._thread.shutdown(wait=True)

    def write(self, height: int, trie: Trie, *, pause_s: float = 0.0) -> None:
        """Replace the file, through to the disk.

        Raises:
            OSError: the disk failed; the file is the old one or the new one.
        """
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as stream:
            for chunk in _chunks(tree_head(self._chain_id, height, len(trie)), trie):
                stream.write(chunk)
                if pause_s:
                    time.sleep(pause_s)
            os.fsync(stream.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, height: int, trie: Trie) -> None:
        """In the thread. The file spares time and nothing depends on it, so a failure is told and no more."""
        try:
            self.write(height, trie, pause_s=PAUSE_S)
        except OSError as error:
            logger.warning("the state tree was not saved", extra=log_fields(height=height, error=str(error)))


def tree_head(chain_id: bytes, height: int, count: int) -> bytes:
    """What stands before the entries."""
    head = MAGIC + chain_id + height.to_bytes(8, "big") + count.to_bytes(8, "big")
    return head + sha256(head).digest()


class EntriesOfFile:
    """The entries of an open file, of which no more is in memory than is looked at: ``tallystick.subtrees.Entries``."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> bytes: ...

    def __getitem__(self, at: SupportsIndex | slice) -> int | bytes:
        """Raises ``OSError``: the disk failed, or the file has become shorter."""
        if not isinstance(at, slice):
            place = at.__index__()
            return self[place : place + 1][0]
        start, stop, _ = at.indices(self._size)
        data = os.pread(self._descriptor, stop - start, HEAD_SIZE + start)
        if len(data) != stop - start:
            raise OSError(errno.EIO, "it has become shorter")
        return data


def read_tree(head: bytes, entries: Entries, chain_id: bytes, shelf: Shelf | None = None) -> SavedTree:
    """The tree that a file's head and entries are.

    Raises:
        TreeFileError: see ``TreeFile.read``.
    """
    if len(head) < HEAD_SIZE or not head.startswith(MAGIC):
        raise TreeFileError("it does not begin as a file of the state tree of this version does")
    height, count = int.from_bytes(head[40:48], "big"), int.from_bytes(head[48:56], "big")
    if head != tree_head(head[8:40], height, count):
        raise TreeFileError(f"its first {HEAD_SIZE} bytes do not check")
    if head[8:40] != chain_id:
        raise TreeFileError("it belongs to another chain")
    if len(entries) != count * ENTRY_SIZE:
        raise TreeFileError(f"it has {len(entries)} bytes of entries where {count} need {count * ENTRY_SIZE}")
    if any(first >= second for first, second in pairwise(_keys(entries))):
        raise TreeFileError("its entries are not in order")
    return SavedTree(height, Trie.of_sorted(entries, shelf=shelf))


def _keys(entries: Entries) -> Iterator[bytes]:
    for start in range(0, len(entries), CHUNK_SIZE):
        chunk = entries[start : start + CHUNK_SIZE]
        for at in range(0, len(chunk), ENTRY_SIZE):
            yield chunk[at : at + 32]


def _chunks(head: bytes, trie: Trie) -> Iterator[bytes]:
    parts, size = [head], len(head)
    for entries in trie.buckets():
        parts.append(entries)
        size += len(entries)
        if size >= CHUNK_SIZE:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)
