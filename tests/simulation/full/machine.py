"""A simulated machine with the product's executor, contracts, database and signer."""

from __future__ import annotations

from typing import Any

from consensus.effects import HeaderRecord, Persist
from consensus.inputs import HeightExecuted
from contracts.execution import execute_block
from node.executor import Executor, FinalBlock
from node.ledger import signer_row
from node.signer import Signer
from node.signer_log import SignerLog
from tallystick.blocks import Header, check_contents
from tallystick.epochs import ClosingHeader
from tallystick.errors import DecodeError, StorageError
from tallystick.votes import Vote
from tests.simulation.disk import Leaves
from tests.simulation.full.catalogue import catalogue, leaf_of
from tests.simulation.machine import Machine
from tests.simulation.signer import public_key, seed_of
from tests.simulation.words import words

GROUP_MAX = 8  # heights of one batch


class FullMachine(Machine):
    """A machine whose shell stores and executes as the product does."""

    disk: Any

    def init_work(self) -> None:
        """Before the first start."""
        self.pool = {}
        self.memory = {}
        self.final_height = 0

    def start(self) -> None:
        """A disk that fails at the start ends the process again."""
        try:
            super().start()
        except StorageError:
            self.end_process()

    def start_work(self) -> None:
        """Open everything, in the node's own order."""
        database, disk = self.disk.database, self.disk
        temper = self.cluster.schedule.tempers
        database.store.random = self.world.random
        healed = self.cluster.healed or self.index >= len(temper)
        database.store.rate = 0.0 if healed else temper[self.index].storage / 100_000
        database.__dict__.pop("ledger", None)
        self.executor = Executor(database.ledger, execute_block)
        tip = self.executor.tip
        key = public_key(self.holder)
        chain_id = self.cluster.ground.chain_id
        known = database.ledger.signer(key)
        disk.log = SignerLog(disk.folder, chain_id, key, known, tip.view)
        if known is None:
            database.ledger.write([signer_row(key, disk.log.row(tip.view))])
        self.signer = Signer(seed_of(self.holder), chain_id, 0, tip.view)
        for record in disk.log.records:
            if isinstance(record, Vote):
                self.signer.remember_statement(record.statement)
            elif isinstance(record, HeaderRecord) and record.own:
                self.signer.remember_proposal(record.header)
        if self.honest:
            self.sign_statement, self.sign_proposal = self.signer.sign_statement, self.signer.sign_proposal
        self.pool, self.queue, self.executing, self.leaves_built = {}, [], False, ()
        self.final_height = tip.executed.height
        self.memory = {}
        self._load(disk.log)

    def _load(self, log: SignerLog) -> None:
        """Blocks that peers may ask for: those executed here, and those that we voted for."""
        ledger, books = self.disk.database.ledger, catalogue()
        for height in range(1, self.final_height + 1):
            row = ledger.block(height)
            assert row is not None and row.header is not None
            leaves = tuple(leaf_of(raw) for raw in ledger.transactions(height))
            self.memory[row.block_hash] = (row.header, leaves)
        for record in log.records:
            if isinstance(record, HeaderRecord):
                block_hash = record.header.block_hash()
                leaves = tuple(leaf_of(raw) for raw in log.bodies.get(block_hash, ()))
                assert all(leaf in books.by_leaf for leaf in leaves)
                self.memory[block_hash] = (record.header, leaves)

    def heal(self) -> None:
        """Its disk, too."""
        self.disk.database.store.rate = 0.0
        super().heal()

    def end_process(self) -> None:
        """A storage error ends the process; somebody starts it again."""
        self.world.seen["storage failures"] += 1
        self.up = True
        self.crash_and_restart()

    def in_life(self, life: int, action: Any, arguments: tuple[Any, ...]) -> None:
        try:
            super().in_life(life, action, arguments)
        except StorageError:
            self.end_process()

    def hear(self, source: int, message: Any) -> None:
        try:
            super().hear(source, message)
        except StorageError:
            self.end_process()

    def asked(self, answer: Any, *arguments: Any) -> None:
        try:
            super().asked(answer, *arguments)
        except StorageError:
            self.end_process()

    def is_done(self, leaf: bytes) -> bool:
        """Whether a transaction was executed here."""
        known = catalogue().by_leaf.get(leaf)
        return known is not None and self.up and self.executor.state.executed(known.id)

    def submit(self, leaf: bytes) -> None:
        try:
            super().submit(leaf)
        except StorageError:
            self.end_process()

    def contents_are_good(self, header: Header, leaves: Leaves) -> bool:
        """The product's own check."""
        books = catalogue()
        if any(leaf not in books.by_leaf for leaf in leaves):
            return False
        try:
            check_contents(header, [item.signed for item in books.of(leaves)])
        except DecodeError:
            return False
        return True

    # --- durability -----------------------------------------------------------------------------------------

    def persist(self, effect: Persist) -> None:
        """As the node's performer does it: contents before the header."""
        record, log = effect.record, self.disk.log
        if isinstance(record, HeaderRecord) and not isinstance(record.header, ClosingHeader):
            header = record.header
            block_hash = self.cluster.hash_of(header)
            if record.own:
                self.memory[block_hash] = (header, self.leaves_built if header.transaction_count else ())
            _, leaves = self.memory.get(block_hash, (header, ()))
            self.memory[block_hash] = (header, leaves)
            if leaves:
                raws = tuple(item.signed.raw for item in catalogue().of(leaves))
                log.append_body(block_hash, header.view, raws)
        log.append(record, lazy=effect.lazy)
        self.unsynced = self.unsynced or not effect.lazy

    def sync(self) -> None:
        """One sync."""
        self.disk.log.sync()
        self.unsynced = False

    # --- execution ------------------------------------------------------------------------------------------

    def execute_next(self) -> None:
        """A group of heights in one synced batch; then everybody is told."""
        group, self.queue = self.queue[:GROUP_MAX], self.queue[GROUP_MAX:]
        done = []
        for header, block_hash, certificate in group:
            _, leaves = self.memory.get(block_hash, (header, ()))
            block = FinalBlock(header, block_hash, catalogue().of(leaves), certificate)
            done.append((self.executor.execute(block), leaves))
        tip = self.executor.tip
        signer = signer_row(public_key(self.holder), self.disk.log.row(tip.view))
        self.disk.database.ledger.write(self.executor.take_batch(signer))
        self.executor.state.written()
        self.disk.log.prune(tip.view)
        self.signer.forget(tip.view)
        self.world.seen["batches written"] += 1
        self.executing = bool(self.queue)
        if self.executing:
            self.later(self.execution_ms, self.execute_next)
        for height, leaves in done:
            assert not height.faults, height.faults
            for leaf in leaves:
                self.pool.pop(leaf, None)
            self.judges.executed(self.index, height.executed, self.disk.database.membership)
            if self.world.trace is not None:
                self.cluster.say(self.index, f"== executed {words(height.executed)}")
            self.give(HeightExecuted(height.executed))
        self.tell_work()
