"""A simulated node's transactions: waiting, chosen for a block, executed once in the order of the chain."""

from __future__ import annotations

from typing import Any

from consensus.config import Floor
from consensus.effects import Build, Finalised, HeaderRecord
from consensus.inputs import Built, HeightExecuted
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader, EpochProof
from tallystick.merkle import root_of
from tallystick.votes import Certificate
from tests.simulation.disk import AnyHeader, Leaves
from tests.simulation.judges import Violation
from tests.simulation.reference import execute
from tests.simulation.signer import members_of

GOSSIP_MS = 1_000
GOSSIP_TRANSACTIONS_MAX = 20
BLOCK_TRANSACTIONS = 5
FILL_MS = 40  # some blocks take so long to fill


class Work:
    """Part of ``Machine``: pool, contents of blocks, executor.

    Attributes:
        pool: transactions that wait; lost in a crash, and heard of again.
        memory: blocks whose contents are here, by hash.
        queue: final, not yet executed.
    """

    def init_work(self: Any) -> None:
        """Before the first start."""
        self.pool: dict[bytes, None] = {}
        self.memory: dict[bytes, tuple[AnyHeader, Leaves]] = {}
        self.final_height = self.disk.database.floor.executed.height

    def start_work(self: Any) -> None:
        """From the disk alone."""
        disk = self.disk
        self.pool = {}
        self.memory = {**disk.database.contents, **disk.voted}
        self.queue: list[tuple[Header, bytes, Certificate]] = []
        self.executing = False
        self.leaves_built: Leaves = ()
        self.final_height = disk.database.floor.executed.height

    def is_done(self: Any, leaf: bytes) -> bool:
        """Whether a transaction took effect here."""
        return leaf in self.disk.database.seen

    def submit(self: Any, leaf: bytes) -> None:
        """A transaction becomes known here."""
        if self.up and not self.is_done(leaf) and leaf not in self.pool:
            self.pool[leaf] = None
            if self.held is None:
                self.tell_work()

    def gossip(self: Any) -> None:
        """Heads, and what still waits, are told again: the others are at rest and may never have heard of them."""
        self.tell_work(again=True)
        if not self.up:
            return
        view = self.engine.status().view
        waiting = list(self.pool)[:GOSSIP_TRANSACTIONS_MAX]
        for peer in self.cluster.machines:
            if peer is not self:
                self.tell_head(peer, view)
                for leaf in waiting:
                    self.world.send(self.index, peer.index, peer.submit, leaf)
        self.later(GOSSIP_MS, self.gossip)

    def build(self: Any, question: Build) -> None:
        """Everything that waits and is in no ancestor that we know of."""
        again = question.again
        if again is not None:
            _, chosen = self.memory[self.cluster.hash_of(again)]
            self.world.seen["proposals made again after a restart"] += 1
            root = root_of(chosen)
            built = Built(question.view, question.parent_hash, chosen, len(chosen), root, due_work=again.due_work)
            self.later(0, self.give, built)
            return
        chosen: Leaves = ()
        if self.pool:
            taken: dict[bytes, None] = {}
            cursor = question.parent_hash
            floor_height = self.disk.database.floor.executed.height
            while cursor in self.memory:
                header, leaves = self.memory[cursor]
                if isinstance(header, ClosingHeader) or header.height <= floor_height:
                    break
                taken.update(dict.fromkeys(leaves))
                cursor = header.parent_hash
            chosen = tuple(leaf for leaf in self.pool if leaf not in taken)[:BLOCK_TRANSACTIONS]
        built = Built(question.view, question.parent_hash, chosen, len(chosen), root_of(chosen), due_work=False)
        self.leaves_built = chosen
        fill_ms = self.fill_ms or (FILL_MS if self.world.chance() < 0.1 else 0)
        self.later(self.world.upto(fill_ms), self.give, built)

    def keep_contents(self: Any, record: HeaderRecord) -> None:
        """Who proposed or voted for a block can serve it after a restart."""
        header = record.header
        block_hash = self.cluster.hash_of(header)
        if isinstance(header, ClosingHeader):
            self.memory[block_hash] = (header, ())
        elif record.own or header.transaction_count == 0:
            leaves = self.leaves_built if header.transaction_count else ()
            assert root_of(leaves) == header.transaction_root
            self.memory[block_hash] = (header, leaves)
        self.disk.voted[block_hash] = self.memory[block_hash]

    def finalised(self: Any, effect: Finalised) -> None:
        """Queue for execution."""
        self.judges.finality_proven(effect)
        for block_hash, header in zip(effect.block_hashes, effect.headers, strict=True):
            if header.height != self.final_height + 1:
                raise Violation(f"node {self.index} finalised height {header.height} after {self.final_height}")
            self.final_height = header.height
            _, leaves = self.memory.get(block_hash, (header, ()))
            if root_of(leaves) != header.transaction_root:
                raise Violation(f"node {self.index} was given height {header.height} without its contents")
            self.judges.finalised(self.index, header, block_hash, leaves, effect.certificate)
            self.queue.append((header, block_hash, effect.certificate))
        if not self.executing and self.queue:
            self.executing = True
            self.later(self.execution_ms, self.execute_next)

    def execute_next(self: Any) -> None:
        """Execute one height, store it with the new floor in one batch, tell the engine."""
        header, block_hash, certificate = self.queue.pop(0)
        epoch = self.config.epoch
        executed = self.execute(header, block_hash, certificate)
        membership = self.disk.database.membership
        self.judges.executed(self.index, executed, membership)
        self.executing = bool(self.queue)
        if self.executing:
            self.later(self.execution_ms, self.execute_next)
        if header.executed.height + 2 < header.height:
            self.world.seen["executions that lag"] += 1
        if membership.epoch != epoch:
            assert self.ended is not None and not self.queue, "nothing is final above a boundary block"
            boundary, closing, finalisation = self.ended.boundary, self.ended.closing, self.ended.finalisation
            self.disk.proofs[epoch] = EpochProof(boundary, closing, finalisation, members_of(membership.members))
            self.enter_epoch()
            return
        self.give(HeightExecuted(executed, membership.switch()))
        self.tell_work()

    def execute(self: Any, header: Header, block_hash: bytes, certificate: Certificate) -> Executed:
        """One synced batch: effects, roots, floor."""
        database = self.disk.database
        _, leaves = self.memory.get(block_hash, (header, ()))
        fresh = [leaf for leaf in leaves if leaf not in database.seen]
        executed = execute(database.executed[header.height - 1], header, block_hash, fresh)
        membership = database.membership.after(header, fresh)
        database.executed[header.height] = executed
        if membership.epoch == database.membership.epoch:
            database.floor = Floor(header, block_hash, header.view, certificate, executed)
        else:  # the first floor of an epoch
            database.floor = Floor(header, block_hash, 0, None, executed)
        database.membership = membership
        database.contents[block_hash] = (header, leaves)
        for leaf in leaves:
            database.seen[leaf] = None
            self.pool.pop(leaf, None)
        return executed
