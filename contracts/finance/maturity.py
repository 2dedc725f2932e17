"""What time does to a confirmed obligation: maturity, overdue, default, loss. All of it due work.

Where the debtor allowed it, its account is debited at maturity and, if it held too little, again at each later step.
"""

from __future__ import annotations

from collections.abc import Callable

from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.finance.financing import accrue
from contracts.finance.payments import distribute
from contracts.finance.stored import Obligation, load_deal, load_obligation
from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.limits import LOSS_AFTER_MS
from tallystick.records.finance import DealState, ObligationMembers, SliceState, obligation_key
from tallystick.records.trade import AccountMembers, account_key

MATURE = "obligation.mature"
OVERDUE = "obligation.overdue"
DEFAULT = "obligation.default"
CLOSE = "obligation.close_loss"


def mature_due(work: Workspace, subject: bytes) -> None:
    """At the due date: debit the account where that was allowed, else wait out the days of grace."""
    _step(work, subject, "mature", _due, then=(OVERDUE, _overdue))


def overdue_due(work: Workspace, subject: bytes) -> None:
    """At the end of the days of grace: from now on later days cost interest."""
    _step(work, subject, "overdue", _overdue, then=(DEFAULT, _default))


def default_due(work: Workspace, subject: bytes) -> None:
    """At the end of the time to cure: deals with recourse turn to the owners."""
    obligation = _step(work, subject, "default", _default, then=(CLOSE, _loss))
    if obligation is None:
        return
    for slice_ in obligation.slices(work):
        if slice_.state is SliceState.PLEDGED:
            deal = load_deal(work, slice_.terms.deal)
            if deal.state is DealState.FINANCED and deal.data.terms.recourse:
                deal.state = DEAL.step(deal.state, "recourse")
                deal.save(work)


def close_due(work: Workspace, subject: bytes) -> None:
    """Long after: the claim is closed as a loss. Interest stops; late payments are still passed on."""
    obligation = _step(work, subject, "close_loss", _loss, then=None)
    if obligation is None:
        return
    for slice_ in obligation.slices(work):
        if not SLICE.allows(slice_.state, "close_loss"):
            continue
        slice_.state = SLICE.step(slice_.state, "close_loss")
        slice_.save(work)
        if slice_.terms.deal != ZERO32:
            deal = load_deal(work, slice_.terms.deal)
            accrue(deal, work.block.time_ms)
            deal.state = DEAL.step(deal.state, "close_loss")
            deal.save(work)


def _due(terms: ObligationMembers) -> int:
    return terms.due_ms


def _overdue(terms: ObligationMembers) -> int:
    return terms.due_ms + terms.grace_ms


def _default(terms: ObligationMembers) -> int:
    return _overdue(terms) + terms.cure_ms


def _loss(terms: ObligationMembers) -> int:
    return _default(terms) + LOSS_AFTER_MS


def _step(
    work: Workspace,
    subject: bytes,
    action: str,
    when: Callable[[ObligationMembers], int],
    *,
    then: tuple[str, Callable[[ObligationMembers], int]] | None,
) -> Obligation | None:
    """Take one step in time if it is due and the state allows it; returns the obligation when it took it unpaid."""
    obligation = load_obligation(work, subject[1:])
    terms = obligation.terms
    if not OBLIGATION.allows(obligation.state, action) or work.block.time_ms < when(terms):
        return None
    if terms.auto_debit and OBLIGATION.allows(obligation.state, "auto_debit"):
        account = work.members(account_key(terms.bank, terms.currency, terms.debtor), AccountMembers)
        if account is not None and account.balance >= terms.outstanding:
            value_ms = terms.due_ms if action == "mature" else work.block.time_ms
            distribute(work, obligation, terms.outstanding, action="auto_debit", value_ms=value_ms)
            return None
    obligation.state = OBLIGATION.step(obligation.state, action)
    obligation.save(work)
    if then is not None:
        rule, next_time = then
        work.schedule(next_time(terms), rule, obligation_key(obligation.identifier), terms.creditor)
    return obligation
