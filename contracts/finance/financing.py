"""Rules of financing: money against the one lien in one step, interest, and the owner's recourse."""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import require_role, require_use
from contracts.finance.finance_states import DEAL, SLICE
from contracts.finance.grants import check_grant
from contracts.finance.stored import (
    Deal,
    Obligation,
    Slice,
    load_deal,
    load_obligation,
    load_slice,
    release_lien,
    take_lien,
)
from contracts.interface import Refusal
from contracts.trade.ledger import move
from contracts.workspace import Workspace
from tallystick.limits import AMOUNT_MAX
from tallystick.money import simple_interest, started_days
from tallystick.payloads.finance import FinanceSlice, RepurchaseSlice
from tallystick.reasons import Reason
from tallystick.records.finance import ObligationState, Pricing, SliceState, obligation_subject
from tallystick.records.members import KeyUse


def finance_slice(work: Workspace, payload: FinanceSlice) -> None:
    """The lender accepts: the advance moves to the owner and the lien to the lender, or nothing happens at all."""
    require_use(work, KeyUse.TRADE)
    require_role(work, "lender")
    deal = load_deal(work, payload.deal)
    terms = deal.data.terms
    if work.organisation != terms.lender:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    state = DEAL.step(deal.state, "finance")
    if work.block.time_ms >= terms.deadline_ms:
        raise Refusal(Reason.OFFER_EXPIRED, payload.deal.hex()[:16])
    slice_ = load_slice(work, terms.slice)
    obligation = load_obligation(work, slice_.terms.obligation)
    if obligation.state is not ObligationState.CONFIRMED:
        raise Refusal(Reason.WRONG_STATE, f"obligation is {obligation.state.name}")
    subject = obligation_subject(obligation.identifier)
    check_grant(work, terms.grant, owner=deal.data.owner, grantee=terms.lender, subject=subject)
    take_lien(work, slice_, holder=terms.lender, deal=payload.deal)
    slice_.state = SLICE.step(slice_.state, "finance")
    deal.state = state
    _fund(work, deal, slice_, obligation)
    slice_.save(work)
    deal.save(work)


def repurchase_slice(work: Workspace, payload: RepurchaseSlice) -> None:
    """The owner pays what the debtor did not, by its recourse, and has the slice back without a lien."""
    require_use(work, KeyUse.TRADE)
    deal = load_deal(work, payload.deal)
    if work.organisation != deal.data.owner:
        raise Refusal(Reason.NOT_OWNER, work.organisation)
    deal.state = DEAL.step(deal.state, "repurchase")
    slice_ = load_slice(work, deal.data.terms.slice)
    terms = load_obligation(work, slice_.terms.obligation).terms
    accrue(deal, work.block.time_ms)
    debt = deal.data.debt
    move(work, terms.bank, terms.currency, payer=deal.data.owner, payee=deal.data.terms.lender, amount=debt)
    deal.data = replace(deal.data, principal=0, interest=0, received=deal.data.received + debt)
    deal.save(work)
    if slice_.state is SliceState.PLEDGED:
        slice_.state = SLICE.step(slice_.state, "unlock")
        release_lien(work, slice_)
        slice_.save(work)


def accrue(deal: Deal, value_ms: int) -> None:
    """Bring interest up to a value date: days since funding that were not counted yet, on the present principal.

    A discount was taken in advance and accrues nothing. A debt grows to ``AMOUNT_MAX`` at most, so it always fits.
    """
    data = deal.data
    if data.terms.pricing is Pricing.DISCOUNT:
        return
    days = max(started_days(data.funded_ms, value_ms), data.days_counted)
    interest = simple_interest(
        data.principal,
        rate_bps=data.terms.rate_bps,
        days=days - data.days_counted,
        day_count=data.terms.day_count,
    )
    interest = min(interest, AMOUNT_MAX - data.debt)
    deal.data = replace(data, interest=data.interest + interest, days_counted=days)


def _fund(work: Workspace, deal: Deal, slice_: Slice, obligation: Obligation) -> None:
    """Pay the advance out; what the lender will get at maturity must be covered by the slice."""
    terms, now = deal.data.terms, work.block.time_ms
    outstanding = slice_.terms.outstanding
    advance = terms.pricing is Pricing.ADVANCE
    interest = simple_interest(
        terms.advance if advance else outstanding,
        rate_bps=terms.rate_bps,
        days=started_days(now, obligation.terms.due_ms),
        day_count=terms.day_count,
    )
    principal = terms.advance if advance else outstanding - interest
    if principal <= 0 or principal + interest > outstanding:
        raise Refusal(Reason.AMOUNT_MISMATCH, "the slice does not cover advance and interest")
    bank, currency = obligation.terms.bank, obligation.terms.currency
    move(work, bank, currency, payer=terms.lender, payee=deal.data.owner, amount=principal)
    deal.data = replace(
        deal.data,
        advanced=principal,
        principal=principal,
        interest=0 if advance else interest,
        funded_ms=now,
    )
