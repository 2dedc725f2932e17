"""Receivables: present, confirm, offer, finance, repay, share. Amounts in minor units, ids of 32 bytes."""

from __future__ import annotations

from collections.abc import Sequence

from client_sdk.intents.intent import Intent
from tallystick.encoding import ZERO32
from tallystick.money import DAY_MS
from tallystick.payloads.finance import (
    CancelObligation,
    ConfirmObligation,
    FinanceSlice,
    GrantAccess,
    OfferSlice,
    PayObligation,
    PresentObligation,
    RejectObligation,
    RepurchaseSlice,
    RevokeGrant,
    SplitSlice,
    WithdrawOffer,
)
from tallystick.records.base import Space
from tallystick.records.finance import DealTerms, GrantField, GrantPurpose, RejectReason
from tallystick.records.members import KeyUse

_TRADE = (KeyUse.TRADE,)
_TWO_PERSONS = (KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
GRACE_MS = 5 * DAY_MS
CURE_MS = 30 * DAY_MS


def present(
    *,
    debtor: str,
    bank: str,
    currency: str,
    face: int,
    due_ms: int,
    accept_deadline_ms: int,
    invoice: bytes,
    order: bytes = ZERO32,
    despatch: bytes = ZERO32,
    receipt: bytes = ZERO32,
    grace_ms: int = GRACE_MS,
    cure_ms: int = CURE_MS,
) -> Intent:
    """Ask a debtor to confirm what it owes. The creditor signs; the obligation's id comes back.

    Args:
        invoice, order, despatch, receipt: commitments of recorded documents; zeros for none.
        accept_deadline_ms: the debtor answers before it.
        grace_ms, cure_ms: after maturity; then in default.
    """
    payload = PresentObligation(
        debtor, bank, currency, face, due_ms, grace_ms, cure_ms, accept_deadline_ms, order, despatch, receipt, invoice
    )
    return Intent(payload, _TRADE, creates=Space.OBLIGATION)


def confirm(obligation: bytes, tag: bytes, amount: int, *, auto_debit: bool = False) -> Intent:
    """Promise to pay. Two persons of the debtor sign, maker and checker.

    Args:
        tag: ``tallystick.documents.invoice_tag`` under the debtor's invoice secret.
    """
    return Intent(ConfirmObligation(obligation, tag, amount, auto_debit), _TWO_PERSONS)


def reject(obligation: bytes, reason: RejectReason) -> Intent:
    """Refuse to confirm. The debtor signs."""
    return Intent(RejectObligation(obligation, reason), _TRADE)


def cancel(obligation: bytes) -> Intent:
    """Take a presentation back. The creditor signs."""
    return Intent(CancelObligation(obligation), _TRADE)


def pay(obligation: bytes, amount: int, payment_id: bytes) -> Intent:
    """Pay all or a part of an obligation. The debtor signs; each payment id works once."""
    return Intent(PayObligation(obligation, amount, payment_id), _TRADE)


def split(slice_: bytes, parts: Sequence[int]) -> Intent:
    """Divide a free slice. Its owner signs."""
    return Intent(SplitSlice(slice_, tuple(parts)), _TRADE)


def offer(terms: DealTerms) -> Intent:
    """Offer a free slice to a lender. Its owner signs; the deal's id comes back."""
    return Intent(OfferSlice(terms), _TRADE, creates=Space.DEAL)


def withdraw(deal: bytes) -> Intent:
    """End an offer that was not accepted. The owner withdraws, or the lender declines."""
    return Intent(WithdrawOffer(deal), _TRADE)


def finance(deal: bytes) -> Intent:
    """Accept an offer: the advance goes to the owner and the lien to the lender, who signs."""
    return Intent(FinanceSlice(deal), _TRADE)


def repurchase(deal: bytes) -> Intent:
    """Pay the lender what the debtor did not. The slice's owner signs."""
    return Intent(RepurchaseSlice(deal), _TRADE)


def grant(
    grantee: str,
    subjects: Sequence[str],
    *,
    purpose: GrantPurpose,
    fields: Sequence[GrantField],
    not_before_ms: int,
    until_ms: int,
    revocable: bool = True,
) -> Intent:
    """Let another organisation see. The owner signs; the grant's id comes back.

    Args:
        subjects: ``obligation_subject(id)`` texts and key texts of items.
    """
    payload = GrantAccess(
        grantee,
        tuple(sorted(set(subjects))),
        purpose,
        tuple(sorted(set(fields))),
        not_before_ms,
        until_ms,
        revocable,
    )
    return Intent(payload, _TRADE, creates=Space.GRANT)


def revoke_grant(grant_id: bytes) -> Intent:
    """End a grant at once. Its owner signs."""
    return Intent(RevokeGrant(grant_id), _TRADE)
