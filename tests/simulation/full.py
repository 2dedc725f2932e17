"""Full nodes in the simulator: the product's database, executor, contracts and signer's log, on disks that fail.

Transactions are real ones, signed and verified once; what travels and waits is their witness leaf. The database is the
in-memory twin of the store; the signer's log is the product's own, in files, cut and torn as a power cut leaves them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from consensus.config import Floor
from consensus.effects import DurableRecord, HeaderRecord, Persist
from consensus.inputs import HeightExecuted
from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from node.executor import Executor, FinalBlock, found
from node.ledger import Ledger, signer_row
from node.memory_store import MemoryStore
from node.signer import Signer
from node.signer_log import SignerLog
from node.storage import Put
from node.tables import signer_row_key
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.blocks import Executed, Header, check_contents
from tallystick.epochs import ClosingHeader
from tallystick.errors import DecodeError, StorageError
from tallystick.votes import Certificate, Vote
from tests.simulation.disk import AnyHeader, Leaves
from tests.simulation.machine import Machine
from tests.simulation.reference import Membership
from tests.simulation.signer import public_key, seed_of
from tests.simulation.words import words
from tests.world import START_MS, World, gtin

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

GROUP_MAX = 8  # heights of one batch
RAM_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
LOTS = 120  # transactions of the catalogue that make goods; as many again move them


class Catalogue:
    """Real transactions in the order in which they are submitted, and by witness leaf."""

    def __init__(self) -> None:
        self.world = World()
        self.genesis = self.world.genesis
        self.chain_id = self.world.chain_id
        raws = [item.signed.raw for _, items in self.world.blocks for item in items]
        owners = ("org:grower", "org:processor")
        prefixes = {"org:grower": "95211110", "org:processor": "95212345"}
        for number in range(LOTS):
            owner = owners[number % 2]
            item = f"{gtin(prefixes[owner] + '1')}/21/S{number}"
            raws.append(self.world.capture(owner, self.world.commissioning(item)).raw)
            raws.append(self.world.capture(owner, self.world.shipping("org:carrier", item)).raw)
        self.transactions = [verify_transaction(raw, self.chain_id) for raw in raws]
        self.by_leaf = {item.signed.witness_leaf: item for item in self.transactions}

    def of(self, leaves: Iterable[bytes]) -> tuple[VerifiedTransaction, ...]:
        """The transactions of these leaves."""
        return tuple(self.by_leaf[leaf] for leaf in leaves)


@cache
def catalogue() -> Catalogue:
    """The one of this process."""
    return Catalogue()


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
            leaves = tuple(_leaf(raw) for raw in ledger.transactions(height))
            self.memory[row.block_hash] = (row.header, leaves)
        for record in log.records:
            if isinstance(record, HeaderRecord):
                block_hash = record.header.block_hash()
                leaves = tuple(_leaf(raw) for raw in log.bodies.get(block_hash, ()))
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


def _leaf(raw: bytes) -> bytes:
    return _leaves()[raw]


@cache
def _leaves() -> dict[bytes, bytes]:
    return {item.signed.raw: item.signed.witness_leaf for item in catalogue().transactions}


class FullReference:
    """The judges' own ledger: the same contracts over a store that never fails, executed once."""

    def __init__(self, founders: tuple[int, ...]) -> None:
        self.membership = Membership(0, founders)
        self._executor = Executor(Ledger(_founded()), execute_block)
        self.genesis = self._executor.tip.executed

    def execute(
        self, header: Header, block_hash: bytes, leaves: tuple[bytes, ...], certificate: Certificate
    ) -> tuple[Executed, list[bytes]]:
        """The next height: its tuple, and the transactions that were executed for the first time."""
        transactions = catalogue().of(leaves)
        height = self._executor.execute(FinalBlock(header, block_hash, transactions, certificate))
        first = set(height.first_executed)
        return height.executed, [item.signed.witness_leaf for item in transactions if item.id in first]


def _founded() -> FailingStore:
    """A store with genesis."""
    books, store = catalogue(), FailingStore()
    ledger = Ledger(store)
    assert not ledger.check_format(books.chain_id, "memory")
    found(ledger, books.chain_id, books.genesis.time_ms, genesis_writes(books.genesis))
    return store


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
        return FullDisk(FullDatabase(_founded(), membership), folder, index)

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
