"""Rules of a disputed milestone: dispute, settle, rule, and the default ruling that time brings.

A dispute locks one milestone's amount and nothing else. It always ends: by two equal offers, by the arbitrator, or at
the arbitrator's deadline by the ruling that the terms chose at creation. An offer never stops the clock.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import require_use
from contracts.interface import Refusal
from contracts.trade.escrow_record import Escrow, load
from contracts.workspace import Workspace
from tallystick.payloads.trade import DisputeMilestone, RuleDispute, SettleDispute
from tallystick.reasons import Reason
from tallystick.records.members import KeyUse
from tallystick.records.trade import DefaultRuling, MilestoneState, SettlementOffer, escrow_key

DEFAULT_RULING = "escrow.default_ruling"


def dispute_milestone(work: Workspace, payload: DisputeMilestone) -> None:
    """Call the arbitrator: before the refund time, or while the objection window is open."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    escrow.need_party(work.organisation)
    _, progress = escrow.need_milestone(payload.milestone)
    state = escrow.step(payload.milestone, "dispute")
    latched = progress.state is MilestoneState.LATCHED
    if work.block.time_ms >= (progress.deadline_ms if latched else escrow.terms.refund_after_ms):
        raise Refusal(Reason.TOO_LATE, "objection window" if latched else "refund time")
    deadline = work.block.time_ms + escrow.terms.dispute_ms
    escrow.progress[payload.milestone] = replace(progress, state=state, deadline_ms=deadline)
    escrow.save(work)
    work.schedule(deadline, DEFAULT_RULING, escrow.key, work.organisation)


def settle_dispute(work: Workspace, payload: SettleDispute) -> None:
    """Offer a division; when the other party's offer is the same, it is carried out."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    escrow.need_party(work.organisation)
    _check_dispute(work, escrow, payload.milestone, "settle", payload.to_payee)
    progress = escrow.progress[payload.milestone]
    others = tuple(offer for offer in progress.offers if offer.by != work.organisation)
    if any(offer.to_payee == payload.to_payee for offer in others):
        escrow.pay(work, payload.milestone, "settle", to_payee=payload.to_payee)
    else:
        offers = sorted((*others, SettlementOffer(work.organisation, payload.to_payee)), key=lambda offer: offer.by)
        escrow.progress[payload.milestone] = replace(progress, offers=tuple(offers))
    escrow.save(work)


def rule_dispute(work: Workspace, payload: RuleDispute) -> None:
    """The arbitrator divides the amount, before its deadline."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    if work.organisation != escrow.terms.arbitrator:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    _check_dispute(work, escrow, payload.milestone, "rule", payload.to_payee)
    escrow.pay(work, payload.milestone, "rule", to_payee=payload.to_payee)
    escrow.save(work)


def default_ruling_due(work: Workspace, subject: bytes) -> None:
    """Due work: the arbitrator was silent, so the terms' own ruling holds."""
    escrow = load(work, subject)
    changed = False
    for index, progress in enumerate(escrow.progress):
        if progress.state is MilestoneState.DISPUTED and work.block.time_ms >= progress.deadline_ms:
            amount = escrow.terms.milestones[index].amount
            escrow.pay(work, index, "default_ruling", to_payee=_default_share(escrow.terms.default_ruling, amount))
            changed = True
    if changed:
        escrow.save(work)


def _check_dispute(work: Workspace, escrow: Escrow, index: int, action: str, to_payee: int) -> None:
    terms, progress = escrow.need_milestone(index)
    escrow.step(index, action)
    if work.block.time_ms >= progress.deadline_ms:
        raise Refusal(Reason.TOO_LATE, "dispute window")
    if to_payee > terms.amount:
        raise Refusal(Reason.AMOUNT_MISMATCH, "more than is locked")


def _default_share(ruling: DefaultRuling, amount: int) -> int:
    if ruling is DefaultRuling.RELEASE:
        return amount
    return 0 if ruling is DefaultRuling.REFUND else amount // 2
