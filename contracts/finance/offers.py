"""Rules of a slice before it is financed: split it, offer it to one lender, end the offer."""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import active_organisation, require_use
from contracts.finance.finance_states import DEAL, SLICE
from contracts.finance.grants import check_grant
from contracts.finance.stored import Deal, Obligation, Slice, load_deal, load_obligation, load_slice
from contracts.interface import Refusal
from contracts.trade.ledger import need_account
from contracts.workspace import Workspace
from tallystick.encoding import ZERO32
from tallystick.limits import SLICES_MAX
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads.finance import OfferSlice, SplitSlice, WithdrawOffer
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.finance import (
    DealMembers,
    DealTerms,
    ObligationState,
    Pricing,
    SliceMembers,
    SliceState,
    deal_key,
    obligation_subject,
)
from tallystick.records.members import KeyUse

EXPIRE = "offer.expire"


def split_slice(work: Workspace, payload: SplitSlice) -> None:
    """Divide what is still to come; what was paid so far stays with the retired slice."""
    require_use(work, KeyUse.TRADE)
    slice_, obligation = _own_slice(work, payload.slice)
    slice_.state = SLICE.step(slice_.state, "split")
    if sum(payload.parts) != slice_.terms.outstanding:
        raise Refusal(Reason.AMOUNT_MISMATCH, "parts and slice")
    first = obligation.terms.slice_count
    if first + len(payload.parts) > SLICES_MAX:
        raise Refusal(Reason.TERMS_INVALID, f"more than {SLICES_MAX} slices")
    for index, amount in enumerate(payload.parts, start=first):
        part = SliceMembers(obligation.identifier, index, slice_.terms.index, slice_.terms.owner, amount, 0, ZERO32)
        Slice(slice_id(obligation.identifier, index), SLICE.start, part).save(work)
    slice_.terms = replace(slice_.terms, amount=slice_.terms.paid)
    slice_.save(work)
    obligation.terms = replace(obligation.terms, slice_count=first + len(payload.parts))
    obligation.save(work)


def offer_slice(work: Workspace, payload: OfferSlice) -> None:
    """Offer to one lender, who must hold a grant to look at the obligation; the slice is locked meanwhile."""
    require_use(work, KeyUse.TRADE)
    terms = payload.terms
    slice_, obligation = _own_slice(work, terms.slice)
    if slice_.state is SliceState.PLEDGED:
        raise Refusal(Reason.ALREADY_PLEDGED, terms.slice.hex()[:16])
    slice_.state = SLICE.step(slice_.state, "offer")
    _check_terms(work, terms, slice_, obligation)
    identifier = object_id(Space.DEAL, work.salt, work.organisation)
    if work.record(deal_key(identifier)) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, identifier.hex()[:16])
    deal = DealMembers(
        terms=terms,
        owner=work.organisation,
        advanced=0,
        principal=0,
        interest=0,
        received=0,
        funded_ms=0,
        days_counted=0,
    )
    Deal(identifier, DEAL.start, deal).save(work)
    slice_.set_deal(identifier)
    slice_.save(work)
    work.schedule(terms.deadline_ms, EXPIRE, deal_key(identifier), work.organisation)


def withdraw_offer(work: Workspace, payload: WithdrawOffer) -> None:
    """The owner withdraws, or the lender declines."""
    require_use(work, KeyUse.TRADE)
    deal = load_deal(work, payload.deal)
    if work.organisation not in (deal.data.owner, deal.data.terms.lender):
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    end_offer(work, deal, "withdraw" if work.organisation == deal.data.owner else "decline")


def expire_due(work: Workspace, subject: bytes) -> None:
    """Due work: nobody accepted before the deadline."""
    deal = load_deal(work, subject[1:])
    if DEAL.allows(deal.state, "expire") and work.block.time_ms >= deal.data.terms.deadline_ms:
        end_offer(work, deal, "expire")


def end_offer(work: Workspace, deal: Deal, action: str) -> None:
    """End an offer that was not accepted and unlock its slice."""
    deal.state = DEAL.step(deal.state, action)
    deal.save(work)
    slice_ = load_slice(work, deal.data.terms.slice)
    slice_.state = SLICE.step(slice_.state, "unlock")
    slice_.set_deal(ZERO32)
    slice_.save(work)


def _own_slice(work: Workspace, identifier: bytes) -> tuple[Slice, Obligation]:
    """A slice of the signing organisation and its obligation, which must be confirmed and not yet due."""
    slice_ = load_slice(work, identifier)
    if slice_.terms.owner != work.organisation:
        raise Refusal(Reason.NOT_OWNER, work.organisation)
    obligation = load_obligation(work, slice_.terms.obligation)
    if obligation.state is not ObligationState.CONFIRMED:
        raise Refusal(Reason.WRONG_STATE, f"obligation is {obligation.state.name}")
    if work.block.time_ms >= obligation.terms.due_ms:
        raise Refusal(Reason.TOO_LATE, "due date")
    return slice_, obligation


def _check_terms(work: Workspace, terms: DealTerms, slice_: Slice, obligation: Obligation) -> None:
    if terms.lender in (work.organisation, obligation.terms.debtor):
        raise Refusal(Reason.SAME_ORGANISATION, terms.lender)
    if "lender" not in active_organisation(work, terms.lender).roles:
        raise Refusal(Reason.ROLE_MISSING, "lender")
    subject = obligation_subject(obligation.identifier)
    check_grant(work, terms.grant, owner=work.organisation, grantee=terms.lender, subject=subject)
    need_account(work, obligation.terms.bank, obligation.terms.currency, terms.lender)
    if not work.block.time_ms < terms.deadline_ms <= obligation.terms.due_ms:
        raise Refusal(Reason.TERMS_INVALID, "now < offer deadline <= due date")
    if (terms.advance == 0) != (terms.pricing is Pricing.DISCOUNT):
        raise Refusal(Reason.TERMS_INVALID, "an advance, or a discount")
    if terms.advance > slice_.terms.outstanding:
        raise Refusal(Reason.AMOUNT_MISMATCH, "advance and slice")
