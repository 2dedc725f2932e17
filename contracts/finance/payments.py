"""The debtor pays the obligation, never a holder: the ledger passes the money on.

A payment is divided over the slices in proportion to what is still to come (largest remainder, ties to the earlier
slice). In each slice it goes to the lien holder's interest, then its principal, and the rest to the owner.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from contracts.authority import require_use
from contracts.finance.finance_states import DEAL, OBLIGATION, SLICE
from contracts.finance.financing import accrue
from contracts.finance.offers import end_offer
from contracts.finance.stored import Deal, Obligation, Slice, load_deal, load_obligation, load_slice, release_lien
from contracts.interface import Refusal
from contracts.trade.ledger import credit, debit, use_payment_id
from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.limits import LOSS_AFTER_MS
from tallystick.money import split_largest_remainder
from tallystick.payloads.finance import PayObligation
from tallystick.reasons import Reason
from tallystick.records.finance import DealState, SliceState, deal_key
from tallystick.records.members import KeyUse

CLOSE_DEAL = "deal.close_loss"


class Shares(NamedTuple):
    """How one receipt is divided, in minor units."""

    interest: int
    principal: int
    residual: int


def waterfall(receipt: int, *, interest: int, principal: int) -> Shares:
    """Interest first, then principal, the rest to the owner."""
    to_interest = min(receipt, interest)
    to_principal = min(receipt - to_interest, principal)
    return Shares(to_interest, to_principal, receipt - to_interest - to_principal)


def pay_obligation(work: Workspace, payload: PayObligation) -> None:
    """Pay all or a part, early, at maturity or late."""
    require_use(work, KeyUse.TRADE)
    obligation = load_obligation(work, payload.obligation)
    if work.organisation != obligation.terms.debtor:
        raise Refusal(Reason.NOT_DEBTOR, work.organisation)
    OBLIGATION.step(obligation.state, "pay")
    if payload.amount > obligation.terms.outstanding:
        raise Refusal(Reason.AMOUNT_MISMATCH, "more than is owed")
    use_payment_id(work, payload.payment_id)
    whole = payload.amount == obligation.terms.outstanding
    value_ms = _value_date(obligation, work.block.time_ms)
    distribute(work, obligation, payload.amount, action="settle" if whole else "pay", value_ms=value_ms)


def distribute(work: Workspace, obligation: Obligation, amount: int, *, action: str, value_ms: int) -> None:
    """Take ``amount`` from the debtor's account and pass it on; the caller checked that it is at most what is owed.

    Args:
        action: the step of the obligation's table that this is.
        value_ms: until when lenders' interest runs.
    """
    terms = obligation.terms
    debit(work, terms.bank, terms.currency, terms.debtor, amount)
    slices = [slice_ for slice_ in obligation.slices(work) if slice_.terms.outstanding]
    shares = split_largest_remainder(amount, [slice_.terms.outstanding for slice_ in slices])
    for slice_, share in zip(slices, shares, strict=True):
        if share:
            _pay_slice(work, obligation, slice_, share, value_ms)
    obligation.state = OBLIGATION.step(obligation.state, action)
    obligation.terms = replace(terms, paid=terms.paid + amount)
    obligation.save(work)


def close_deal_due(work: Workspace, subject: bytes) -> None:
    """Due work: the owner did not make good what was left after the slice was paid."""
    deal = load_deal(work, subject[1:])
    if deal.state is DealState.RECOURSE:
        deal.state = DEAL.step(deal.state, "close_loss")
        deal.save(work)


def _value_date(obligation: Obligation, now_ms: int) -> int:
    """Until when interest runs: days of grace cost nothing, later days do."""
    due = obligation.terms.due_ms
    return due if due <= now_ms < due + obligation.terms.grace_ms else now_ms


def _pay_slice(work: Workspace, obligation: Obligation, slice_: Slice, share: int, value_ms: int) -> None:
    bank, currency = obligation.terms.bank, obligation.terms.currency
    if slice_.state is SliceState.OFFERED:
        end_offer(work, load_deal(work, slice_.terms.deal), "expire")
        slice_ = load_slice(work, slice_.identifier)
    slice_.terms = replace(slice_.terms, paid=slice_.terms.paid + share)
    residual = share
    if slice_.terms.deal != ZERO32:
        deal = load_deal(work, slice_.terms.deal)
        residual = _pay_lender(work, slice_, deal, share, value_ms)
        credit(work, bank, currency, deal.data.terms.lender, share - residual)
    if residual:
        credit(work, bank, currency, slice_.terms.owner, residual)
    if slice_.terms.outstanding == 0:
        _redeem(work, slice_)
    slice_.save(work)


def _pay_lender(work: Workspace, slice_: Slice, deal: Deal, share: int, value_ms: int) -> int:
    """Serve the deal of a pledged slice; returns what is left for the owner."""
    if deal.state is not DealState.LOST:
        accrue(deal, value_ms)
    parts = waterfall(share, interest=deal.data.interest, principal=deal.data.principal)
    deal.data = replace(
        deal.data,
        interest=deal.data.interest - parts.interest,
        principal=deal.data.principal - parts.principal,
        received=deal.data.received + parts.interest + parts.principal,
    )
    if deal.data.debt == 0:
        deal.state = DEAL.step(deal.state, "repay")
        if slice_.state is SliceState.PLEDGED:
            slice_.state = SLICE.step(slice_.state, "unlock")
        release_lien(work, slice_)
    deal.save(work)
    return parts.residual


def _redeem(work: Workspace, slice_: Slice) -> None:
    """Nothing more will come from this slice; a deal it did not cover turns to the owner, or is the lender's loss."""
    slice_.state = SLICE.step(slice_.state, "redeem")
    if slice_.terms.deal == ZERO32:
        return
    deal = load_deal(work, slice_.terms.deal)
    release_lien(work, slice_)
    if deal.state is DealState.FINANCED:
        deal.state = DEAL.step(deal.state, "recourse" if deal.data.terms.recourse else "close_loss")
        deal.save(work)
    if deal.state is DealState.RECOURSE:
        work.schedule(work.block.time_ms + LOSS_AFTER_MS, CLOSE_DEAL, deal_key(deal.identifier), deal.data.terms.lender)
