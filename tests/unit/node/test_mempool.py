"""The waiting room: bounded, each id once, in order, and exact about what stands in a block."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.mempool import Mempool, MempoolLimits
from tallystick.admission import VerifiedTransaction, verify_transaction
from tallystick.errors import UnavailableError
from tallystick.limits import BLOCK_TRANSACTIONS_MAX
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import sign_transaction

CHAIN = b"\x05" * 32
SEEDS = (b"\x01" * 32, b"\x02" * 32)
NOW = 1_000_000


@cache
def transaction(number: int, signer: int = 0, valid_until_ms: int = NOW + 60_000) -> VerifiedTransaction:
    signed = sign_transaction(
        chain_id=CHAIN,
        nonce=number.to_bytes(16, "big"),
        valid_until_ms=valid_until_ms,
        seeds=(SEEDS[signer],),
        payload=encode_payload(bytes(32), RegisterKey(bytes(32), (KeyUse.READ,), "")),
    )
    return verify_transaction(signed.raw, CHAIN)


def filled(count: int, pool: Mempool | None = None) -> Mempool:
    pool = Mempool() if pool is None else pool
    for number in range(count):
        assert pool.add(transaction(number))
    return pool


def ids(transactions: list[VerifiedTransaction]) -> list[bytes]:
    return [item.id for item in transactions]


def test_an_id_is_taken_once() -> None:
    pool = filled(1)
    assert not pool.add(transaction(0))
    assert len(pool) == pool.unplaced == 1
    assert pool.size == transaction(0).signed.size


def test_a_transaction_is_found_by_its_witness_leaf_until_it_leaves() -> None:
    pool = filled(2)
    leaf = transaction(0).signed.witness_leaf
    assert pool.by_leaf(leaf) is transaction(0)
    pool.remove([transaction(0).id])
    assert pool.by_leaf(leaf) is None
    assert pool.size == transaction(1).signed.size


def test_a_full_room_is_said_before_it_overflows() -> None:
    pool = filled(3, Mempool(MempoolLimits(transactions_max=3)))
    with pytest.raises(UnavailableError, match="try again"):
        pool.check_room(transaction(9).signed.head.signers[0], 1)
    size = transaction(0).signed.size
    pool = filled(2, Mempool(MempoolLimits(size_max=2 * size + size - 1)))
    with pytest.raises(UnavailableError, match="try again"):
        pool.check_room(b"anybody", size)


def test_one_signer_cannot_fill_the_room_alone() -> None:
    pool = filled(2, Mempool(MempoolLimits(per_signer_max=2)))
    with pytest.raises(UnavailableError, match="of this signer"):
        pool.check_room(transaction(0).signed.head.signers[0], 1)
    pool.check_room(transaction(0, signer=1).signed.head.signers[0], 1)
    pool.remove([transaction(0).id])
    pool.check_room(transaction(0).signed.head.signers[0], 1)


def test_blocks_are_filled_in_order_of_arrival_up_to_their_limits() -> None:
    pool = filled(BLOCK_TRANSACTIONS_MAX + 5)
    chosen = pool.take(NOW, set())
    assert ids(chosen) == [transaction(n).id for n in range(BLOCK_TRANSACTIONS_MAX)]
    assert ids(pool.take(NOW, set(ids(chosen)))) == [transaction(n).id for n in range(250, 255)]


def test_a_block_takes_no_transaction_that_is_not_valid_at_its_time() -> None:
    pool = Mempool()
    pool.add(transaction(0, valid_until_ms=NOW))
    pool.add(transaction(1, valid_until_ms=NOW + 10))
    assert len(pool.take(NOW, set())) == 2
    assert ids(pool.take(NOW + 1, set())) == [transaction(1, valid_until_ms=NOW + 10).id]
    assert pool.take(NOW - 8 * 24 * 3_600_000, set()) == [], "valid for longer than seven days"


def test_expired_transactions_leave_and_executed_ones_leave_no_trace() -> None:
    pool = Mempool()
    for number in range(2_000):
        one = transaction(number % 50, valid_until_ms=NOW + 1_000_000)
        pool.add(one)
        pool.remove([one.id])
    pool.add(transaction(0, valid_until_ms=NOW))
    pool.add(transaction(1))
    assert pool.evict_expired(NOW) == [transaction(0, valid_until_ms=NOW).id]
    assert len(pool) == pool.unplaced == 1
    assert len(pool._expiries) < 1_100


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "place", "unplace"]), st.sets(st.integers(0, 7), max_size=4)),
    max_size=40,
)


@given(OPERATIONS)
@settings(deadline=None)
def test_the_count_of_those_in_no_block_is_exact(operations: list[tuple[str, set[int]]]) -> None:
    pool = Mempool()
    inside: set[int] = set()
    blocks: list[set[int]] = []
    for operation, numbers in operations:
        wanted = [transaction(n).id for n in sorted(numbers)]
        if operation == "add":
            for number in sorted(numbers):
                pool.add(transaction(number))
            inside |= numbers
        elif operation == "remove":
            pool.remove(wanted)
            inside -= numbers
        elif operation == "place":
            pool.place(wanted)
            blocks.append(numbers)
        elif blocks:
            pool.unplace([transaction(n).id for n in sorted(blocks.pop())])
        placed = set().union(*blocks) if blocks else set()
        assert pool.unplaced == len(inside - placed)
        assert len(pool) == len(inside)
        assert sorted(ids(pool.oldest(99))) == sorted(transaction(n).id for n in inside - placed)
