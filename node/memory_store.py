"""The store's twin in memory: for tests and simulations, held to the same test suite as LevelDB."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from node.storage import Put
from tallystick.errors import StorageError


class MemoryStore:
    """A sorted map with the interface of ``storage.Store``."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._open = True

    def get(self, key: bytes) -> bytes | None:
        """See ``Store``."""
        self._check_open()
        return self._values.get(key)

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``; like LevelDB's, an iteration sees the state at its start."""
        self._check_open()
        keys = self._keys[bisect_left(self._keys, first) : bisect_left(self._keys, end)]
        return iter([(key, self._values[key]) for key in keys])

    def write(self, puts: Iterable[Put]) -> None:
        """See ``Store``."""
        self._check_open()
        for key, value in list(puts):
            if value is None:
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
                continue
            if key not in self._values:
                insort(self._keys, key)
            self._values[key] = value

    def view(self) -> MemoryStore:
        """See ``Store``."""
        self._check_open()
        copy = MemoryStore()
        copy._values, copy._keys = dict(self._values), list(self._keys)
        return copy

    def compact(self, first: bytes, end: bytes) -> None:
        """See ``Store``: there is nothing to do."""
        self._check_open()

    def close(self) -> None:
        """See ``Store``."""
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise StorageError("the database in memory was closed")
