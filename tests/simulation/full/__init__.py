"""Full nodes in the simulator: the product's database, executor, contracts and signer's log, on disks that fail."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from tests.simulation.full.catalogue import catalogue
from tests.simulation.full.disk import FullDatabase, FullDisk
from tests.simulation.full.machine import FullMachine
from tests.simulation.full.reference import FullReference
from tests.simulation.full.store import founded
from tests.simulation.machine import Machine
from tests.simulation.reference import Membership
from tests.world import START_MS

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

RAM_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None


class Full:
    """See ``ground.Ground``."""

    @property
    def chain_id(self) -> bytes:
        """Of the catalogue's genesis."""
        return catalogue().chain_id

    @property
    def wall_start_ms(self) -> int:
        """Shortly after genesis, so that the catalogue's transactions are valid."""
        return START_MS

    def reference(self, founders: tuple[int, ...]) -> FullReference:
        """See ``Ground``."""
        return FullReference(founders)

    def disk(self, cluster: Cluster, index: int) -> FullDisk:
        """See ``Ground``."""
        folder = Path(mkdtemp(prefix="simulated-", dir=RAM_FOLDER))
        membership = Membership(0, tuple(range(cluster.schedule.count)))
        return FullDisk(FullDatabase(founded(), membership), folder, index)

    def machine(self, class_: type) -> type:
        """The class with the full shell below it."""
        return FullMachine if class_ is Machine else _with_full_shell(class_)

    def transaction(self, number: int) -> bytes:
        """The next of the catalogue; after its end the last again."""
        transactions = catalogue().transactions
        return transactions[min(number, len(transactions) - 1)].signed.witness_leaf


@cache
def _with_full_shell(class_: type) -> type:
    return type("Full" + class_.__name__, (class_, FullMachine), {})


GROUND = Full()
