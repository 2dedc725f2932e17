"""Rules that open an escrow: create, fund, cancel, approve.

Money is locked as the exact total of the terms and counted per milestone; nothing ever looks at a pooled balance.
"""

from __future__ import annotations

from msgspec.structs import replace

from contracts.authority import active_organisation, require_use
from contracts.interface import Refusal
from contracts.trade.conditions import check_conditions, may_approve
from contracts.trade.escrow_record import Escrow, load
from contracts.trade.escrow_states import ENDED, ESCROW
from contracts.trade.ledger import debit, need_account
from contracts.workspace import Workspace
from tallystick.encoding import encode
from tallystick.limits import AMOUNT_MAX, ESCROW_TERM_MAX_MS, ESCROW_TERMS_SIZE_MAX
from tallystick.object_ids import object_id
from tallystick.payloads.trade import ApproveMilestone, CancelEscrow, CreateEscrow, FundEscrow
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.members import KeyUse
from tallystick.records.trade import EscrowState, EscrowTerms, MilestoneProgress, escrow_key

FUND_DEADLINE = "escrow.fund_deadline"
REFUND = "escrow.refund"


def create_escrow(work: Workspace, payload: CreateEscrow) -> None:
    """Write the terms down; from now on they cannot change."""
    require_use(work, KeyUse.TRADE)
    terms = payload.terms
    _check_terms(work, terms)
    key = escrow_key(object_id(Space.ESCROW, work.salt, work.organisation))
    if work.record(key) is not None:
        raise Refusal(Reason.ALREADY_EXISTS, key[1:9].hex())
    Escrow(key, ESCROW.start, terms, [MilestoneProgress() for _ in terms.milestones]).save(work)
    work.schedule(terms.fund_deadline_ms, FUND_DEADLINE, key, terms.payer)


def fund_escrow(work: Workspace, payload: FundEscrow) -> None:
    """Lock the total: it leaves the payer's account and belongs to nobody until a milestone ends."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    if work.organisation != escrow.terms.payer:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    escrow.state = ESCROW.step(escrow.state, "fund")
    if work.block.time_ms >= escrow.terms.fund_deadline_ms:
        raise Refusal(Reason.TOO_LATE, "fund deadline")
    debit(work, escrow.terms.bank, escrow.terms.currency, escrow.terms.payer, _total(escrow.terms))
    escrow.save(work)
    work.schedule(escrow.terms.refund_after_ms, REFUND, escrow.key, escrow.terms.payer)


def cancel_escrow(work: Workspace, payload: CancelEscrow) -> None:
    """Give up an escrow that holds no money."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    escrow.need_party(work.organisation)
    if escrow.state is not EscrowState.CREATED:
        raise Refusal(Reason.WRONG_STATE, f"escrow is {escrow.state.name}")
    escrow.state = ESCROW.step(escrow.state, "cancel")
    escrow.save(work)


def approve_milestone(work: Workspace, payload: ApproveMilestone) -> None:
    """Approve a milestone on behalf of an organisation that a leaf SignedBy names; once given it stays."""
    require_use(work, KeyUse.TRADE)
    escrow = load(work, escrow_key(payload.escrow))
    terms, progress = escrow.need_milestone(payload.milestone)
    if not may_approve(terms.condition, work.organisation):
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, work.organisation)
    if progress.state in ENDED or work.organisation in progress.approvals:
        raise Refusal(Reason.WRONG_STATE, f"milestone is {progress.state.name}")
    approvals = tuple(sorted((*progress.approvals, work.organisation)))
    escrow.progress[payload.milestone] = replace(progress, approvals=approvals)
    escrow.save(work)


def fund_deadline(work: Workspace, subject: bytes) -> None:
    """Due work: an escrow that was not funded in time is cancelled."""
    escrow = load(work, subject)
    if ESCROW.allows(escrow.state, "fund_deadline") and work.block.time_ms >= escrow.terms.fund_deadline_ms:
        escrow.state = ESCROW.step(escrow.state, "fund_deadline")
        escrow.save(work)


def _total(terms: EscrowTerms) -> int:
    return sum(milestone.amount for milestone in terms.milestones)


def _check_terms(work: Workspace, terms: EscrowTerms) -> None:
    """Refuse terms that are not well formed, or under which a payment could later fail."""
    if terms.payer != work.organisation:
        raise Refusal(Reason.NOT_A_PARTY_TO_THE_DEAL, "payer")
    if terms.payee == terms.payer or terms.arbitrator in (terms.payer, terms.payee):
        raise Refusal(Reason.SAME_ORGANISATION, "payer, payee and arbitrator")
    active_organisation(work, terms.payee)
    if "arbitrator" not in active_organisation(work, terms.arbitrator).roles:
        raise Refusal(Reason.ROLE_MISSING, "arbitrator")
    need_account(work, terms.bank, terms.currency, terms.payer)
    need_account(work, terms.bank, terms.currency, terms.payee)
    now = work.block.time_ms
    if not now < terms.fund_deadline_ms < terms.refund_after_ms <= now + ESCROW_TERM_MAX_MS:
        raise Refusal(Reason.TERMS_INVALID, "now < fund deadline < refund time")
    if terms.dispute_ms == 0:
        raise Refusal(Reason.TERMS_INVALID, "an arbitrator needs time")
    if _total(terms) > AMOUNT_MAX:
        raise Refusal(Reason.TERMS_INVALID, "total")
    if len(encode(terms)) > ESCROW_TERMS_SIZE_MAX:
        raise Refusal(Reason.TERMS_INVALID, f"terms longer than {ESCROW_TERMS_SIZE_MAX} bytes")
    check_conditions(work, tuple(milestone.condition for milestone in terms.milestones))
