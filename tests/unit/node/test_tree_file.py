"""The saved tree: whatever a crash or a bad disk left of it, the tree after a start is that of the records."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from contracts.execution import execute_block
from node.executor import Executor
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.tables import FloorRow
from node.tree_file import CHANGES_MIN, HEAD_SIZE, TREE_FILE, TreeFile, TreeFileError, read_tree
from tallystick.records.base import Record, Space
from tallystick.trie import Trie
from tests.unit.node.test_executor import blocks, founded, world, write

SEED = 20_261_122


class CountingLedger(Ledger):
    """Counts walks over all records."""

    walks = 0

    def records(self, space: Space | None = None):  # type: ignore[no-untyped-def]
        """See ``Ledger``."""
        self.walks += space is None
        return super().records(space)


@dataclass
class Chain:
    """A database of 90 heights, the tree after each, and the folder of its saved tree."""

    ledger: CountingLedger
    tries: list[Trie]
    folder: Path
    keys_in_memory: int

    def file(self) -> TreeFile:
        return TreeFile(self.folder, world().chain_id, keys_in_memory=self.keys_in_memory)

    def start(self) -> Executor:
        """A start from what is on the disk; the root is compared with the stored one."""
        file = self.file()
        try:
            executor = Executor(self.ledger, execute_block, tree=file)
        finally:
            file.close()
        assert executor.state.trie.root == self.tries[-1].root
        assert executor.state.trie.has_shelf == (self.keys_in_memory == 0)
        assert dict(executor.state.trie.items()) == dict(self.tries[-1].items())
        return executor


@pytest.fixture(params=[1_000_000, 0], ids=["in memory", "in pages"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Chain:
    store = MemoryStore()
    founded(store)
    ledger = CountingLedger(store)
    executor = Executor(ledger, execute_block)
    tries = [executor.state.trie]
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
        tries.append(executor.state.trie)
    ledger.walks = 0
    return Chain(ledger, tries, tmp_path, request.param)


def test_a_start_from_the_tree_of_any_height_reads_no_record(chain: Chain) -> None:
    for height, trie in enumerate(chain.tries):
        chain.file().write(height, trie)
        chain.start()
    assert chain.ledger.walks == 0


def test_without_a_file_the_records_are_read_once_and_the_tree_is_saved(chain: Chain) -> None:
    file = chain.file()
    executor = Executor(chain.ledger, execute_block, tree=file)
    file.changed(CHANGES_MIN, len(chain.tries) - 1, executor.state.trie)
    file.close()
    chain.start()
    assert chain.ledger.walks == 1


def zeroed(data: bytes) -> bytes:
    """What a file system may show of a file whose blocks were not written."""
    return data[:HEAD_SIZE] + bytes(len(data) - HEAD_SIZE)


@pytest.mark.parametrize("damage", [lambda _: b"", zeroed, lambda data: data + bytes(64), lambda data: data[:-64]])
def test_a_file_that_is_torn_or_empty_is_not_believed(chain: Chain, damage: Callable[[bytes], bytes]) -> None:
    chain.file().write(40, chain.tries[40])
    path = chain.folder / TREE_FILE
    path.write_bytes(damage(path.read_bytes()))
    chain.start()
    assert chain.ledger.walks == 1


def test_a_flipped_bit_anywhere_in_the_file_is_noticed(chain: Chain) -> None:
    chance = random.Random(SEED)
    chain.file().write(40, chain.tries[40])
    path = chain.folder / TREE_FILE
    data = path.read_bytes()
    for place in [*range(0, HEAD_SIZE, 3), *(chance.randrange(len(data)) for _ in range(60))]:
        bad = bytearray(data)
        bad[place] ^= 1 << chance.randrange(8)
        try:
            saved = read_tree(bytes(bad[:HEAD_SIZE]), bytes(bad[HEAD_SIZE:]), world().chain_id)
        except TreeFileError:
            continue
        assert (saved.height, saved.trie.root) != (40, chain.tries[40].root), place
        assert saved.trie.root != chain.tries[40].root, place


@pytest.mark.parametrize("claimed", [39, 41, 91, 2**63])
def test_a_tree_that_names_another_height_is_not_believed(chain: Chain, claimed: int) -> None:
    assert chain.tries[39].root != chain.tries[40].root != chain.tries[41].root
    chain.file().write(claimed, chain.tries[40])
    chain.start()
    assert chain.ledger.walks == 1


def test_a_tree_of_another_chain_is_not_believed(chain: Chain) -> None:
    TreeFile(chain.folder, bytes(32)).write(40, chain.tries[40])
    chain.start()
    assert chain.ledger.walks == 1


def test_a_tree_whose_receipts_since_were_pruned_is_not_brought_forward(chain: Chain) -> None:
    chain.file().write(40, chain.tries[40])
    for bodies_from, walks in ((41, 0), (42, 1)):
        chain.ledger.floor = FloorRow(bodies_from, 0)
        chain.start()
        assert chain.ledger.walks == walks


class Crash(Exception):
    """The process ends here."""


def crashing(monkeypatch: pytest.MonkeyPatch, at: int) -> Callable[[], int]:
    """From the ``at``-th call on, every call to the disk ends the process; returns how many there were."""
    calls = 0

    def wrap(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls > at:
                raise Crash(name)
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((os, "open"), (os, "fdopen"), (os, "fsync"), (Path, "replace")):
        wrap(owner, name)
    return lambda: calls


def test_a_crash_at_any_step_of_saving_leaves_the_old_tree_or_the_new_one(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.file().write(30, chain.tries[30])
    for step in range(20):
        with monkeypatch.context() as patch:
            calls = crashing(patch, step)
            with suppress(Crash):
                chain.file().write(50, chain.tries[50])
            done = calls() <= step
        saved = chain.file().read()
        assert saved is not None and (saved.height, saved.trie.root) in ((h, chain.tries[h].root) for h in (30, 50))
        chain.start()
        if done:
            break
    assert done and step >= 5
    assert chain.ledger.walks == 0


def test_a_disk_that_refuses_the_file_is_told_and_ends_nothing(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    file = TreeFile(chain.folder / "not-there", world().chain_id)
    with caplog.at_level(logging.WARNING):
        file.changed(CHANGES_MIN, 90, chain.tries[90])
        file.close()
    assert "not saved" in caplog.text


def test_after_a_restart_every_kept_height_has_its_tree_and_its_records(chain: Chain) -> None:
    keys = [*list(world().results[0].writes)[:2], *list(world().results[5].writes)[:2]]
    running, seen = Executor(founded(MemoryStore()), execute_block), dict[tuple[int, bytes], Record | None]()
    for block in blocks(world()):
        done = running.execute(block)
        seen |= {(done.executed.height, key): running.state.get(key) for key in keys}
    chain.file().write(10, chain.tries[10])
    newest = len(chain.tries) - 1
    for order in (range(newest, newest - 64, -1), range(newest - 63, newest + 1)):
        state = chain.start().state
        assert state.oldest_height() == newest - 63
        for height in order:
            if state.is_far(height):
                assert state.trie_at(height) is None
                state.keep(state.rewinding(height)())
            trie = state.trie_at(height)
            assert trie is not None and trie.root == chain.tries[height].root
            for key in keys:
                assert state.record_at(key, height) == seen[height, key]
        assert state.trie_at(newest - 64) is None and state.trie_at(newest + 1) is None


@pytest.mark.parametrize(("versions", "oldest"), [(70, 21), (None, 0), (1_000, 0)])
def test_as_many_heights_are_kept_as_the_operator_says(versions: int | None, oldest: int) -> None:
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block, versions=versions)
    tries = [executor.state.trie]
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
        tries.append(executor.state.trie)
        state = executor.state
        for height in range(state.oldest_height(), state.height - 60, 7):
            if state.is_far(height):
                state.keep(state.rewinding(height)())
            trie = state.trie_at(height)
            assert trie is not None and trie.root == tries[height].root
    assert executor.state.oldest_height() == oldest == (ledger.oldest_replaced() or 0) - 1
    again = Executor(ledger, execute_block, versions=100)
    assert again.state.oldest_height() == oldest
