"""The state tables of escrow and of its milestones; docs/spec/trade.md shows the same."""

from __future__ import annotations

from contracts.trade.state_table import By, StateTable, Transition
from tallystick.records.trade import EscrowState as E
from tallystick.records.trade import MilestoneState as M

ESCROW = StateTable(
    name="escrow",
    start=E.CREATED,
    rows=(
        Transition(E.CREATED, "fund", By.PAYER, E.FUNDED),
        Transition(E.CREATED, "cancel", By.PARTY, E.CANCELLED),
        Transition(E.CREATED, "fund_deadline", By.SYSTEM, E.CANCELLED),
        Transition(E.FUNDED, "close", By.SYSTEM, E.CLOSED),
    ),
    holding=frozenset((E.FUNDED,)),
    paid=frozenset((E.FUNDED, E.CLOSED)),
)

MILESTONE = StateTable(
    name="milestone",
    start=M.WAITING,
    rows=(
        Transition(M.WAITING, "latch", By.PARTY, M.LATCHED),
        Transition(M.WAITING, "pay", By.PARTY, M.RELEASED),
        Transition(M.WAITING, "release", By.PAYER, M.RELEASED),
        Transition(M.WAITING, "refund", By.PAYEE, M.REFUNDED),
        Transition(M.WAITING, "dispute", By.PARTY, M.DISPUTED),
        Transition(M.WAITING, "refund_after", By.SYSTEM, M.REFUNDED),
        Transition(M.LATCHED, "unlatch", By.SYSTEM, M.WAITING),
        Transition(M.LATCHED, "release", By.PAYER, M.RELEASED),
        Transition(M.LATCHED, "refund", By.PAYEE, M.REFUNDED),
        Transition(M.LATCHED, "dispute", By.PARTY, M.DISPUTED),
        Transition(M.LATCHED, "window_end", By.SYSTEM, M.RELEASED),
        Transition(M.DISPUTED, "settle", By.BOTH, M.SETTLED),
        Transition(M.DISPUTED, "rule", By.ARBITRATOR, M.SETTLED),
        Transition(M.DISPUTED, "default_ruling", By.SYSTEM, M.SETTLED),
    ),
    holding=frozenset((M.WAITING, M.LATCHED, M.DISPUTED)),
    paid=frozenset((M.RELEASED, M.REFUNDED, M.SETTLED)),
)

ENDED = frozenset((M.RELEASED, M.REFUNDED, M.SETTLED))
