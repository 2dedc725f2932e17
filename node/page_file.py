"""Pages of the state tree outside of memory, so that a node's memory does not grow with its state.

The pages of the tree that changed last stay in memory; older ones go to a file of the data folder that has no name. It
is memory and not a record: nothing in it outlives the process, a crash leaves nothing behind, and a start needs none of
it (``tree_file``). A page is never changed, so it is written at most once, and its place is free as soon as nobody has
the page any more: older versions of the tree keep theirs. Pages may be read, made and dropped in any thread.

A place of ``PLACE_SIZE`` bytes has what ``marshal`` makes of a branch || CRC-32 (4, least significant byte first).
``marshal``, because it reads nested tuples of bytes several times as fast as anything else (and looks at nothing that
follows them), and never another process. The CRC-32 in this order, because that of all the bytes, itself included, is
then always the same: what is read is compared without being cut up.
"""

from __future__ import annotations

import marshal
import os
import tempfile
import threading
import weakref
from collections import deque
from itertools import count
from pathlib import Path
from sys import getrefcount
from zlib import crc32

from tallystick.errors import StorageError
from tallystick.subtrees import Branch, Page

PAGE_KEYS_MAX = 40  # some 3.7 kB; half as many are twice as many pages in memory, twice as many are slower to change
PLACE_SIZE = 4_096  # bytes, a power of two; a page of so unusual a shape that it needs more stays in memory
PAGES_AT_HAND = 512  # that changed last and are kept in memory: some 3 MB, so that the processor's cache has them too
_CRC_OF_WHOLE = 0x2144DF1C  # CRC-32 of any bytes with their own CRC-32 after them


class PageFile:
    """A ``tallystick.subtrees.Shelf`` in a folder. The file is made when the first page is put away.

    Attributes:
        keys_max: see ``Shelf``.
    """

    def __init__(self, folder: Path, *, at_hand: int = PAGES_AT_HAND, keys_max: int = PAGE_KEYS_MAX) -> None:
        """Args: at_hand: pages that are kept in memory."""
        self.keys_max = keys_max
        self._at_hand = at_hand
        self._recent: deque[_Page] = deque()
        self._places = _Places(folder)
        self._lock = threading.Lock()  # of putting away

    def page(self, branch: Branch, keys: int) -> Page:
        """See ``Shelf``."""
        page = _Page(self._places, branch, keys)
        self._recent.append(page)
        if len(self._recent) > self._at_hand:
            with self._lock:
                self._put_away()
        return page

    def _put_away(self) -> None:
        """Write the older half of what is at hand and is still wanted. Other threads add pages meanwhile."""
        recent, wanted = self._recent, list[_Page]()
        for _ in range(len(recent)):
            page = recent.popleft()
            if getrefcount(page) > 2:  # ``page`` and the argument; else no tree has it, and none can get it any more
                wanted.append(page)
        older = max(0, len(wanted) - self._at_hand // 2)
        recent.extendleft(reversed(wanted[older:]))
        for page in wanted[:older]:
            assert isinstance(page.held, tuple), "a page is put away once"
            page.held = self._places.write(page.held)


class _Places:
    """The file; pages know it and not the ``PageFile``, which knows them, so that it goes with the last of both.

    Attributes:
        free: where pages lay that nobody has any more, as ``write`` said it.
    """

    def __init__(self, folder: Path) -> None:
        self.free: list[int] = []
        self.descriptor = -1
        self._folder = folder
        self._ends = count(0, PLACE_SIZE)

    def write(self, branch: Branch) -> int | Branch:
        """Where a branch lies from now on, in bytes of the file, plus its size there; itself when that is too large.

        Raises:
            StorageError: the disk failed.
        """
        body = marshal.dumps(branch, 2)  # type: ignore[arg-type]
        data = body + crc32(body).to_bytes(4, "little")
        size = len(data)
        if size >= PLACE_SIZE:
            return branch
        try:
            if self.descriptor < 0:
                self._open()
            place = self.free.pop() & -PLACE_SIZE if self.free else next(self._ends)
            written = os.pwrite(self.descriptor, data, place)
        except OSError as error:
            raise StorageError(
                f"a page of the state tree cannot be written: {error.strerror}; make room there"
            ) from error
        if written != size:
            raise StorageError("a page of the state tree cannot be written whole: is the disk full?")
        return place + size

    def _open(self) -> None:
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
            self.descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.descriptor)


class _Page:
    """A ``tallystick.subtrees.Page`` that is in memory or in the file.

    Attributes:
        held: its branch, or where that lies.
    """

    __slots__ = ("_places", "held", "keys")

    def __init__(self, places: _Places, branch: Branch, keys: int) -> None:
        self.keys = keys
        self.held: Branch | int = branch
        self._places = places

    def open(self) -> Branch:
        """See ``Page``."""
        held = self.held  # looked at once, for another thread may just be putting it away
        if isinstance(held, tuple):
            return held
        size = held % PLACE_SIZE
        try:
            data = os.pread(self._places.descriptor, size, held - size)
        except OSError as error:
            raise StorageError(f"a page of the state tree cannot be read: {error.strerror}") from error
        if crc32(data) != _CRC_OF_WHOLE:
            raise StorageError(
                "a page of the state tree is not what was written; check the disk and start the node again"
            )
        branch: Branch = marshal.loads(data)
        return branch

    def __del__(self) -> None:
        if isinstance(self.held, int):
            self._places.free.append(self.held)
