"""A node's history paths over a whole chain, the states that it still shows, and what it says of one it dropped."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from contracts.execution import execute_block
from node.api.problems import problem_of
from node.executor import Executor
from node.memory_store import MemoryStore
from node.proofs import CertifiedHeight, ProofService, StatePrunedError
from tallystick.errors import ProofError, UnavailableError
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.merkle import leaf_hash, root_from_path
from tests.proof_world import validators
from tests.unit.node.test_executor import blocks, founded, world, write


@pytest.fixture(scope="module")
def certified() -> CertifiedHeight:
    """The newest height of a chain of 90 blocks, under a header that names it."""
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block)
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
    tip = ledger.tip().executed
    header = structs.replace(block.header, executed=tip)
    return CertifiedHeight(ledger, executor.state, header, block.proof, validators(), executor.state.trie, tip.height)


class Service(ProofService):
    """A proof service whose newest certified height is given."""

    def __init__(self, newest: CertifiedHeight) -> None:
        self._state = newest.state
        self._given = newest

    def _newest(self) -> CertifiedHeight:
        return self._given


def test_every_height_leads_to_the_newest_history_root_and_its_receipts_to_its_own(certified: CertifiedHeight) -> None:
    executed = certified.header.executed
    for height in range(executed.height + 1):
        leaf, path = certified.history_leaf(height), certified.history_path(height)
        assert root_from_path(leaf.leaf_hash(), height, executed.height + 1, path) == executed.history_root
        assert len(path) <= 7
        receipts = certified.receipts(height)
        assert len(receipts) == leaf.receipt_count
        if len(receipts) == 1:
            assert leaf_hash(receipts[0]) == leaf.receipts_root


def test_the_newest_64_heights_are_shown_with_their_own_roots_and_older_ones_are_pruned(
    certified: CertifiedHeight,
) -> None:
    service, newest = Service(certified), certified.height
    for height in range(newest - PROVABLE_HEIGHTS + 1, newest + 1):
        shown = service.certified(height)
        assert shown.height == height
        assert shown.trie.root == certified.history_leaf(height).state_root
    for height, code in ((newest - PROVABLE_HEIGHTS, "pruned"), (0, "pruned"), (newest + 1, "not-in-history")):
        with pytest.raises(ProofError) as caught:
            service.certified(height)
        assert caught.value.code == code
    assert service.certified() is certified


def test_a_state_before_the_window_is_laid_back_beside_the_loop_and_then_proven() -> None:
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block, versions=None)
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
    tip = ledger.tip().executed
    header = structs.replace(block.header, executed=tip)
    newest = CertifiedHeight(ledger, executor.state, header, block.proof, validators(), executor.state.trie, tip.height)
    service = Service(newest)

    async def ask() -> CertifiedHeight:
        with pytest.raises(UnavailableError, match="laid back"):
            service.certified(5)
        while service._laying is not None and not service._laying.done():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        return service.certified(5)

    shown = asyncio.run(ask())
    assert shown.height == 5 and shown.trie.root == newest.history_leaf(5).state_root


def test_a_node_that_pruned_names_who_keeps_the_state(certified: CertifiedHeight) -> None:
    service = Service(certified)
    service._keepers = lambda height: ["org:archive"] if height >= 3 else []
    with pytest.raises(StatePrunedError) as caught:
        service.certified(3)
    problem = problem_of(caught.value).problem
    assert problem.code == "pruned" and "org:archive" in problem.remedy
    with pytest.raises(StatePrunedError) as caught:
        service.certified(2)
    assert "not kept" in problem_of(caught.value).problem.remedy
