"""What machines stand on: the made-up ledger, or (``full``) the product's storage and execution."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from consensus.config import Floor
from tests.simulation.disk import Database, Disk
from tests.simulation.reference import GENESIS, Membership, ReferenceLedger
from tests.simulation.signer import CHAIN_ID
from tests.simulation.world import WALL_START_MS

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster


class Ground(Protocol):
    """Everything that differs between the two."""

    chain_id: bytes
    wall_start_ms: int

    def reference(self, founders: tuple[int, ...]) -> Any:
        """The judges' own ledger."""

    def disk(self, cluster: Cluster, index: int) -> Any:
        """An empty disk, with genesis."""

    def machine(self, class_: type) -> type:
        """The class of machines, with the shell that belongs to this ground."""

    def transaction(self, number: int) -> bytes:
        """Name of the next new transaction."""


class MadeUp:
    """Roots are hashes, transactions are names."""

    chain_id = CHAIN_ID
    wall_start_ms = WALL_START_MS

    def reference(self, founders: tuple[int, ...]) -> ReferenceLedger:
        """See ``Ground``."""
        return ReferenceLedger(founders)

    def disk(self, cluster: Cluster, index: int) -> Disk:
        """See ``Ground``."""
        floor = Floor(None, CHAIN_ID, 0, None, GENESIS)
        return Disk(Database(floor, Membership(0, tuple(range(cluster.schedule.count))), {0: GENESIS}))

    def machine(self, class_: type) -> type:
        """See ``Ground``."""
        return class_

    def transaction(self, number: int) -> bytes:
        """See ``Ground``."""
        return sha256(b"leaf" + number.to_bytes(4, "big")).digest()


MADE_UP = MadeUp()
