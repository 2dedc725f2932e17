"""What a rule sees and what it answers.

A rule is a function of state, transaction and block and of nothing else. It reads and stages writes through a
``Workspace``, knows the time only from ``BlockContext.time_ms``, and refuses by raising ``Refusal``; then nothing it
staged is kept. Any other exception is a bug of the rule: its transaction ends as RULE_FAULT with nothing written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tallystick.blocks import Executed, Header
from tallystick.encoding import ZERO32
from tallystick.payloads.membership import NewSeat
from tallystick.reasons import Reason
from tallystick.records.base import Record


class StateView(Protocol):
    """The state before a block, or with the writes of earlier transactions laid over it."""

    def get(self, key: bytes) -> Record | None:
        """The record of a key, or None when there is none."""

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """Items of due work whose time is at or before ``until_ms``, in key order (time, then serial number)."""

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        """Whether a transaction of this id was executed in an earlier block or earlier in this one."""


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What a rule knows of the block it runs in: its height and its time, milliseconds since 1970.

    Attributes:
        chain_id: 32 bytes.
        executed: the tuple of an earlier height that the block certifies, or None.
        ends_epoch: whether it is the boundary block of its epoch.
        recovered: where a recovery ended the epoch, the seats that it gives; empty otherwise.
    """

    height: int
    time_ms: int
    due_work: bool = False
    chain_id: bytes = ZERO32
    executed: Executed | None = None
    ends_epoch: bool = False
    recovered: tuple[NewSeat, ...] = ()


def context_of(header: Header, recovered: tuple[NewSeat, ...] = ()) -> BlockContext:
    """What rules know of the block of this header, and of the recovery that it stands for."""
    ends = header.next_validators_hash != header.validators_hash
    due, chain_id, executed = header.due_work, header.chain_id, header.executed
    return BlockContext(header.height, header.time_ms, due, chain_id, executed, ends, recovered)


class Refusal(Exception):
    """An ordinary refusal: the reason, and what it is about (a key text, an id, a JSON pointer)."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.name, detail)
        self.reason = reason
        self.detail = detail
