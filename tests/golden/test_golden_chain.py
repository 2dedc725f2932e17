"""The golden chain: stored bytes of three hundred blocks give the frozen roots, by every way of computing them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from contracts.interface import context_of
from contracts.invariants import violations
from contracts.memory_state import MemoryState
from contracts.trade.escrow_states import ENDED
from contracts.workspace import BlockMemory
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import ZERO32, encode
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.merkle import EMPTY_ROOT
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Record, Space, key_hash, read_members, read_public
from tallystick.records.trade import (
    AccountMembers,
    BankBook,
    EscrowMembers,
    EscrowPublic,
    EscrowState,
    book_key,
)
from tallystick.trie import Trie
from tests.golden.chain import HEIGHTS, build
from tests.golden.cold import ColdState, rows_of
from tests.golden.figures import EVERY, difference, figures_of
from tests.golden.replay import Height, replay
from tests.golden.stored import CHAIN_FILE, FIGURES_FILE, ROOT, StoredChain
from tests.reference.naive_merkle import naive_root as naive_merkle_root
from tests.reference.naive_trie import naive_root as naive_trie_root

NO_OWNER = encode("")  # how the key of a bank's book ends
REMEDY = "read docs/spec/determinism.md before running scripts/make_golden_chain.py"


def test_the_stored_bytes_give_the_frozen_figures(chain: StoredChain) -> None:
    problem = difference(json.loads(FIGURES_FILE.read_text(encoding="utf-8")), figures_of(chain))
    assert not problem, f"{problem}; {REMEDY}"


def test_the_builders_still_give_the_stored_bytes(chain: StoredChain) -> None:
    built = build()
    for height, (old, new) in enumerate(zip(chain.blocks, built.blocks, strict=True), 1):
        assert old == new, f"block {height} has other bytes; {REMEDY}"
    assert built == chain


def test_the_state_root_follows_from_receipts_alone(chain: StoredChain, heights: list[Height]) -> None:
    leaves = {key: record.leaf_hash() for key, record in genesis_writes(chain.genesis).items()}
    trie = Trie().update({key_hash(key): leaf for key, leaf in leaves.items()})
    for height in heights:
        for receipt in height.result.receipts:
            assert [change.key for change in receipt.changes] == sorted({change.key for change in receipt.changes})
            for change in receipt.changes:
                leaf = None if change.leaf == ZERO32 else change.leaf
                trie = trie.update({key_hash(change.key): leaf})
                leaves[change.key] = change.leaf
        assert trie.root == height.executed.state_root, height.header.height
    kept = {key_hash(key): leaf for key, leaf in leaves.items() if leaf != ZERO32}
    assert naive_trie_root(kept, BUCKET_KEYS_MAX) == heights[-1].executed.state_root


def test_receipts_and_history_roots_are_those_of_rfc_6962_as_written(chain: StoredChain, heights: list[Height]) -> None:
    genesis = chain.genesis
    writes = genesis_writes(genesis)
    root = Trie().update({key_hash(key): record.leaf_hash() for key, record in writes.items()}).root
    history = [encode(HistoryLeaf(0, genesis.chain_id(), genesis.time_ms, root, EMPTY_ROOT, 0))]
    for height in heights:
        receipts = [encode(receipt) for receipt in height.result.receipts]
        executed = height.executed
        assert naive_merkle_root(receipts) == executed.receipts_root, height.header.height
        history.append(
            encode(
                HistoryLeaf(
                    executed.height,
                    height.header.block_hash(),
                    executed.time_ms,
                    executed.state_root,
                    executed.receipts_root,
                    len(receipts),
                )
            )
        )
        if executed.height % EVERY == 0:
            assert naive_merkle_root(history) == executed.history_root, height.header.height


def test_each_block_gives_the_same_from_a_cold_state_rebuilt_from_bytes(
    chain: StoredChain, heights: list[Height]
) -> None:
    rows = rows_of(genesis_writes(chain.genesis))
    executed: set[bytes] = set()
    for height in heights:
        header = height.header
        view = ColdState(dict(sorted(rows.items(), reverse=header.height % 2 == 0)), frozenset(executed))
        assert execute_block(view, context_of(header), list(height.transactions)) == height.result, header.height
        for key, record in height.result.writes.items():
            if record is None:
                rows.pop(key, None)
            else:
                rows[key] = encode(record)
        executed.update(id_ for id_, _ in height.result.executed_ids)


class Forgetful(dict[bytes, Any]):
    """A dictionary in which nothing is ever found."""

    def get(self, key: bytes, default: Any = None) -> Any:
        return default


def test_what_a_block_remembers_of_decoded_records_changes_nothing(
    chain: StoredChain, heights: list[Height], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts.execution.BlockMemory", lambda: BlockMemory(Forgetful(), Forgetful()))
    monkeypatch.setattr("contracts.workspace.BlockMemory", lambda: BlockMemory(Forgetful(), Forgetful()))
    for (_, height), remembered in zip(replay(chain), heights, strict=True):
        assert height.result == remembered.result, height.header.height


def test_a_refused_transaction_changes_nothing_but_its_receipt(heights: list[Height]) -> None:
    refused = [
        receipt
        for height in heights
        for receipt in height.result.receipts
        if receipt.kind is ReceiptKind.TRANSACTION and receipt.reason is not Reason.NONE
    ]
    assert len(refused) > 300
    assert [receipt for receipt in refused if receipt.changes] == []


def test_the_invariants_hold_at_every_tenth_height(chain: StoredChain, heights: list[Height]) -> None:
    state = MemoryState(genesis_writes(chain.genesis))
    assert violations(state.records, state.histories) == []
    for height in heights:
        state.apply(height.result)
        if height.header.height % EVERY == 0:
            assert violations(state.records, state.histories) == [], height.header.height
            issued, found = money_of(state.records)
            assert issued == found, height.header.height
    assert sum(issued.values()) > 0


def money_of(records: Mapping[bytes, Record]) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """By bank and currency: what was issued and not redeemed, and what accounts and escrows hold."""
    issued: defaultdict[tuple[str, str], int] = defaultdict(int)
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for key, record in sorted(records.items()):
        if key[0] == Space.ACCOUNT:
            if key.endswith(NO_OWNER):
                book = read_members(record, BankBook)
                assert key == book_key(book.bank, book.currency)
                issued[book.bank, book.currency] += book.issued - book.redeemed
            else:
                account = read_members(record, AccountMembers)
                found[account.bank, account.currency] += account.balance
        elif key[0] == Space.ESCROW and read_public(record, EscrowPublic).state is EscrowState.FUNDED:
            escrow = read_members(record, EscrowMembers)
            for terms, progress in zip(escrow.terms.milestones, escrow.progress, strict=True):
                if progress.state not in ENDED:
                    found[escrow.terms.bank, escrow.terms.currency] += terms.amount
    return dict(issued), dict(found)


def test_every_process_replays_it_alike_whatever_its_hash_seed_zone_locale_and_python(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "replay_golden_chain"), "--everywhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_200, check=False)
    with capsys.disabled():  # that a Python is not here must be seen even where all is well
        print("".join(f"\n{line}" for line in done.stdout.splitlines() if "NOT TRIED" in line), end="")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_chain_is_as_long_as_it_says_and_small_enough_to_keep(chain: StoredChain) -> None:
    assert len(chain.blocks) == HEIGHTS == 300
    assert CHAIN_FILE.stat().st_size < 300_000
