"""A chain of real blocks in a store, each finalised by the founders, of which snapshots can be made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from node.executor import Executor, FinalBlock, found
from node.ledger import Ledger, signer_row
from node.memory_store import MemoryStore
from node.snapshots import pace
from node.snapshots.maker import make_snapshot, plan_snapshot
from node.snapshots.manifest import Manifest, SnapshotProof
from node.snapshots.service import prove
from node.storage import Store
from node.tables import SignerRow
from tallystick import keys
from tallystick.blocks import Executed, Header
from tallystick.merkle import root_of
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of
from tests.world import FOUNDERS, World, gtin, public_key, seed

SIGNER = signer_row(bytes(32), SignerRow(bytes(range(16)), 1, 1, 0, 0))
LAG = 2  # heights from a block to the newest one that it may certify
CERTIFIED_EVERY = 4  # of them are named by a header: the history covers those between
pace.REST_PER_WORK = 0.0


@cache
def world() -> World:
    """Goods made and handed on in one block after the other, and due work that waits."""
    one = World()
    one.make("org:grower", *[f"{gtin('9521111')}/21/A{n}" for n in range(3)])
    one.hand_over("org:grower", "org:processor", f"{gtin('9521111')}/21/A1")
    while len(one.results) < 40:
        one.make("org:grower", f"{gtin('9521111')}/21/B{len(one.results)}")
    return one


def validators() -> ValidatorSet:
    """The founders."""
    return world().genesis.validators()


def certify(header: Header, signers: int = 3) -> Certificate:
    """A finalisation of a header by the first founders of the set."""
    statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
    seeds = {public_key(name, "VALIDATOR"): seed(name, "VALIDATOR") for name in FOUNDERS}
    signatures = {}
    for index, member in enumerate(validators().members[:signers]):
        signature = keys.sign(seeds[member.key], keys.Purpose.VOTE, header.chain_id, statement.signing_bytes())
        signatures[index] = signature
    return certificate_of(statement, signatures)


@dataclass
class Chain:
    """A store with executed blocks.

    Attributes:
        executed: tuple of each height.
    """

    store: Store
    ledger: Ledger
    executor: Executor
    executed: list[Executed]
    parent: tuple[bytes, int]

    def grow(self, height: int) -> None:
        """Execute and store blocks up to a height."""
        for context, transactions in world().blocks[self.executor.tip.executed.height : height]:
            leaves = [transaction.signed.witness_leaf for transaction in transactions]
            digest = validators().digest()
            view = self.parent[1] + 1
            header = Header(
                1, world().chain_id, 0, context.height, view, *self.parent, view % 4, context.time_ms,
                len(transactions), root_of(leaves), context.due_work, digest, digest,
                self.executed[max(0, context.height - LAG) // CERTIFIED_EVERY * CERTIFIED_EVERY],
            )  # fmt: skip
            self.parent = (header.block_hash(), view)
            block = FinalBlock(header, header.block_hash(), tuple(transactions), certify(header))
            self.executed.append(self.executor.execute(block).executed)
            self.ledger.write(self.executor.take_batch(SIGNER))
            self.executor.state.written()


def chain(height: int, store: Store | None = None) -> Chain:
    """Genesis and blocks up to a height."""
    store = store or MemoryStore()
    ledger = Ledger(store)
    genesis = world().genesis
    found(ledger, genesis.chain_id(), genesis.time_ms, genesis_writes(genesis))
    executor = Executor(ledger, execute_block)
    made = Chain(store, ledger, executor, [executor.tip.executed], (genesis.chain_id(), 0))
    made.grow(height)
    return made


@dataclass(frozen=True)
class Made:
    """A snapshot with its proof and chunks."""

    manifest: Manifest
    proof: SnapshotProof
    chunks: tuple[bytes, ...]


def snapshot(one: Chain, folder: Path, proof_at: int) -> Made:
    """A snapshot of a chain's newest height, proven by what came until ``proof_at``."""
    plan = plan_snapshot(one.ledger, world().chain_id)
    assert plan is not None
    view = one.ledger.view()
    one.grow(proof_at)
    manifest = make_snapshot(view, plan, folder, Event())
    proof = prove(one.ledger, manifest, proof_at)
    assert proof is not None
    chunks = tuple(path.read_bytes() for path in sorted(folder.glob("*.chunk")))
    return Made(manifest, proof, chunks)
