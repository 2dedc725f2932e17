"""A transaction that a restarted leader orders again: it should not happen, and its place is where it was executed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from consensus.effects import HeaderRecord
from node.contents import Contents
from node.engine_room import EngineRoom
from node.mempool import Mempool
from node.queries import Queries
from node.tables import Place
from tallystick.api import TransactionState
from tallystick.blocks import Executed, Header
from tallystick.encoding import encode
from tallystick.merkle import EMPTY_ROOT
from tallystick.payloads.governance import RegisterKey
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction
from tests.world import World, public_key

HASH = b"\x02" * 32


def transaction(world: World) -> SignedTransaction:
    return world.payload(RegisterKey(public_key("new"), (KeyUse.READ,), ""), ("org:grower", "ROOT"))


def header(world: World, height: int, parent: bytes, count: int) -> Header:
    executed = Executed(0, 1, HASH, EMPTY_ROOT, HASH)
    return Header(
        protocol_version=1, chain_id=world.genesis.chain_id(), epoch=0, height=height, view=height, parent_hash=parent,
        parent_view=height - 1, proposer=0, time_ms=5, transaction_count=count, transaction_root=EMPTY_ROOT,
        due_work=False, validators_hash=HASH, next_validators_hash=HASH, executed=executed,
    )  # fmt: skip


def test_after_a_restart_what_stands_below_an_empty_block_is_not_proposed_again() -> None:
    world = World()
    signed = transaction(world)
    full = header(world, 1, world.genesis.chain_id(), 1)
    empty = header(world, 2, full.block_hash(), 0)
    records = [HeaderRecord(full, False), HeaderRecord(empty, True)]
    log = SimpleNamespace(records=records, bodies={full.block_hash(): (signed.raw,)})
    mempool = Mempool()
    contents = Contents(mempool, lambda block_hash, valid: None)
    nothing = cast(Any, None)
    EngineRoom(nothing, cast(Any, SimpleNamespace(log=log)), nothing, contents, mempool).load_bodies()
    assert contents.ids_above(empty.block_hash(), 0) == {signed.id}


def test_the_place_of_what_was_ordered_twice_is_that_of_its_execution() -> None:
    world = World()
    signed = transaction(world)
    receipts = [
        Receipt(ReceiptKind.TRANSACTION, 7, 0, signed.id, Reason.NONE, "", (), ()),
        Receipt(ReceiptKind.SYSTEM, 7, 1, bytes(32), Reason.NONE, "", (), ()),
    ]
    row = SimpleNamespace(header=msgspec.structs.replace(header(world, 7, HASH, 1)))
    ledger = SimpleNamespace(
        executed_place=lambda id_: Place(7, 0),
        receipts=lambda height: [encode(one) for one in receipts],
        block=lambda height: row,
    )
    queries = object.__new__(Queries)
    queries._ledger = cast(Any, ledger)
    queries._tracker = cast(Any, SimpleNamespace(final_place=lambda id_: Place(9, 3), proven_height=8))
    status = queries.transaction_status(signed.id)
    assert (status.height, status.index, status.state) == (7, 0, TransactionState.PROVEN)
