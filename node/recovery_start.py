"""Beginning the next epoch from the heads of a quorum, on one stopped node. Specification: docs/spec/epochs.md, 7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.disk import Disk
from node.executor import FinalBlock
from node.recoveries import RecoveryJudge
from node.recovery_head import HeadFile
from tallystick.admission import verify_transaction
from tallystick.blocks import Block, Header, check_contents
from tallystick.errors import TallystickError
from tallystick.recovery import Recovery, recovery_of
from tallystick.transactions import decode_transaction
from tallystick.votes import Certificate


class RecoveryRefusedError(TallystickError):
    """This node cannot, or must not, begin the epoch that these heads make; says what to do instead."""


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """What would be done.

    Attributes:
        boundary: the block with which the epoch ends; its hash is what operators compare.
        blocks: certified blocks that this node has not executed yet, in order.
        absent: validators without a head; they keep their keys.
    """

    recovery: Recovery
    boundary: Header
    blocks: tuple[Block, ...]
    absent: tuple[str, ...]

    @property
    def digest(self) -> bytes:
        """The boundary block's hash: the same on every node for the same heads."""
        return self.boundary.block_hash()


def plan_recovery(chain_id: bytes, disk: Disk, files: Sequence[HeadFile]) -> RecoveryPlan:
    """Check heads against this node's own state, and find the way from its newest block to the boundary block.

    Raises:
        VerificationError: the heads make no recovery.
        RecoveryRefusedError: this node is behind them, or has executed what they leave out.
    """
    record = disk.executor.validators()
    judge = RecoveryJudge(chain_id, disk.ledger, disk.executor.state)
    recovery = recovery_of([file.signed for file in files])
    judge.check(recovery, record.validators, record.epoch)
    blocks, parent = _way(disk, files, recovery.chosen)
    boundary = judge.boundary(recovery, record.validators, parent)
    named = {seat.organisation for seat in recovery.seats}
    absent = tuple(one.organisation for one in record.validators.members if one.organisation not in named)
    return RecoveryPlan(recovery, boundary, blocks, absent)


def begin_epoch(chain_id: bytes, disk: Disk, plan: RecoveryPlan) -> None:
    """Execute and store everything in one synced batch; nothing is stored when anything fails."""
    proof = plan.recovery.chosen
    for block in plan.blocks:
        check_contents(block.header, [decode_transaction(raw, chain_id) for raw in block.transactions])
        transactions = tuple(verify_transaction(raw, chain_id) for raw in block.transactions)
        disk.executor.execute(FinalBlock(block.header, block.header.block_hash(), transactions, proof))
    disk.executor.execute(FinalBlock(plan.boundary, plan.digest, (), None, recovery=plan.recovery))
    disk.ledger.write(disk.executor.take_batch())


def _way(disk: Disk, files: Sequence[HeadFile], chosen: Certificate | None) -> tuple[tuple[Block, ...], Header | None]:
    """The blocks from our newest one up to the chosen one, and the chosen one's header; None is genesis."""
    tip = disk.executor.tip
    row = disk.ledger.block(tip.executed.height)
    own = None if row is None else row.header
    if chosen is None:
        if tip.view:
            raise RecoveryRefusedError(_left_out(tip.executed.height))
        return (), own
    here = {block.header.block_hash(): block for file in files for block in file.blocks}
    way: list[Block] = []
    cursor = chosen.statement.block_hash
    while cursor != tip.block_hash:
        block = here.get(cursor)
        if disk.ledger.height_of(cursor) is not None:
            raise RecoveryRefusedError(_left_out(tip.executed.height))
        if block is None:
            raise RecoveryRefusedError(
                f"this node's newest block, of height {tip.executed.height}, is too far below what the heads hold; let "
                "the others begin, then start this node: it takes the blocks and the recovery from them"
            )
        if block.header.height <= tip.executed.height:
            raise RecoveryRefusedError(_left_out(tip.executed.height))
        way.append(block)
        cursor = block.header.parent_hash
    way.reverse()
    return tuple(way), way[-1].header if way else own


def _left_out(height: int) -> str:
    return (
        f"this node has executed height {height}, which the heads leave out; make its own head and have it taken in, "
        "or, if it cannot be, set its data folder aside and start with an empty one: it takes the others' chain"
    )
