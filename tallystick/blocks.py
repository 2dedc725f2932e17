"""Headers and blocks, and the checks that need nothing but their bytes.

A header carries the roots of an earlier block of its chain that is already final and executed (the *executed tuple*),
never its own: nothing is executed before it is final. Specification: docs/spec/blocks.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from tallystick.encoding import Hash, Message, Natural, TimeMs, encode
from tallystick.errors import DecodeError
from tallystick.hashing import TAG_BLOCK, tagged
from tallystick.limits import BLOCK_EVENTS_MAX, BLOCK_SIZE_MAX, BLOCK_TRANSACTIONS_MAX, VALIDATORS_MAX
from tallystick.merkle import leaf_hash, root_of
from tallystick.transactions import SignedTransaction, check_validity

PROTOCOL_VERSION = 1


class Executed(Message, frozen=True):
    """The state after one finalised, executed height, as a later header certifies it.

    Attributes:
        height: the executed height; 0 is genesis.
        time_ms: that block's time, milliseconds since 1970.
        state_root: root of the trie over all records.
        receipts_root: RFC 6962 root over that height's receipts.
        history_root: RFC 6962 root over the history leaves of heights 0 to ``height``.
    """

    height: Natural
    time_ms: TimeMs
    state_root: Hash
    receipts_root: Hash
    history_root: Hash


class HistoryLeaf(Message, frozen=True):
    """What the history tree holds of one executed height; its index in the tree is its height."""

    height: Natural
    block_hash: Hash
    time_ms: TimeMs
    state_root: Hash
    receipts_root: Hash
    receipt_count: Natural

    def leaf_hash(self) -> bytes:
        """Leaf hash in the history tree."""
        return leaf_hash(encode(self))


class Header(Message, frozen=True):
    """A block's header; its hash names the block.

    Attributes:
        proposer: index of the leader in the epoch's validator set.
        time_ms: milliseconds since 1970, later than the parent's.
        transaction_root: RFC 6962 root over ``SignedTransaction.witness_leaf``.
        due_work: whether due work runs when the block is executed.
    """

    protocol_version: Natural
    chain_id: Hash
    epoch: Natural
    height: Natural
    view: Natural
    parent_hash: Hash
    parent_view: Natural
    proposer: Annotated[int, msgspec.Meta(ge=0, lt=VALIDATORS_MAX)]
    time_ms: TimeMs
    transaction_count: Annotated[int, msgspec.Meta(ge=0, le=BLOCK_TRANSACTIONS_MAX)]
    transaction_root: Hash
    due_work: bool
    validators_hash: Hash
    next_validators_hash: Hash
    executed: Executed

    def block_hash(self) -> bytes:
        """The 32-byte name of the block."""
        return tagged(TAG_BLOCK, encode(self))


class Block(Message, frozen=True):
    """A header with its transactions' bytes, in order."""

    header: Header
    transactions: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)]


def transaction_root(transactions: Sequence[SignedTransaction]) -> bytes:
    """RFC 6962 root over the witness leaves of a block's transactions."""
    return root_of([transaction.witness_leaf for transaction in transactions])


def check_contents(header: Header, transactions: Sequence[SignedTransaction]) -> None:
    """Check that these transactions are exactly the block's, each id once, valid at its time, within its limits.

    Each transaction's own structure and signatures are checked when it is admitted, not here.

    Raises:
        DecodeError: ``block.count``, ``block.repeated``, ``block.too-large``, ``block.root`` or what
            ``check_validity`` raises.
    """
    if len(transactions) != header.transaction_count:
        raise DecodeError("block.count", f"{len(transactions)} transactions, header says {header.transaction_count}")
    if len({transaction.id for transaction in transactions}) != len(transactions):
        raise DecodeError("block.repeated", "one transaction id twice in a block")
    if sum(transaction.head.event_count for transaction in transactions) > BLOCK_EVENTS_MAX:
        raise DecodeError("block.too-large", f"more than {BLOCK_EVENTS_MAX} events")
    if sum(transaction.size for transaction in transactions) > BLOCK_SIZE_MAX:
        raise DecodeError("block.too-large", f"more than {BLOCK_SIZE_MAX} bytes")
    for transaction in transactions:
        check_validity(transaction.head, header.time_ms)
    if transaction_root(transactions) != header.transaction_root:
        raise DecodeError("block.root", "transactions do not give the header's transaction root")
