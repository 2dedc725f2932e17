"""Answers to peers that catch up: executed blocks in order, with one certificate for all of them."""

from __future__ import annotations

from typing import NamedTuple

from node.ledger import Ledger
from node.network.messages import RANGE_BLOCKS_MAX, RANGE_HEADERS_MAX, BlockMessage, RangeMessage
from node.tables import BlockRow
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.limits import BLOCK_SIZE_MAX
from tallystick.recovery import Recovery
from tallystick.votes import Certificate


class Certified(NamedTuple):
    """What proves an executed height final.

    Attributes:
        descendants: headers behind it, child first, up to the one that is certified; all of one epoch.
        finalisation: None where a recovery stands in its place.
        closing: the closing header that the certificate names, when it names neither of those.
        recovery: what ended the epoch; then the last header is its boundary block.
    """

    descendants: tuple[Header, ...]
    finalisation: Certificate | None
    closing: ClosingHeader | None
    recovery: Recovery | None = None


def certify(ledger: Ledger, height: int, stored_height: int) -> Certified | None:
    """The nearest certificate at or above an executed height, within its epoch.

    Returns:
        None when there is none within ``RANGE_HEADERS_MAX`` headers.
    """
    descendants: list[Header] = []
    for above in range(height, min(stored_height, height + RANGE_HEADERS_MAX) + 1):
        row = ledger.block(above)
        if row is None or row.header is None:
            return None
        if above > height:
            descendants.append(row.header)
        if row.finalisation is not None:
            return Certified(tuple(descendants), row.finalisation, None)
        if row.header.next_validators_hash != row.header.validators_hash:
            proof = ledger.epoch_proof(row.header.epoch)
            if proof is not None:
                return Certified(tuple(descendants), proof.finalisation, proof.closing)
            recovery = ledger.recovery(row.header.epoch)
            return None if recovery is None else Certified(tuple(descendants), None, None, recovery)
    return None


def answer_range(ledger: Ledger, first_height: int, count: int, stored_height: int) -> RangeMessage:
    """Blocks of one epoch from ``first_height`` on: at most ``count``, and ``BLOCK_SIZE_MAX`` bytes or one block."""
    rows: list[BlockRow] = []
    blocks: list[BlockMessage] = []
    size = 0
    for height in range(first_height, min(stored_height, first_height + min(count, RANGE_BLOCKS_MAX) - 1) + 1):
        row = ledger.block(height)
        if row is None or row.header is None:
            break
        transactions = ledger.transactions(height)
        size += sum(map(len, transactions)) + 512
        if blocks and (size > BLOCK_SIZE_MAX or row.header.epoch != blocks[0].header.epoch):
            break
        rows.append(row)
        blocks.append(BlockMessage(row.header, transactions))
    while blocks:
        proof = certify(ledger, first_height + len(blocks) - 1, stored_height)
        if proof is not None and proof.recovery is not None and not any(row.finalisation is not None for row in rows):
            return _recovered_range(ledger, first_height, blocks, proof)
        if proof is not None and proof.recovery is None:
            return RangeMessage(first_height, tuple(blocks), *proof)
        last = max((index for index, row in enumerate(rows[:-1]) if row.finalisation is not None), default=-1)
        del rows[last + 1 :], blocks[last + 1 :]
    return RangeMessage(first_height, (), (), None)


def _recovered_range(ledger: Ledger, first_height: int, blocks: list[BlockMessage], proof: Certified) -> RangeMessage:
    """Blocks that a recovery alone stands behind go with it, up to its boundary block, however few were asked for."""
    rest = [BlockMessage(header, ledger.transactions(header.height)) for header in proof.descendants]
    whole = (*blocks, *rest)[:RANGE_BLOCKS_MAX]
    return RangeMessage(first_height, whole, (), None, None, proof.recovery)
