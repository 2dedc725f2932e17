"""Pages of the state tree outside of memory, so that a node's memory does not grow with its state.

The pages of the tree that changed last stay in memory; older ones go to a file of the data folder that has no name. It
is memory and not a record: nothing in it outlives the process, a crash leaves nothing behind, and a start needs none of
it (``tree_file``). A page is never changed, so it is written at most once, and its place is free as soon as nobody has
the page any more: older versions of the tree keep theirs. Pages may be read, made and dropped in any thread.

``CRC-32 (4) || bytes that follow (2) || the branch as ``marshal`` writes it``, in places of ``PLACE_SIZE`` bytes each.
``marshal``, because it reads nested tuples of bytes several times as fast as anything else, and never another process.
"""

from __future__ import annotations

import marshal
import os
import tempfile
import threading
import weakref
from itertools import count
from pathlib import Path
from zlib import crc32

from tallystick.errors import StorageError
from tallystick.subtrees import Branch, Page

PAGE_KEYS_MAX = 40  # some 3.7 kB; half as many are twice as many pages in memory, twice as many are slower to read
PLACE_SIZE = 4_096  # bytes; a page of so unusual a shape that it needs more stays in memory
PAGES_AT_HAND = 4_096  # that changed last and are kept in memory: some 25 MB
_HEAD_SIZE = 6


class PageFile:
    """A ``tallystick.subtrees.Shelf`` in a folder. The file is made when the first page is put away.

    Attributes:
        keys_max: see ``Shelf``.
    """

    def __init__(self, folder: Path, *, at_hand: int = PAGES_AT_HAND, keys_max: int = PAGE_KEYS_MAX) -> None:
        """Args: at_hand: pages that are kept in memory."""
        self.keys_max = keys_max
        self._folder = folder
        self._at_hand = at_hand
        self._recent: list[weakref.ref[_Page]] = []
        self._free: list[int] = []
        self._ends = count()
        self._descriptor = -1
        self._lock = threading.Lock()  # of putting away

    def page(self, branch: Branch, keys: int) -> Page:
        """See ``Shelf``."""
        page = _Page(self, branch, keys)
        self._recent.append(weakref.ref(page))
        if len(self._recent) > self._at_hand:
            with self._lock:
                self._put_away()
        return page

    def read(self, place: int) -> Branch:
        """The branch that was written to a place.

        Raises:
            StorageError: it cannot be read, or is not what was written.
        """
        try:
            data = os.pread(self._descriptor, PLACE_SIZE, place * PLACE_SIZE)
        except OSError as error:
            raise StorageError(f"a page of the state tree cannot be read: {error.strerror}") from error
        body = data[_HEAD_SIZE : _HEAD_SIZE + int.from_bytes(data[4:_HEAD_SIZE], "big")]
        if crc32(body) != int.from_bytes(data[:4], "big") or not body:
            raise StorageError(
                "a page of the state tree is not what was written; check the disk and start the node again"
            )
        branch: Branch = marshal.loads(body)
        return branch

    def free(self, place: int) -> None:
        """Nobody has the page of a place any more."""
        self._free.append(place)

    def _put_away(self) -> None:
        """Write the oldest of what is at hand and is still wanted: an eighth at once, for the loop waits meanwhile."""
        recent, self._recent = self._recent, []
        wanted = [page for reference in recent if (page := reference()) is not None]
        older = max(0, len(wanted) - self._at_hand * 7 // 8)
        for page in wanted[:older]:
            page.put_away()
        self._recent[:0] = map(weakref.ref, wanted[older:])

    def write(self, branch: Branch) -> int:
        """The place where a branch lies from now on; -1 when it is larger than one.

        Raises:
            StorageError: the disk failed.
        """
        body = marshal.dumps(branch, 2)  # type: ignore[arg-type]
        if len(body) > PLACE_SIZE - _HEAD_SIZE:
            return -1
        data = crc32(body).to_bytes(4, "big") + len(body).to_bytes(2, "big") + body
        try:
            if self._descriptor < 0:
                self._open()
            place = self._free.pop() if self._free else next(self._ends)
            written = os.pwrite(self._descriptor, data.ljust(PLACE_SIZE, b"\0"), place * PLACE_SIZE)
        except OSError as error:
            raise StorageError(
                f"a page of the state tree cannot be written: {error.strerror}; make room there"
            ) from error
        if written != PLACE_SIZE:
            raise StorageError("a page of the state tree cannot be written whole: is the disk full?")
        return place

    def _open(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)


class _Page:
    """A ``tallystick.subtrees.Page`` that is in memory, in the file, or (for a moment) in both."""

    __slots__ = ("__weakref__", "_branch", "_file", "_place", "keys")

    def __init__(self, file: PageFile, branch: Branch, keys: int) -> None:
        self.keys = keys
        self._file = file
        self._branch: Branch | None = branch
        self._place = -1

    def open(self) -> Branch:
        """See ``Page``."""
        branch = self._branch
        return self._file.read(self._place) if branch is None else branch

    def put_away(self) -> None:
        """Out of memory, if its place is large enough."""
        assert self._branch is not None, "a page is put away once"
        place = self._file.write(self._branch)
        if place >= 0:
            self._place = place  # before the branch goes: another thread may just be opening it
            self._branch = None

    def __del__(self) -> None:
        if self._place >= 0:
            self._file.free(self._place)
