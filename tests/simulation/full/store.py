"""The in-memory twin of the product's store, whose reads and writes fail now and then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from contracts.genesis_state import genesis_writes
from node.executor import found
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.storage import Put
from tallystick.errors import StorageError
from tests.simulation.full.catalogue import catalogue


class FailingStore(MemoryStore):
    """A store some of whose reads and writes raise, as LevelDB's do; a write that raised may be there all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = 0.0
        self.random = Random(0)
        self.failures = 0

    def get(self, key: bytes) -> bytes | None:
        """See ``Store``."""
        self._may_fail("read")
        return super().get(key)

    def range(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``."""
        self._may_fail("read")
        return super().range(first, end)

    def write(self, puts: Iterable[Put]) -> None:
        """See ``Store``."""
        batch = list(puts)
        if self.rate and self.random.random() < 10 * self.rate:
            self.failures += 1
            if self.random.random() < 0.5:
                super().write(batch)
            raise StorageError("the simulated disk failed to write")
        super().write(batch)

    def _may_fail(self, what: str) -> None:
        if self.rate and self.random.random() < self.rate / 10:
            self.failures += 1
            raise StorageError(f"the simulated disk failed to {what}")

    def copy(self) -> FailingStore:
        """As a backup takes it."""
        copied = FailingStore()
        copied._values, copied._keys = dict(self._values), list(self._keys)
        copied.rate, copied.random = self.rate, self.random
        return copied


def founded() -> FailingStore:
    """A store with genesis."""
    books, store = catalogue(), FailingStore()
    ledger = Ledger(store)
    assert not ledger.check_format(books.chain_id, "memory")
    found(ledger, books.chain_id, books.genesis.time_ms, genesis_writes(books.genesis))
    return store
