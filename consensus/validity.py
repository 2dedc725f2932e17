"""Whether a header may be voted for, as far as its bytes, its parent's and the epoch's parameters tell.

Pure: no clock, no state, no mempool. Two honest validators never differ here. Rules V1 to V9 and E1 to E3.
"""

from __future__ import annotations

from consensus.chain import Block, is_boundary
from consensus.config import EngineConfig
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.merkle import EMPTY_ROOT


def own_fault(header: Header | ClosingHeader, config: EngineConfig, validators_hash: bytes) -> str | None:
    """What is wrong with a header by itself, or None."""
    if header.chain_id != config.chain_id or header.epoch != config.epoch:  # V1
        return "another chain or epoch"
    if header.view < 1 or header.proposer != config.validators.leader_of(header.view):  # V2
        return f"validator {header.proposer} does not lead view {header.view}"
    if header.parent_view >= header.view:  # V4
        return "parent view not below the view"
    if isinstance(header, ClosingHeader):
        return None
    if header.protocol_version != config.protocol_version:  # V1
        return f"protocol version {header.protocol_version}, ours is {config.protocol_version}"
    if header.validators_hash != validators_hash:  # V3
        return "another validator set"
    empty = header.transaction_count == 0 and not header.due_work
    if is_boundary(header) and not empty:  # E1
        return "a boundary block that is not empty"
    if (header.transaction_count == 0) != (header.transaction_root == EMPTY_ROOT):  # V7
        return "transaction root and count disagree"
    lag = header.height - header.executed.height
    if lag > config.execution_lag_max and not empty:  # V8: back-pressure
        return f"{lag} heights above its executed tuple and not empty"
    return None


def child_fault(header: Header | ClosingHeader, parent: Block, *, finalisation: bool) -> str | None:
    """What is wrong with a header as a child of this parent, or None.

    Args:
        finalisation: whether the proposal brings one.
    """
    if header.parent_hash != parent.block_hash or header.parent_view != parent.view:  # V4
        return "not this parent"
    if isinstance(header, ClosingHeader):  # E2
        return None if header.boundary_hash == parent.closes else "a closing header that does not close its parent"
    if parent.closes is not None:  # E3
        return "a block above the boundary block of its epoch"
    if header.height != parent.height + 1:  # V5
        return f"height {header.height} on a parent of height {parent.height}"
    if header.time_ms <= parent.time_ms:  # V6
        return "time not after the parent's"
    if header.executed == parent.executed:  # V9: the parent's tuple repeated needs no state; V3, E1
        return "a boundary block on its parent's tuple" if is_boundary(header) else None
    if not parent.executed.height < header.executed.height <= parent.height:  # V9
        return f"executed height {header.executed.height} after the parent's {parent.executed.height}"
    return None if finalisation else "a newer executed tuple without a finalisation"  # V9


def beyond_clocks(header: Header, parent: Block) -> bool:
    """Parent's time + 1 ms is never judged by a clock, so that one bad clock day cannot stop the chain."""
    return header.time_ms == parent.time_ms + 1
