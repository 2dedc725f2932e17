"""What a stopped node brings to a recovery: the highest certified block it holds, and the blocks up to there.

Read from the database and, where it is left, from the record of own statements. Nothing is signed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from consensus.chain import is_boundary
from consensus.effects import DurableRecord, HeaderRecord
from node.ledger import Ledger
from node.tables import TipRow
from tallystick.blocks import Block, Header
from tallystick.encoding import Message
from tallystick.recovery import SignedHead
from tallystick.votes import Certificate, VoteKind

HEAD_BLOCKS_MAX = 1_024  # blocks of one file: those that are final nowhere, and some below for nodes that are behind
BLOCKS_BELOW = 64  # executed blocks that go along
HEAD_FILE_SIZE_MAX = 256 * 1_048_576  # bytes


class HeadFile(Message, frozen=True):
    """A signed head, and blocks in order of height up to the one that it names, as many as the others may lack."""

    signed: SignedHead
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(max_length=HEAD_BLOCKS_MAX)]


def highest_certified(
    ledger: Ledger, tip: TipRow, records: Sequence[DurableRecord], bodies: dict[bytes, tuple[bytes, ...]]
) -> tuple[Certificate | None, tuple[Block, ...]]:
    """The highest certified block of the epoch that stands on the newest executed one, contents and all; or that one.

    A boundary block is passed over: it holds nothing, and a recovery ends the epoch in its place.

    Args:
        records, bodies: of the record of own statements; empty where it is lost.
    Returns:
        Its certificate, or None where the epoch has no certified block, and the blocks above the executed ones.
    """
    headers = {
        record.header.block_hash(): record.header
        for record in records
        if isinstance(record, HeaderRecord) and isinstance(record.header, Header) and record.header.epoch == tip.epoch
    }
    certificates = [
        record
        for record in records
        if isinstance(record, Certificate)
        and record.statement.epoch == tip.epoch
        and record.statement.kind is not VoteKind.NULLIFY
    ]
    for certificate in sorted(certificates, key=lambda one: (one.statement.view, one.statement.kind), reverse=True):
        blocks = _above(certificate.statement.block_hash, headers, bodies, tip)
        if blocks is not None:
            return certificate, blocks
    return _newest_stored(ledger, tip), ()


def executed_blocks(ledger: Ledger, tip: TipRow) -> tuple[Block, ...]:
    """The newest executed blocks, for nodes that are behind."""
    blocks: list[Block] = []
    for height in range(max(1, tip.executed.height - BLOCKS_BELOW + 1), tip.executed.height + 1):
        row = ledger.block(height)
        if row is not None and row.header is not None:
            blocks.append(Block(row.header, ledger.transactions(height)))
    return tuple(blocks)


def _above(
    block_hash: bytes, headers: dict[bytes, Header], bodies: dict[bytes, tuple[bytes, ...]], tip: TipRow
) -> tuple[Block, ...] | None:
    """The blocks from above the tip up to this one, or None where one is not here or they end elsewhere."""
    blocks: list[Block] = []
    while block_hash != tip.block_hash:
        header = headers.get(block_hash)
        if header is None or header.height <= tip.executed.height or is_boundary(header):
            return None
        body = bodies.get(block_hash, ()) if header.transaction_count else ()
        if len(body) != header.transaction_count:
            return None
        blocks.append(Block(header, body))
        block_hash = header.parent_hash
    return tuple(reversed(blocks))


def _newest_stored(ledger: Ledger, tip: TipRow) -> Certificate | None:
    """The finalisation of the newest executed block of the epoch that has one of its own."""
    for height in range(tip.executed.height, 0, -1):
        row = ledger.block(height)
        if row is None or row.header is None or row.header.epoch != tip.epoch or is_boundary(row.header):
            return None
        if row.finalisation is not None:
            return row.finalisation
    return None
