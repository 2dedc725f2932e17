"""What survives a crash of a full node: its database, and the signer's log in files, cut and torn as by a power cut."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from consensus.config import Floor
from consensus.effects import DurableRecord
from node.ledger import Ledger
from node.signer_log import SignerLog
from node.tables import signer_row_key
from tallystick.blocks import Executed
from tests.simulation.disk import AnyHeader, Leaves
from tests.simulation.full.store import FailingStore
from tests.simulation.reference import Membership
from tests.simulation.signer import public_key


@dataclass
class FullDatabase:
    """The database of one full node, read as the simulator's own."""

    store: FailingStore
    membership: Membership

    @cached_property
    def ledger(self) -> Ledger:
        """Typed reads and rows."""
        return Ledger(self.store)

    @property
    def floor(self) -> Floor:
        """The newest stored height."""
        tip = self.ledger.tip()
        row = self.ledger.block(tip.executed.height)
        assert row is not None
        return Floor(row.header, tip.block_hash, tip.view, tip.proof, tip.executed)

    @property
    def executed(self) -> _Tuples:
        """Own tuples by height."""
        return _Tuples(self.ledger)

    def copy(self) -> FullDatabase:
        """As a backup takes it."""
        return FullDatabase(self.store.copy(), self.membership)


class _Tuples:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __contains__(self, height: int) -> bool:
        return self._ledger.block(height) is not None

    def __getitem__(self, height: int) -> Executed:
        row = self._ledger.block(height)
        assert row is not None
        return row.executed


@dataclass
class FullDisk:
    """A database and a folder with the signer's log."""

    database: FullDatabase
    folder: Path
    holder: int
    backup: FullDatabase | None = None
    wiped: bool = False
    log: SignerLog | None = None
    voted: dict[bytes, tuple[AnyHeader, Leaves]] = field(default_factory=dict)
    proofs: dict[int, Any] = field(default_factory=dict)

    def lose_unsynced(self, random: Random) -> str:
        """A crash: of what was not synced a beginning reached the file, perhaps with a damaged end."""
        log, self.log = self.log, None
        if log is None:
            return "nothing unsynced"
        wal = log._log
        pending, descriptor = bytes(wal._pending), wal._file
        fate = "nothing unsynced"
        if pending and descriptor is not None:
            kept = random.randint(0, len(pending))
            part = bytearray(pending[:kept])
            if random.random() < 0.4:  # what was written last is there, and something before it is not
                part, at = bytearray(pending), random.randrange(len(pending))
                part[at : at + 64] = bytes(len(part[at : at + 64]))
            os.write(descriptor, bytes(part))
            fate = "lost" if not part else "kept" if part == pending else "torn"
        log.close()
        return fate

    def forget_records(self) -> None:
        """What only a traitor's operator does: go on without the record, hiding from the node that there was one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        rate, self.database.store.rate = self.database.store.rate, 0.0
        self.database.store.write([(signer_row_key(public_key(self.holder)), None)])
        self.database.store.rate = rate

    def live_records(self) -> list[DurableRecord]:
        """What an engine is started with."""
        assert self.log is not None
        return list(self.log.records)

    def discard(self) -> None:
        """Delete the folder."""
        if self.log is not None:
            self.log.close()
            self.log = None
        shutil.rmtree(self.folder, ignore_errors=True)
