"""Whether a header may be voted for, as far as its bytes, its parent's and the epoch's parameters tell.

Pure: no clock, no state, no mempool. Two honest validators never differ here. Rules V1 to V9 of the specification.
"""

from __future__ import annotations

from consensus.chain import Block
from consensus.config import EngineConfig
from tallystick.blocks import Header
from tallystick.merkle import EMPTY_ROOT


def own_fault(header: Header, config: EngineConfig, validators_hash: bytes) -> str | None:
    """What is wrong with a header by itself, or None."""
    if header.protocol_version != config.protocol_version:  # V1
        return f"protocol version {header.protocol_version}, ours is {config.protocol_version}"
    if header.chain_id != config.chain_id or header.epoch != config.epoch:  # V1
        return "another chain or epoch"
    if header.view < 1 or header.proposer != config.validators.leader_of(header.view):  # V2
        return f"validator {header.proposer} does not lead view {header.view}"
    if header.validators_hash != validators_hash or header.next_validators_hash != validators_hash:  # V3
        return "another validator set"
    if header.parent_view >= header.view:  # V4
        return "parent view not below the view"
    if (header.transaction_count == 0) != (header.transaction_root == EMPTY_ROOT):  # V7
        return "transaction root and count disagree"
    lag = header.height - header.executed.height
    if lag > config.execution_lag_max and (header.transaction_count > 0 or header.due_work):  # V8: back-pressure
        return f"{lag} heights above its executed tuple and not empty"
    return None


def child_fault(header: Header, parent: Block, *, finalisation: bool) -> str | None:
    """What is wrong with a header as a child of this parent, or None.

    Args:
        finalisation: whether the proposal brings one.
    """
    if header.parent_hash != parent.block_hash or header.parent_view != parent.view:  # V4
        return "not this parent"
    if header.height != parent.height + 1:  # V5
        return f"height {header.height} on a parent of height {parent.height}"
    if header.time_ms <= parent.time_ms:  # V6
        return "time not after the parent's"
    if header.executed == parent.executed:  # V9: the parent's tuple repeated needs no state
        return None
    if not parent.executed.height < header.executed.height <= parent.height:  # V9
        return f"executed height {header.executed.height} after the parent's {parent.executed.height}"
    if not finalisation:  # V9: a newer tuple brings a finalisation along
        return "a newer executed tuple without a finalisation"
    return None


def beyond_clocks(header: Header, parent: Block) -> bool:
    """Parent's time + 1 ms is never judged by a clock, so that one bad clock day cannot stop the chain."""
    return header.time_ms == parent.time_ms + 1
