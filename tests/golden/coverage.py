"""What a replay met: transaction types, event types, histories, reasons, due work, steps of the state machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.trade.escrow_states import ESCROW, MILESTONE
from contracts.trade.state_table import StateTable
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Record, Space, key_hash, read_public
from tallystick.records.chain import DueItem
from tallystick.records.finance import DealPublic, ObligationPublic, SlicePublic
from tallystick.records.trade import EscrowPublic
from tests.golden.replay import Height

Step = tuple[str, str, str]
_ONE_STATE: dict[int, tuple[StateTable[Any], type[Any]]] = {
    Space.OBLIGATION: (OBLIGATION, ObligationPublic),
    Space.SLICE: (SLICE, SlicePublic),
    Space.DEAL: (DEAL, DealPublic),
}
TABLES: tuple[StateTable[Any], ...] = (ESCROW, MILESTONE, OBLIGATION, SLICE, DEAL)


def steps_of_tables() -> set[Step]:
    """Every change of state that a row of a table makes: table, from, to."""
    return {
        (table.name, row.source.name, row.target.name)
        for table in TABLES
        for row in table.rows
        if row.source is not row.target
    }


@dataclass
class Coverage:
    """Counts over the heights that were looked at.

    Attributes:
        transactions: by payload class, ``Capture`` for captures; ``effective`` counts those that took effect.
        reasons: of receipts and of single events.
        due_rules: names of the rules that worked off due work.
        steps: changes of state of escrows, milestones, obligations, slices and deals, seen from height to height.
        spaces: kinds of records that were written.
    """

    heights: int = 0
    empty_heights: int = 0
    due_work_heights: int = 0
    receipts: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)
    effective: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    event_types: Counter[str] = field(default_factory=Counter)
    event_statuses: Counter[str] = field(default_factory=Counter)
    event_reasons: Counter[str] = field(default_factory=Counter)
    history_kinds: Counter[str] = field(default_factory=Counter)
    due_rules: Counter[str] = field(default_factory=Counter)
    steps: Counter[Step] = field(default_factory=Counter)
    spaces: Counter[str] = field(default_factory=Counter)
    _due: dict[bytes, str] = field(default_factory=dict)
    _states: dict[tuple[bytes, int], tuple[str, str]] = field(default_factory=dict)

    def look_at(self, height: Height) -> None:
        """Count what one height did."""
        self.heights += 1
        self.empty_heights += not height.transactions
        self.due_work_heights += height.header.due_work
        for key, record in height.result.writes.items():
            self.spaces[Space(key[0]).name] += 1
            if record is not None:
                self._look_at_record(key, record)
        for append in height.result.histories:
            self.history_kinds[append.entry.kind.name] += 1
        for receipt in height.result.receipts:
            self.receipts[receipt.kind.name] += 1
            self.reasons[receipt.reason.name] += 1
            for outcome in receipt.events:
                self.event_statuses[outcome.status.name] += 1
                self.event_reasons[outcome.reason.name] += 1
            if receipt.kind is ReceiptKind.DUE_WORK:
                self.due_rules[self._due[receipt.subject]] += 1
            elif receipt.kind is ReceiptKind.TRANSACTION:
                transaction = height.transactions[receipt.index]
                name = "Capture" if transaction.payload is None else type(transaction.payload).__name__
                self.transactions[name] += 1
                self.effective[name] += not receipt.reason
                self.event_types.update(event.type.name for event in transaction.events)

    def _look_at_record(self, key: bytes, record: Record) -> None:
        space = key[0]
        if space == Space.DUE:
            self._due[key_hash(key)] = read_public(record, DueItem).rule
        elif space == Space.ESCROW:
            public = read_public(record, EscrowPublic)
            self._step(key, 0, ESCROW, public.state)
            for number, state in enumerate(public.milestones, 1):
                self._step(key, number, MILESTONE, state)
        elif space in _ONE_STATE:
            table, type_ = _ONE_STATE[space]
            self._step(key, 0, table, read_public(record, type_).state)

    def _step(self, key: bytes, number: int, table: StateTable[Any], state: IntEnum) -> None:
        _, before = self._states.get((key, number), ("", table.start.name))
        if before != state.name:
            self.steps[table.name, before, state.name] += 1
        self._states[key, number] = table.name, state.name


def coverage_of(heights: Iterable[Height]) -> Coverage:
    """The coverage of some heights, from the first on."""
    coverage = Coverage()
    for height in heights:
        coverage.look_at(height)
    return coverage
