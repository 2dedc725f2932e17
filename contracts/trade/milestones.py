"""Rules of an undisputed milestone: claim, release, refund, and what time does.

A condition that holds is latched with its evidence and an objection window opens (or it is paid at once when the window
is 0). At the end of the window the evidence is looked at again: a payment never rests on an event that was declared
erroneous meanwhile. Delivered beats refund: at the refund time a condition that holds is latched instead.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import require_use
from contracts.interface import Refusal
from contracts.trade.conditions import Outcome, evaluate
from contracts.trade.escrow_record import Escrow, load
from contracts.workspace import Workspace
from tallystick.payloads.trade import ClaimMilestone, RefundMilestone, ReleaseMilestone
from tallystick.reasons import Reason
from tallystick.records.members import KeyUse
from tallystick.records.trade import EscrowState, MilestoneState, escrow_key

RELEASE = "escrow.release"


def claim_milestone(work: Workspace, payload: ClaimMilestone) -> None:
    """Look at the condition now: latch or pay when it holds; un-latch when it no longer does.

    Raises:
        Refusal: CONDITION_NOT_MET with the numbers of the open leaves; TOO_LATE from the refund time on; WRONG_STATE
            when it is latched and still holds.
    """
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    escrow.need_party(work.organisation)
    _, progress = escrow.need_milestone(payload.milestone)
    if progress.state is MilestoneState.LATCHED:
        if not _end_window(work, escrow, payload.milestone):
            raise Refusal(Reason.WRONG_STATE, "milestone is LATCHED and its condition holds")
    else:
        escrow.step(payload.milestone, "latch")
        if work.block.time_ms >= escrow.terms.refund_after_ms:
            raise Refusal(Reason.TOO_LATE, "refund time")
        outcome = _outcome(work, escrow, payload.milestone)
        if not outcome.holds:
            raise Refusal(Reason.CONDITION_NOT_MET, f"open leaves: {', '.join(map(str, outcome.open_leaves))}")
        _latch(work, escrow, payload.milestone, outcome)
    escrow.save(work)


def release_milestone(work: Workspace, payload: ReleaseMilestone) -> None:
    """The payer pays without waiting."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    if work.organisation != escrow.terms.payer:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    terms, _ = escrow.need_milestone(payload.milestone)
    escrow.pay(work, payload.milestone, "release", to_payee=terms.amount)
    escrow.save(work)


def refund_milestone(work: Workspace, payload: RefundMilestone) -> None:
    """The payee gives the money back."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    if work.organisation != escrow.terms.payee:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    escrow.need_milestone(payload.milestone)
    escrow.pay(work, payload.milestone, "refund", to_payee=0)
    escrow.save(work)


def release_due(work: Workspace, subject: bytes) -> None:
    """Due work: end every objection window of the escrow that is over."""
    escrow = load(work, subject)
    changed = False
    for index, progress in enumerate(escrow.progress):
        if progress.state is MilestoneState.LATCHED and work.block.time_ms >= progress.deadline_ms:
            changed |= _end_window(work, escrow, index)
    if changed:
        escrow.save(work)


def refund_due(work: Workspace, subject: bytes) -> None:
    """Due work at the refund time: milestones whose condition holds are latched, the others are paid back."""
    escrow = load(work, subject)
    if escrow.state is not EscrowState.FUNDED or work.block.time_ms < escrow.terms.refund_after_ms:
        return
    changed = False
    for index, progress in enumerate(escrow.progress):
        if progress.state is MilestoneState.WAITING:
            outcome = _outcome(work, escrow, index)
            if outcome.holds:
                _latch(work, escrow, index, outcome)
            else:
                escrow.pay(work, index, "refund_after", to_payee=0)
            changed = True
    if changed:
        escrow.save(work)


def _outcome(work: Workspace, escrow: Escrow, index: int) -> Outcome:
    progress = escrow.progress[index]
    condition = escrow.terms.milestones[index].condition
    return evaluate(work, condition, approvals=progress.approvals, latched=progress.evidence)


def _latch(work: Workspace, escrow: Escrow, index: int, outcome: Outcome) -> None:
    """The condition holds: open the objection window, or pay when there is none."""
    terms = escrow.terms.milestones[index]
    escrow.progress[index] = replace(escrow.progress[index], evidence=outcome.evidence)
    if terms.objection_ms == 0:
        escrow.pay(work, index, "pay", to_payee=terms.amount)
        return
    state = escrow.step(index, "latch")
    deadline = work.block.time_ms + terms.objection_ms
    escrow.progress[index] = replace(escrow.progress[index], state=state, deadline_ms=deadline)
    work.schedule(deadline, RELEASE, escrow.key, escrow.terms.payee)


def _end_window(work: Workspace, escrow: Escrow, index: int) -> bool:
    """Look at a latched milestone again: un-latch it, or pay it when its window is over; False when neither is due."""
    outcome = _outcome(work, escrow, index)
    if not outcome.holds:
        state = escrow.step(index, "unlatch")
        escrow.progress[index] = replace(escrow.progress[index], state=state, deadline_ms=0, evidence=())
        if work.block.time_ms >= escrow.terms.refund_after_ms:
            escrow.pay(work, index, "refund_after", to_payee=0)
        return True
    if work.block.time_ms < escrow.progress[index].deadline_ms:
        return False
    escrow.pay(work, index, "window_end", to_payee=escrow.terms.milestones[index].amount)
    return True
