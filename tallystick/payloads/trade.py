"""Payloads of trade documents, accounts and escrow. Signed with a key of use TRADE; amounts in minor units.

Ids of 32 bytes come from ``tallystick.object_ids``. Specification: docs/spec/payloads.md and docs/spec/trade.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.conditions import DocumentType
from tallystick.encoding import Amount, Bytes32, Currency, Message, Name, PositiveAmount
from tallystick.limits import DOCUMENT_REFERENCES_MAX, ESCROW_MILESTONES_MAX
from tallystick.records.trade import DocumentReference, EscrowTerms

MilestoneIndex = Annotated[int, msgspec.Meta(ge=0, lt=ESCROW_MILESTONES_MAX)]


class OpenAccount(Message, frozen=True, tag=40):
    """Open an account for an organisation. Signed by the bank, which may issue the currency."""

    owner: Name
    currency: Currency


class IssueDeposit(Message, frozen=True, tag=41):
    """Credit an account with money that the bank received outside the ledger. Signed by the bank.

    Attributes:
        payment_id: 32 bytes chosen by the bank; each works once.
    """

    owner: Name
    currency: Currency
    amount: PositiveAmount
    payment_id: Bytes32


class RedeemDeposit(Message, frozen=True, tag=42):
    """Take money off the ledger; the bank pays it out elsewhere. Signed by the account's owner."""

    bank: Name
    currency: Currency
    amount: PositiveAmount
    payment_id: Bytes32


class Transfer(Message, frozen=True, tag=43):
    """Pay to another account at the same bank. Signed by the payer."""

    bank: Name
    currency: Currency
    payee: Name
    amount: PositiveAmount
    payment_id: Bytes32


class RecordDocument(Message, frozen=True, tag=44):
    """Record that a document exists, by its salted commitment. Signed by its issuer.

    Attributes:
        commitment: ``tallystick.documents.document_commitment``.
        counterparty: to whom it is addressed.
        references: documents between the same two organisations, recorded before.
    """

    document_type: DocumentType
    commitment: Bytes32
    counterparty: Name
    references: Annotated[tuple[DocumentReference, ...], msgspec.Meta(max_length=DOCUMENT_REFERENCES_MAX)]


class CreateEscrow(Message, frozen=True, tag=50):
    """Propose an escrow; its id is ``object_id(Space.ESCROW, salt, payer)``. Signed by the payer."""

    terms: EscrowTerms


class FundEscrow(Message, frozen=True, tag=51):
    """Lock the exact total. Signed by the payer, before the fund deadline."""

    escrow: Bytes32


class ClaimMilestone(Message, frozen=True, tag=52):
    """Have the condition evaluated: latch it when it holds, un-latch it when it no longer does. Signed by a party."""

    escrow: Bytes32
    milestone: MilestoneIndex


class ApproveMilestone(Message, frozen=True, tag=53):
    """Approve, for a leaf SignedBy. Signed by the organisation that the leaf names."""

    escrow: Bytes32
    milestone: MilestoneIndex


class ReleaseMilestone(Message, frozen=True, tag=54):
    """Pay the payee whatever the condition says. Signed by the payer, before any dispute."""

    escrow: Bytes32
    milestone: MilestoneIndex


class RefundMilestone(Message, frozen=True, tag=55):
    """Give the money back. Signed by the payee, before any dispute."""

    escrow: Bytes32
    milestone: MilestoneIndex


class DisputeMilestone(Message, frozen=True, tag=56):
    """Stop the clock of one milestone and call the arbitrator. Signed by payer or payee."""

    escrow: Bytes32
    milestone: MilestoneIndex


class SettleDispute(Message, frozen=True, tag=57):
    """Offer a division of a disputed amount. Signed by each party in a transaction of its own; equal offers settle."""

    escrow: Bytes32
    milestone: MilestoneIndex
    to_payee: Amount


class RuleDispute(Message, frozen=True, tag=58):
    """Divide a disputed amount. Signed by the arbitrator named in the terms."""

    escrow: Bytes32
    milestone: MilestoneIndex
    to_payee: Amount


class CancelEscrow(Message, frozen=True, tag=59):
    """Give up an escrow that is not funded. Signed by payer or payee."""

    escrow: Bytes32


PAYLOADS = (
    OpenAccount,
    IssueDeposit,
    RedeemDeposit,
    Transfer,
    RecordDocument,
    CreateEscrow,
    FundEscrow,
    ClaimMilestone,
    ApproveMilestone,
    ReleaseMilestone,
    RefundMilestone,
    DisputeMilestone,
    SettleDispute,
    RuleDispute,
    CancelEscrow,
)
