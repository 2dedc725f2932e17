"""Engines, one after another: made at the newest stored height from the signer's log, and told what work waits."""

from __future__ import annotations

from collections.abc import Callable

from consensus.config import EngineConfig, Floor
from consensus.effects import HeaderRecord
from consensus.engine import Engine
from consensus.inputs import Started, WorkPending
from node.contents import Contents
from node.disk import Disk
from node.mempool import Mempool
from node.runner import Runner
from tallystick.admission import verify_transaction
from tallystick.blocks import Header

PLANNED_BLOCK_MS = 1_000  # between blocks of a chain at rest while a change of validators is planned


class EngineRoom:
    """Starts engines: at the start of the node, after catching up, and with each epoch."""

    def __init__(
        self,
        config: Callable[[], EngineConfig],
        disk: Disk,
        runner: Runner,
        contents: Contents,
        mempool: Mempool,
    ) -> None:
        """``config`` answers the parameters of the present epoch."""
        self._config = config
        self._disk = disk
        self._runner = runner
        self._contents = contents
        self._mempool = mempool
        self._told: WorkPending | None = None

    def load_bodies(self) -> None:
        """Contents of blocks above the floor that we voted for; what we wrote down is verified again all the same.

        Empty blocks, too: what stands in the blocks below one is found through it, and not proposed a second time.
        """
        for record in self._disk.log.records:
            header = record.header if isinstance(record, HeaderRecord) else None
            if isinstance(header, Header):
                block_hash = header.block_hash()
                raws = self._disk.log.bodies[block_hash] if header.transaction_count else ()
                transactions = [verify_transaction(raw, header.chain_id) for raw in raws]
                self._contents.add(header, block_hash, transactions)
        self._disk.log.bodies.clear()

    def start(self) -> None:
        """An engine at the newest stored height; everything final before must be stored."""
        signer, records = self._disk.signer, self._disk.log.records
        engine = Engine(self._config(), signer.sign_statement, signer.sign_proposal, self._floor(), records)
        self._runner.replace(engine)
        self._runner.give(Started())
        self.tell_work(again=True)

    def tell_work(self, *, again: bool = False) -> None:
        """Tell the engine what waits when that changed, or ``again`` in doubt."""
        work = WorkPending(self._mempool.unplaced > 0, self._due_ms())
        if self._runner.engine is not None and (again or work != self._told):
            self._told = work
            self._runner.give(work)

    def _due_ms(self) -> int | None:
        """When a block is due: due work or, while a change of validators is planned, a block now and then.

        Otherwise a chain at rest would reach the switch height only after many heartbeats.
        """
        executor = self._disk.executor
        due_ms = executor.tip.next_due_ms
        if not executor.change_is_planned():
            return due_ms
        soon_ms = executor.tip.executed.time_ms + PLANNED_BLOCK_MS
        return soon_ms if due_ms is None else min(soon_ms, due_ms)

    def _floor(self) -> Floor:
        """The newest stored height, with our own tuples of the heights that its header leaves uncertified."""
        tip, ledger = self._disk.executor.tip, self._disk.ledger
        row = ledger.block(tip.executed.height)
        assert row is not None
        first = row.header.executed.height if row.header is not None else 0
        below = (ledger.block(height) for height in range(first, tip.executed.height))
        earlier = tuple(row.executed for row in below if row is not None)
        switch = self._disk.executor.switch()
        return Floor(row.header, tip.block_hash, tip.view, tip.proof, tip.executed, earlier, switch)
