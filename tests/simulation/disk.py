"""What a simulated node has on disk: a signer's log whose unsynced end a crash may lose or tear, and a database.

The database is written in synced batches, whole or not at all. Only the database is ever in a backup.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from consensus.config import Floor
from consensus.effects import DurableRecord, HeaderRecord
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader, EpochProof
from tests.simulation.reference import Membership

AnyHeader = Header | ClosingHeader
Leaves = tuple[bytes, ...]


@dataclass(slots=True)
class Database:
    """All that executing gave, as of the floor.

    Attributes:
        membership: who votes, as of the floor.
        executed: our own tuples by height.
        contents: blocks that were executed, by hash.
        seen: transactions that took effect: each once.
    """

    floor: Floor
    membership: Membership
    executed: dict[int, Executed]
    contents: dict[bytes, tuple[AnyHeader, Leaves]] = field(default_factory=dict)
    seen: dict[bytes, None] = field(default_factory=dict)

    def copy(self) -> Database:
        """As a backup takes it."""
        return replace(self, executed=dict(self.executed), contents=dict(self.contents), seen=dict(self.seen))


@dataclass(slots=True)
class Disk:
    """The database, and the signer's log: ``records`` up to ``synced`` are durable."""

    database: Database
    records: list[DurableRecord] = field(default_factory=list)
    synced: int = 0
    proofs: dict[int, EpochProof] = field(default_factory=dict)  # how each epoch that we left ended
    voted: dict[bytes, tuple[AnyHeader, Leaves]] = field(
        default_factory=dict
    )  # contents written with a header's record
    backup: Database | None = None
    wiped: bool = False

    def lose_unsynced(self, random: Random) -> str:
        """A crash: of what was not synced a beginning reached the disk; reading stops at the first torn record.

        Returns:
            what became of it: ``nothing unsynced``, ``kept``, ``torn`` or ``lost``.
        """
        length = len(self.records)
        kept = random.randint(self.synced, length)
        fate = "kept" if kept == length else "lost" if kept == self.synced else "torn"
        if self.synced == length:
            fate = "nothing unsynced"
        del self.records[kept:]
        self.synced = kept
        return fate

    def forget_records(self) -> None:
        """What only a traitor does."""
        self.records.clear()
        self.synced = 0

    def discard(self) -> None:
        """Nothing is kept outside this process's memory."""

    def live_records(self) -> list[DurableRecord]:
        """What an engine is started with: everything durable but what the floor's epoch has at or below its view."""
        epoch, view = self.database.membership.epoch, self.database.floor.view
        return [record for record in self.records if not (epoch, 0) <= place_of(record) <= (epoch, view)]


def place_of(record: DurableRecord) -> tuple[int, int]:
    """Epoch and view that a record is about."""
    about = record.header if isinstance(record, HeaderRecord) else record.statement
    return about.epoch, about.view
