"""Execution over a store agrees with execution over dictionaries, and a restart at any height changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from node.executor import ExecutedHeight, Executor, FinalBlock, found
from node.ledger import Ledger, signer_row
from node.memory_store import MemoryStore
from node.storage import LevelStore, Store
from node.tables import SignerRow, Table, bytes_key
from tallystick.blocks import Executed, Header
from tallystick.encoding import encode
from tallystick.errors import StorageError
from tallystick.limits import PROVABLE_HEIGHTS
from tallystick.merkle import leaf_hash, root_of
from tallystick.receipts import ReceiptKind
from tallystick.records.base import key_hash
from tallystick.trie import Trie
from tallystick.votes import Certificate, Statement, VoteKind
from tests.world import World, gtin

SIGNER = signer_row(bytes(32), SignerRow(bytes(16), 1, 1, 0, 0))


@cache
def world() -> World:
    """A chain of 90 blocks: goods made and handed on, one block without transactions, a refused event, a replay."""
    one = World()
    one.make("org:grower", *[f"{gtin('9521111')}/21/A{n}" for n in range(3)])
    one.hand_over("org:grower", "org:processor", f"{gtin('9521111')}/21/A1")
    one.block()
    refused = one.capture("org:carrier", one.shipping("org:retailer", f"{gtin('9521111')}/21/A2"))
    one.send(refused)
    one.send(refused)
    while len(one.results) < 90:
        number = len(one.results)
        one.make("org:grower", f"{gtin('9521111')}/21/B{number}")
    return one


def blocks(one: World) -> Iterator[FinalBlock]:
    parent, view = one.chain_id, 0
    executed = Executed(0, one.genesis.time_ms, bytes(32), bytes(32), bytes(32))
    for context, transactions in one.blocks:
        view += 2
        leaves = [transaction.signed.witness_leaf for transaction in transactions]
        header = Header(
            1, one.chain_id, 0, context.height, view, parent, view - 2, 0, context.time_ms, len(transactions),
            root_of(leaves), context.due_work, bytes(32), bytes(32), executed,
        )  # fmt: skip
        parent = header.block_hash()
        proof = Certificate(Statement(0, VoteKind.FINALIZE, view, parent), 1, (bytes(64),))
        yield FinalBlock(header, parent, tuple(transactions), proof)


def founded(store: Store) -> Ledger:
    ledger = Ledger(store)
    genesis = world().genesis
    found(ledger, genesis.chain_id(), genesis.time_ms, genesis_writes(genesis))
    return ledger


def write(executor: Executor, ledger: Ledger) -> None:
    ledger.write(executor.take_batch(SIGNER))
    executor.state.written()


@pytest.fixture(params=["level", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = LevelStore(tmp_path / "database") if request.param == "level" else MemoryStore()
    yield made
    made.close()


@pytest.mark.parametrize("group", [1, 7])
def test_every_height_has_the_state_that_dictionaries_give(store: Store, group: int) -> None:
    ledger = founded(store)
    executor = Executor(ledger, execute_block)
    trie = Trie().update({key_hash(k): r.leaf_hash() for k, r in genesis_writes(world().genesis).items()})
    for block, result in zip(blocks(world()), world().results, strict=True):
        done: ExecutedHeight = executor.execute(block)
        trie = trie.update({key_hash(k): None if r is None else r.leaf_hash() for k, r in result.writes.items()})
        assert done.executed.state_root == trie.root
        assert done.executed.receipts_root == root_of([leaf_hash(encode(receipt)) for receipt in result.receipts])
        if block.header.height % group == 0:
            write(executor, ledger)
    write(executor, ledger)
    assert dict(ledger.records()) == world().state.records


class Watched(MemoryStore):
    """A store that remembers which records it was asked for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.in_vain: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        value = super().get(key)
        if value is None and key[0] == Table.RECORDS:
            self.in_vain.append(key)
        return value


def test_the_disk_is_never_asked_for_a_record_that_is_not_there() -> None:
    store = Watched()
    ledger = founded(store)
    executor = Executor(ledger, execute_block)
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
    assert store.in_vain == []
    assert executor.state.get(b"\x01 nobody has this key") is None


def test_a_record_that_the_tree_has_and_the_database_lost_is_damage_and_no_absence() -> None:
    ledger = founded(store := MemoryStore())
    executor = Executor(ledger, execute_block)
    key = next(key for key, _ in ledger.records())
    store.write([(bytes_key(Table.RECORDS, key), None)])
    with pytest.raises(StorageError, match=f"lacks the record of key {key.hex()}"):
        executor.state.get(key)


def test_a_restart_at_any_height_goes_on_as_if_nothing_had_happened() -> None:
    store = MemoryStore()
    ledger = founded(store)
    running = Executor(ledger, execute_block)
    plain = Executor(founded(MemoryStore()), execute_block)
    for block in blocks(world()):
        if block.header.height % 3 == 0:
            running = Executor(ledger, execute_block)
        assert running.execute(block).executed == plain.execute(block).executed
        write(running, ledger)
        assert ledger.tip() == running.tip


def test_records_and_trees_of_earlier_heights_are_known_for_a_while() -> None:
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block)
    key = next(key for key in world().results[0].writes)
    seen = []
    for block in blocks(world()):
        executor.execute(block)
        write(executor, ledger)
        seen.append((executor.state.trie.root, executor.state.get(key)))
    state = executor.state
    newest = len(seen)
    assert state.oldest_height() == newest - PROVABLE_HEIGHTS + 1
    for height in range(state.oldest_height(), newest + 1):
        trie = state.trie_at(height)
        assert trie is not None
        assert (trie.root, state.record_at(key, height)) == seen[height - 1]
    assert state.trie_at(newest - PROVABLE_HEIGHTS) is None


def test_indices_lead_to_the_first_place_of_transactions_events_and_entries() -> None:
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block)
    for block in blocks(world()):
        executor.execute(block)
    write(executor, ledger)
    for context, transactions in world().blocks:
        assert ledger.transactions(context.height) == tuple(item.signed.raw for item in transactions)
    placed = {}
    for context, transactions in world().blocks:
        for index, transaction in enumerate(transactions):
            placed.setdefault(transaction.id, (context.height, index))
    for id_, (height, index) in placed.items():
        place = ledger.place(id_)
        assert place is not None and (place.height, place.index) == (height, index)
    for result in world().results:
        for receipt in result.receipts:
            for number, outcome in enumerate(receipt.events if receipt.kind is ReceiptKind.TRANSACTION else ()):
                expected = None if outcome.status == 3 else (receipt.height, receipt.index, number)
                assert ledger.event_place(outcome.commitment) == expected
    for owner, entries in world().state.histories.items():
        assert ledger.history(owner, 0, 1_000) == [encode(entry) for entry in entries]
        assert ledger.history(owner, 1, 1) == [encode(entry) for entry in entries[1:2]]


def change_a_record(store: Store) -> None:
    key, value = next(iter(store.range(bytes((Table.RECORDS,)), bytes((Table.RECORDS + 1,)))))
    store.write([(key, value[:-1] + bytes((value[-1] ^ 1,)))])


def lose_a_record(store: Store) -> None:
    key, _ = next(iter(store.range(bytes((Table.RECORDS,)), bytes((Table.RECORDS + 1,)))))
    store.write([(key, None)])


def add_a_record(store: Store) -> None:
    record = next(iter(world().state.records.values()))
    store.write([(bytes_key(Table.RECORDS, b"\x07nobody"), encode(record))])


@pytest.mark.parametrize("damage", [change_a_record, lose_a_record, add_a_record])
def test_records_that_are_not_those_of_the_stored_root_stop_the_start_naming_the_height(
    damage: Callable[[Store], None],
) -> None:
    store = MemoryStore()
    ledger = founded(store)
    executor = Executor(ledger, execute_block)
    for block in list(blocks(world()))[:5]:
        executor.execute(block)
    write(executor, ledger)
    damage(store)
    with pytest.raises(StorageError, match=r"height 5|damaged"):
        Executor(ledger, execute_block)
