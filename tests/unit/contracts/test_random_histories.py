"""Properties that hold whatever organisations try: invariants, receipts that add up, replays, determinism."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from contracts.invariants import violations
from contracts.memory_state import MemoryState
from tallystick.encoding import ZERO32
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import read_members, read_public, record_of
from tallystick.records.goods import ItemMembers, ItemPublic, item_key
from tests.unit.contracts.random_history import Player, digest
from tests.world import founding

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("seed", range(12))
def test_no_history_breaks_an_invariant(seed: int) -> None:
    player = Player(seed)
    for _ in range(8):
        player.play(5)
        assert violations(player.world.state.records, player.world.state.histories) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_state_follows_from_receipts_alone(seed: int) -> None:
    player = Player(seed)
    leaves = {key: record.leaf_hash() for key, record in genesis_writes(founding()).items()}
    player.play(25)
    for result in player.world.results:
        for receipt in result.receipts:
            for change in receipt.changes:
                if change.leaf == ZERO32:
                    leaves.pop(change.key, None)
                else:
                    leaves[change.key] = change.leaf
    assert leaves == {key: record.leaf_hash() for key, record in player.world.state.records.items()}


def test_the_same_blocks_give_the_same_results_on_a_fresh_state() -> None:
    player = Player(1)
    player.play(20)
    state = MemoryState(genesis_writes(founding()))
    for (context, transactions), expected in zip(player.world.blocks, player.world.results, strict=True):
        result = execute_block(state, context, transactions)
        assert result == expected
        state.apply(result)
    assert state.records == player.world.state.records


def test_random_histories_reach_far() -> None:
    """The player is worth its time: most reasons of goods come up, and most kinds of steps succeed."""
    reasons: Counter[Reason] = Counter()
    for seed in range(6):
        player = Player(seed)
        player.play(30)
        for result in player.world.results:
            assert result.faults == ()
            reasons.update(one.reason for one in result.receipts if one.kind is ReceiptKind.TRANSACTION)
    assert reasons[Reason.NONE] > 200
    assert len(reasons) >= 15, reasons


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_results_do_not_depend_on_the_order_of_sets(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.unit.contracts.random_history", "7"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    player = Player(7)
    player.play(25)
    assert done.stdout.strip() == digest(player.world)


def test_a_broken_state_is_noticed() -> None:
    """The judge judges: planted breaches of several invariants are all found."""
    player = Player(3)
    player.play(30)
    records = player.world.state.records
    serial = next(name for name in player.serials if item_key(name) in records)
    lot = next(name for name in player.lots if item_key(name) in records)
    planted = dict(records)
    key = item_key(serial)
    held = read_members(records[key], ItemMembers)
    public = read_public(records[key], ItemPublic)
    planted[key] = record_of(public, replace(held, holder="org:nobody", container=b"\x08x"), b"s" * 32)
    lot_key = item_key(lot)
    lot_held = read_members(records[lot_key], ItemMembers)
    lot_public = read_public(records[lot_key], ItemPublic)
    planted[lot_key] = record_of(lot_public, replace(lot_held, remaining=lot_held.issued + 1), b"s" * 32)
    found = {breach.split(":")[0] for breach in violations(planted, {})}
    assert {"2", "3", "4", "7"} <= found
