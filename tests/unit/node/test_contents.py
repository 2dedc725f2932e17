"""Contents of blocks: collected by witness leaf, checked against the header, condemned when they can never be valid."""

from __future__ import annotations

from node.contents import Contents
from node.mempool import Mempool
from tallystick.admission import VerifiedTransaction
from tallystick.blocks import Executed, Header
from tallystick.merkle import EMPTY_ROOT, root_of
from tests.unit.node.test_mempool import NOW, transaction

ZERO = bytes(32)


class Desk:
    """Contents over a mempool, with the answers they gave."""

    def __init__(self, *pooled: int) -> None:
        self.mempool = Mempool()
        for number in pooled:
            self.mempool.add(transaction(number))
        self.answers: list[tuple[bytes, bool]] = []
        self.contents = Contents(self.mempool, lambda block_hash, valid: self.answers.append((block_hash, valid)))


def block(
    *numbers: int, height: int = 1, parent: bytes = ZERO, time_ms: int = NOW
) -> tuple[Header, bytes, tuple[bytes, ...], list[VerifiedTransaction]]:
    transactions = [transaction(number) for number in numbers]
    leaves = tuple(item.signed.witness_leaf for item in transactions)
    header = Header(
        1, ZERO, 0, height, height, parent, height - 1, 0, time_ms, len(leaves), root_of(leaves), False, ZERO, ZERO,
        Executed(0, 1, ZERO, EMPTY_ROOT, ZERO),
    )  # fmt: skip
    return header, header.block_hash(), leaves, transactions


def test_a_block_out_of_the_mempool_is_answered_at_once() -> None:
    desk = Desk(1, 2, 3)
    header, block_hash, leaves, transactions = block(2, 1)
    assert desk.contents.check(header, block_hash, leaves, 0)
    assert desk.answers == [(block_hash, True)]
    assert desk.contents.transactions_of(header, block_hash) == tuple(transactions)
    assert desk.mempool.unplaced == 1


def test_a_block_waits_for_what_is_missing_and_is_answered_once() -> None:
    desk = Desk(1)
    header, block_hash, leaves, transactions = block(1, 2, 3)
    assert not desk.contents.check(header, block_hash, leaves, 0)
    assert desk.contents.wanted(leaves[1]) and not desk.contents.wanted(leaves[0])
    desk.contents.arrived([transaction(9), transaction(3)])
    assert desk.answers == []
    desk.contents.arrived([transaction(2)])
    assert desk.answers == [(block_hash, True)]
    desk.contents.arrived([transaction(2)])
    assert len(desk.answers) == 1
    known = desk.contents.get(block_hash)
    assert known is not None and known.transactions == tuple(transactions)


def test_contents_that_are_not_the_headers_are_invalid() -> None:
    for numbers, leaves_of in (((1, 2), (2, 1)), ((1, 2), (1,)), ((1, 1), (1, 1))):
        desk = Desk(1, 2)
        header, block_hash, _, _ = block(*numbers)
        leaves = tuple(transaction(number).signed.witness_leaf for number in leaves_of)
        desk.contents.check(header, block_hash, leaves, 0)
        assert desk.answers == [(block_hash, False)]
        assert desk.contents.get(block_hash) is None and desk.mempool.unplaced == 2


def test_a_transaction_that_expired_before_the_blocks_time_makes_it_invalid() -> None:
    desk = Desk(1)
    header, block_hash, leaves, _ = block(1, time_ms=NOW + 10_000_000)
    desk.contents.check(header, block_hash, leaves, 0)
    assert desk.answers == [(block_hash, False)]


def test_a_condemned_leaf_condemns_every_block_that_waits_for_it() -> None:
    desk = Desk()
    one, two, other = block(1, 2), block(2, height=2), block(3)
    for header, block_hash, leaves, _ in (one, two, other):
        desk.contents.check(header, block_hash, leaves, 0)
    desk.contents.condemn(transaction(2).signed.witness_leaf)
    assert desk.answers == [(one[1], False), (two[1], False)]
    assert desk.contents.awaited(other[1]) is not None


def test_ids_of_unexecuted_ancestors_are_known_through_awaited_blocks_too() -> None:
    desk = Desk(1, 2, 3)
    first = block(1)
    second = block(2, 9, height=2, parent=first[1])  # 9 is still missing
    third = block(3, height=3, parent=second[1])
    for header, block_hash, leaves, _ in (first, second, third):
        desk.contents.check(header, block_hash, leaves, 0)
    assert desk.contents.ids_above(third[1], 0) == {transaction(n).id for n in (1, 2, 3)}
    assert desk.contents.ids_above(third[1], 1) == {transaction(n).id for n in (2, 3)}
    assert desk.contents.ids_above(third[1], 3) == set()
    assert desk.contents.ids_above(b"\x09" * 32, 0) == set()


def test_pruning_gives_back_what_an_abandoned_block_held() -> None:
    desk = Desk(1, 2)
    kept, abandoned = block(1), block(2, time_ms=NOW + 1)
    for header, block_hash, leaves, _ in (kept, abandoned):
        desk.contents.check(header, block_hash, leaves, 0)
    assert desk.mempool.unplaced == 0
    desk.mempool.remove([transaction(1).id])
    desk.contents.prune(1)
    assert desk.mempool.unplaced == 1
    assert desk.contents.get(kept[1]) is None and desk.contents.get(abandoned[1]) is None


def test_our_own_block_is_claimed_by_its_header_and_an_empty_block_is_always_at_hand() -> None:
    desk = Desk(1)
    header, block_hash, _, transactions = block(1)
    desk.contents.keep_built(header.view, header.parent_hash, transactions)
    desk.contents.claim_built(header, block_hash)
    assert desk.contents.transactions_of(header, block_hash) == tuple(transactions)
    empty, empty_hash, _, _ = block()
    assert desk.contents.transactions_of(empty, empty_hash) == ()
    unknown, unknown_hash, _, _ = block(7)
    assert desk.contents.transactions_of(unknown, unknown_hash) is None
