"""State machines as data: the rules take every step through these tables, and tests read the same tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Generic, TypeVar

from contracts.interface import Refusal
from tallystick.reasons import Reason

S = TypeVar("S", bound=IntEnum)


class By(Enum):
    """Who may take a step; ``SYSTEM`` is due work, a pure function of state and block time."""

    PAYER = "payer"
    PAYEE = "payee"
    PARTY = "payer or payee"
    BOTH = "payer and payee"
    ARBITRATOR = "arbitrator"
    CREDITOR = "creditor"
    DEBTOR = "debtor"
    OWNER = "owner of the slice"
    LENDER = "lender"
    SYSTEM = "time"


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """One row: in ``source``, ``action`` by ``by`` leads to ``target``."""

    source: S
    action: str
    by: By
    target: S


@dataclass(frozen=True, slots=True)
class StateTable(Generic[S]):
    """A state machine.

    Attributes:
        name: what goes through it, for refusals.
        start: the first state.
        rows: every allowed step; at most one target per state and action.
        holding: states in which money, or a claim to money, is held; each must have an exit that time alone opens.
        paid: states in which another payment would be a second one: refused as ALREADY_PAID.
    """

    name: str
    start: S
    rows: tuple[Transition[S], ...]
    holding: frozenset[S]
    paid: frozenset[S]

    def step(self, state: S, action: str) -> S:
        """The state after ``action``.

        Raises:
            Refusal: ``ALREADY_PAID`` or ``WRONG_STATE`` where the table has no such row.
        """
        for row in self.rows:
            if row.source is state and row.action == action:
                return row.target
        reason = Reason.ALREADY_PAID if state in self.paid else Reason.WRONG_STATE
        raise Refusal(reason, f"{self.name} is {state.name}")

    def allows(self, state: S, action: str) -> bool:
        """Whether the table has a row for ``action`` in ``state``."""
        return any(row.source is state and row.action == action for row in self.rows)
