"""Rules of trade and money: accounts, documents, escrow. By payload type, and due-work rules by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.trade import accounts, disputes, escrow, milestones, trade_documents
from contracts.workspace import Workspace
from tallystick.payloads import trade as payloads

RULES: dict[type[Any], Callable[[Workspace, Any], None]] = {
    payloads.OpenAccount: accounts.open_account,
    payloads.IssueDeposit: accounts.issue_deposit,
    payloads.RedeemDeposit: accounts.redeem_deposit,
    payloads.Transfer: accounts.transfer,
    payloads.RecordDocument: trade_documents.record_document,
    payloads.CreateEscrow: escrow.create_escrow,
    payloads.FundEscrow: escrow.fund_escrow,
    payloads.ClaimMilestone: milestones.claim_milestone,
    payloads.ApproveMilestone: escrow.approve_milestone,
    payloads.ReleaseMilestone: milestones.release_milestone,
    payloads.RefundMilestone: milestones.refund_milestone,
    payloads.DisputeMilestone: disputes.dispute_milestone,
    payloads.SettleDispute: disputes.settle_dispute,
    payloads.RuleDispute: disputes.rule_dispute,
    payloads.CancelEscrow: escrow.cancel_escrow,
}

DUE_RULES: dict[str, Callable[[Workspace, bytes], None]] = {
    escrow.FUND_DEADLINE: escrow.fund_deadline,
    escrow.REFUND: milestones.refund_due,
    milestones.RELEASE: milestones.release_due,
    disputes.DEFAULT_RULING: disputes.default_ruling_due,
}
