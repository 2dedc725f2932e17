"""The golden chain: stored bytes of three hundred blocks give the frozen roots, by every way of computing them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from contracts.interface import BlockContext
from contracts.invariants import violations
from contracts.memory_state import MemoryState
from contracts.trade.escrow_states import ENDED
from tallystick.blocks import HistoryLeaf
from tallystick.encoding import ZERO32, encode
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.merkle import EMPTY_ROOT
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
from tests.golden.replay import Height
from tests.golden.stored import CHAIN_FILE, FIGURES_FILE, ROOT, StoredChain
from tests.reference.naive_merkle import naive_root as naive_merkle_root
from tests.reference.naive_trie import naive_root as naive_trie_root

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
        context = BlockContext(header.height, header.time_ms, header.due_work)
        assert execute_block(view, context, list(height.transactions)) == height.result, header.height
        for key, record in height.result.writes.items():
            if record is None:
                rows.pop(key, None)
            else:
                rows[key] = encode(record)
        executed.update(id_ for id_, _ in height.result.executed_ids)


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
            account = read_account(key, record)
            if isinstance(account, BankBook):
                issued[account.bank, account.currency] += account.issued - account.redeemed
            else:
                found[account.bank, account.currency] += account.balance
        elif key[0] == Space.ESCROW and read_public(record, EscrowPublic).state is EscrowState.FUNDED:
            escrow = read_members(record, EscrowMembers)
            for terms, progress in zip(escrow.terms.milestones, escrow.progress, strict=True):
                if progress.state not in ENDED:
                    found[escrow.terms.bank, escrow.terms.currency] += terms.amount
    return dict(issued), dict(found)


def read_account(key: bytes, record: Record) -> AccountMembers | BankBook:
    """An account, or a bank's book: the two differ by their keys."""
    book = read_members_of_book(key, record)
    return book if book is not None else read_members(record, AccountMembers)


def read_members_of_book(key: bytes, record: Record) -> BankBook | None:
    """The book, when the key is that of one."""
    if not key.endswith(encode("")):
        return None
    book = read_members(record, BankBook)
    assert key == book_key(book.bank, book.currency)
    return book


def test_every_process_replays_it_alike_whatever_its_hash_seed_zone_locale_and_python() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "replay_golden_chain"), "--everywhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_chain_is_as_long_as_it_says_and_small_enough_to_keep(chain: StoredChain) -> None:
    assert len(chain.blocks) == HEIGHTS == 300
    assert CHAIN_FILE.stat().st_size < 300_000
