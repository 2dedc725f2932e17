"""What one question at the public door may cost the loop that also votes."""

from __future__ import annotations

import pytest
from msgspec import structs

from contracts.execution import execute_block
from node import recent_transactions
from node.executor import Executor
from node.memory_store import MemoryStore
from node.proofs import CertifiedHeight
from tallystick.proofs import build_item
from tallystick.transactions import SignedTransaction, decode_transaction
from tests.proof_world import validators
from tests.unit.node.test_executor import blocks, founded, write
from tests.world import World, gtin

SERIAL = f"{gtin('9521111')}/21/A1"
READINGS = 1_000


def test_a_transaction_is_read_once_for_a_proof_however_many_events_of_it_the_proof_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = World()
    one.make("org:grower", SERIAL)
    now = one.time_ms
    readings = (
        one.event(epcList=[SERIAL], action="OBSERVE", bizStep="storing", time_ms=now - n) for n in range(READINGS)
    )
    one.must(one.capture("org:grower", *readings))
    one.block()
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block)
    for block in blocks(one):
        executor.execute(block)
        write(executor, ledger)
    tip = ledger.tip().executed
    header = structs.replace(block.header, executed=tip)
    state = CertifiedHeight(ledger, executor.state, header, block.proof, validators(), executor.state.trie, tip.height)
    read: list[bytes] = []

    def decode(raw: bytes, chain_id: bytes) -> SignedTransaction:
        read.append(raw)
        return decode_transaction(raw, chain_id)

    monkeypatch.setattr(recent_transactions, "decode_transaction", decode)
    bundle = build_item(SERIAL, state)
    assert len(bundle.events) == READINGS + 1
    assert len(read) == 2  # its commissioning, and the capture of all readings


def test_what_proofs_read_is_kept_in_bounds_and_is_what_was_asked_for() -> None:
    one = World()
    ledger = founded(MemoryStore())
    executor = Executor(ledger, execute_block)
    for number in range(4):
        one.make("org:grower", f"{gtin('9521111')}/21/B{number}")
        one.block()
    for block in blocks(one):
        executor.execute(block)
        write(executor, ledger)
    places = [(height, 0) for height in range(2, 6) if ledger.transactions(height)]
    raws = [ledger.transactions(height)[index] for height, index in places]
    kept = recent_transactions.RecentTransactions(size_max=2 * max(map(len, raws)))
    chain_id = one.genesis.chain_id()
    for _ in range(3):
        for place, raw in zip(places, raws, strict=True):
            first = kept.at(ledger, chain_id, *place)
            assert first.raw == raw
            assert kept.at(ledger, chain_id, *place) is first
    assert 1 <= len(kept._kept) <= 2
    assert kept._size == sum(found.size for found in kept._kept.values()) <= 2 * max(map(len, raws))
