"""Accounts, documents and escrow. Amounts in minor units, ids of 32 bytes."""

from __future__ import annotations

from collections.abc import Sequence

from client_sdk.intents.intent import Intent
from tallystick.conditions import DocumentType
from tallystick.payloads.trade import (
    ApproveMilestone,
    CancelEscrow,
    ClaimMilestone,
    CreateEscrow,
    DisputeMilestone,
    FundEscrow,
    IssueDeposit,
    OpenAccount,
    RecordDocument,
    RedeemDeposit,
    RefundMilestone,
    ReleaseMilestone,
    RuleDispute,
    SettleDispute,
    Transfer,
)
from tallystick.records.base import Space
from tallystick.records.members import KeyUse
from tallystick.records.trade import DocumentReference, EscrowTerms

_TRADE = (KeyUse.TRADE,)


def open_account(owner: str, currency: str) -> Intent:
    """Open an account for an organisation. The bank signs."""
    return Intent(OpenAccount(owner, currency), _TRADE)


def issue_deposit(owner: str, currency: str, amount: int, payment_id: bytes) -> Intent:
    """Credit an account with money received outside the ledger. The bank signs; each payment id works once."""
    return Intent(IssueDeposit(owner, currency, amount, payment_id), _TRADE)


def redeem_deposit(bank: str, currency: str, amount: int, payment_id: bytes) -> Intent:
    """Take money off the ledger. The account's owner signs."""
    return Intent(RedeemDeposit(bank, currency, amount, payment_id), _TRADE)


def transfer(bank: str, currency: str, payee: str, amount: int, payment_id: bytes) -> Intent:
    """Pay to another account at the same bank. The payer signs."""
    return Intent(Transfer(bank, currency, payee, amount, payment_id), _TRADE)


def record_document(
    document_type: DocumentType,
    commitment: bytes,
    counterparty: str,
    references: Sequence[DocumentReference] = (),
) -> Intent:
    """Record a document by its commitment; ``papers.seal`` makes one. Its issuer signs."""
    return Intent(RecordDocument(document_type, commitment, counterparty, tuple(references)), _TRADE)


def create_escrow(terms: EscrowTerms) -> Intent:
    """Propose an escrow. The payer signs; the id comes back."""
    return Intent(CreateEscrow(terms), _TRADE, creates=Space.ESCROW)


def fund_escrow(escrow: bytes) -> Intent:
    """Lock the whole amount. The payer signs."""
    return Intent(FundEscrow(escrow), _TRADE)


def claim_milestone(escrow: bytes, milestone: int) -> Intent:
    """Have a condition evaluated. Either party signs."""
    return Intent(ClaimMilestone(escrow, milestone), _TRADE)


def approve_milestone(escrow: bytes, milestone: int) -> Intent:
    """Approve, where the condition asks for one's signature."""
    return Intent(ApproveMilestone(escrow, milestone), _TRADE)


def release_milestone(escrow: bytes, milestone: int) -> Intent:
    """Pay the payee whatever the condition says. The payer signs."""
    return Intent(ReleaseMilestone(escrow, milestone), _TRADE)


def refund_milestone(escrow: bytes, milestone: int) -> Intent:
    """Give the money back. The payee signs."""
    return Intent(RefundMilestone(escrow, milestone), _TRADE)


def dispute_milestone(escrow: bytes, milestone: int) -> Intent:
    """Call the arbitrator. Either party signs."""
    return Intent(DisputeMilestone(escrow, milestone), _TRADE)


def settle_dispute(escrow: bytes, milestone: int, to_payee: int) -> Intent:
    """Offer a division; the other party's equal offer settles it."""
    return Intent(SettleDispute(escrow, milestone, to_payee), _TRADE)


def rule_dispute(escrow: bytes, milestone: int, to_payee: int) -> Intent:
    """Divide a disputed amount. The arbitrator signs."""
    return Intent(RuleDispute(escrow, milestone, to_payee), _TRADE)


def cancel_escrow(escrow: bytes) -> Intent:
    """Give up an escrow that is not funded. Either party signs."""
    return Intent(CancelEscrow(escrow), _TRADE)
