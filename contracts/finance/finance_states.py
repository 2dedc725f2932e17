"""The state tables of obligations, slices and deals; docs/spec/finance.md shows the same."""

from __future__ import annotations

from contracts.trade.state_table import By, StateTable, Transition
from tallystick.records.finance import DealState as D
from tallystick.records.finance import ObligationState as O
from tallystick.records.finance import SliceState as S

OBLIGATION = StateTable(
    name="obligation",
    start=O.PRESENTED,
    rows=(
        Transition(O.PRESENTED, "confirm", By.DEBTOR, O.CONFIRMED),
        Transition(O.PRESENTED, "reject", By.DEBTOR, O.REJECTED),
        Transition(O.PRESENTED, "cancel", By.CREDITOR, O.CANCELLED),
        Transition(O.PRESENTED, "accept_deadline", By.SYSTEM, O.EXPIRED),
        Transition(O.CONFIRMED, "pay", By.DEBTOR, O.CONFIRMED),
        Transition(O.CONFIRMED, "settle", By.DEBTOR, O.SETTLED),
        Transition(O.CONFIRMED, "auto_debit", By.SYSTEM, O.SETTLED),
        Transition(O.CONFIRMED, "mature", By.SYSTEM, O.MATURED),
        Transition(O.MATURED, "pay", By.DEBTOR, O.MATURED),
        Transition(O.MATURED, "settle", By.DEBTOR, O.SETTLED),
        Transition(O.MATURED, "auto_debit", By.SYSTEM, O.SETTLED),
        Transition(O.MATURED, "overdue", By.SYSTEM, O.OVERDUE),
        Transition(O.OVERDUE, "pay", By.DEBTOR, O.OVERDUE),
        Transition(O.OVERDUE, "settle", By.DEBTOR, O.SETTLED),
        Transition(O.OVERDUE, "auto_debit", By.SYSTEM, O.SETTLED),
        Transition(O.OVERDUE, "default", By.SYSTEM, O.DEFAULTED),
        Transition(O.DEFAULTED, "pay", By.DEBTOR, O.DEFAULTED),
        Transition(O.DEFAULTED, "settle", By.DEBTOR, O.SETTLED),
        Transition(O.DEFAULTED, "close_loss", By.SYSTEM, O.CLOSED_LOSS),
        Transition(O.CLOSED_LOSS, "pay", By.DEBTOR, O.CLOSED_LOSS),
        Transition(O.CLOSED_LOSS, "settle", By.DEBTOR, O.SETTLED),
    ),
    holding=frozenset((O.CONFIRMED, O.MATURED, O.OVERDUE, O.DEFAULTED)),
    paid=frozenset((O.SETTLED,)),
)

SLICE = StateTable(
    name="slice",
    start=S.FREE,
    rows=(
        Transition(S.FREE, "split", By.OWNER, S.RETIRED),
        Transition(S.FREE, "offer", By.OWNER, S.OFFERED),
        Transition(S.FREE, "redeem", By.DEBTOR, S.REDEEMED),
        Transition(S.FREE, "close_loss", By.SYSTEM, S.LOST),
        Transition(S.OFFERED, "unlock", By.SYSTEM, S.FREE),
        Transition(S.OFFERED, "finance", By.LENDER, S.PLEDGED),
        Transition(S.PLEDGED, "unlock", By.DEBTOR, S.FREE),
        Transition(S.PLEDGED, "redeem", By.DEBTOR, S.REDEEMED),
        Transition(S.PLEDGED, "close_loss", By.SYSTEM, S.LOST),
        Transition(S.LOST, "redeem", By.DEBTOR, S.REDEEMED),
    ),
    holding=frozenset((S.FREE, S.OFFERED, S.PLEDGED)),
    paid=frozenset((S.REDEEMED,)),
)

DEAL = StateTable(
    name="deal",
    start=D.OFFERED,
    rows=(
        Transition(D.OFFERED, "finance", By.LENDER, D.FINANCED),
        Transition(D.OFFERED, "withdraw", By.OWNER, D.WITHDRAWN),
        Transition(D.OFFERED, "decline", By.LENDER, D.WITHDRAWN),
        Transition(D.OFFERED, "expire", By.SYSTEM, D.EXPIRED),
        Transition(D.FINANCED, "repay", By.DEBTOR, D.REPAID),
        Transition(D.FINANCED, "recourse", By.SYSTEM, D.RECOURSE),
        Transition(D.FINANCED, "close_loss", By.SYSTEM, D.LOST),
        Transition(D.RECOURSE, "repay", By.DEBTOR, D.REPAID),
        Transition(D.RECOURSE, "repurchase", By.OWNER, D.REPURCHASED),
        Transition(D.RECOURSE, "close_loss", By.SYSTEM, D.LOST),
        Transition(D.LOST, "repay", By.DEBTOR, D.REPAID),
    ),
    holding=frozenset((D.OFFERED, D.FINANCED, D.RECOURSE)),
    paid=frozenset((D.REPAID, D.REPURCHASED)),
)
