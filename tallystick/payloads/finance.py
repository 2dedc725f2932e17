"""Payloads of receivables: obligations, offers, financing, grants. Amounts in minor units.

Signed with a key of use TRADE, except ConfirmObligation. Ids of 32 bytes come from ``tallystick.object_ids``.
Specification: docs/spec/payloads.md and docs/spec/finance.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Bytes32, Currency, Message, Name, PositiveAmount, TimeMs
from tallystick.limits import GRANT_SUBJECTS_MAX, SPLIT_PARTS_MAX
from tallystick.records.finance import DealTerms, GrantField, GrantPurpose, RejectReason
from tallystick.records.trade import WindowMs


class PresentObligation(Message, frozen=True, tag=70):
    """Ask a debtor to confirm what it owes; the id is ``object_id(Space.OBLIGATION, salt, creditor)``.

    Signed by the creditor. Fields as in ``ObligationMembers``; order, despatch and receipt may be zeros.
    """

    debtor: Name
    bank: Name
    currency: Currency
    face: PositiveAmount
    due_ms: TimeMs
    grace_ms: WindowMs
    cure_ms: WindowMs
    accept_deadline_ms: TimeMs
    order: Bytes32
    despatch: Bytes32
    receipt: Bytes32
    invoice: Bytes32


class ConfirmObligation(Message, frozen=True, tag=71):
    """Promise to pay. Signed by two persons of the debtor: a key of use CONFIRM_MAKER and one of CONFIRM_CHECKER.

    Attributes:
        tag: ``tallystick.documents.invoice_tag`` under the debtor's secret; each works once for ever.
        amount: minor units, at most the face.
        auto_debit: the debtor's account may be debited at maturity.
    """

    obligation: Bytes32
    tag: Bytes32
    amount: PositiveAmount
    auto_debit: bool


class RejectObligation(Message, frozen=True, tag=72):
    """Refuse to confirm. Signed by the debtor."""

    obligation: Bytes32
    reason: RejectReason


class CancelObligation(Message, frozen=True, tag=73):
    """Take a presentation back before it is confirmed. Signed by the creditor."""

    obligation: Bytes32


class PayObligation(Message, frozen=True, tag=74):
    """Pay all or a part, to whoever is entitled. Signed by the debtor; never to a holder of the debtor's choice.

    Attributes:
        payment_id: 32 bytes chosen by the debtor; each works once.
    """

    obligation: Bytes32
    amount: PositiveAmount
    payment_id: Bytes32


class SplitSlice(Message, frozen=True, tag=80):
    """Divide a free slice; the parts sum to what is still to come. Signed by its owner."""

    slice: Bytes32
    parts: Annotated[tuple[PositiveAmount, ...], msgspec.Meta(min_length=2, max_length=SPLIT_PARTS_MAX)]


class OfferSlice(Message, frozen=True, tag=81):
    """Offer a free slice to a lender; the deal's id is ``object_id(Space.DEAL, salt, owner)``. Signed by its owner."""

    terms: DealTerms


class WithdrawOffer(Message, frozen=True, tag=82):
    """End an offer before it is accepted. Signed by the owner (withdraws) or the lender (declines)."""

    deal: Bytes32


class FinanceSlice(Message, frozen=True, tag=83):
    """Accept an offer: in one step the advance goes to the owner and the lien to the lender. Signed by the lender."""

    deal: Bytes32


class RepurchaseSlice(Message, frozen=True, tag=84):
    """Pay the lender what the debtor did not, and have the slice back. Signed by the slice's owner."""

    deal: Bytes32


class GrantAccess(Message, frozen=True, tag=90):
    """Let another organisation see; the id is ``object_id(Space.GRANT, salt, owner)``. Signed by the owner."""

    grantee: Name
    subjects: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=GRANT_SUBJECTS_MAX)]
    purpose: GrantPurpose
    fields: Annotated[tuple[GrantField, ...], msgspec.Meta(min_length=1, max_length=8)]
    not_before_ms: TimeMs
    until_ms: TimeMs
    revocable: bool


class RevokeGrant(Message, frozen=True, tag=91):
    """End a grant at once. Signed by its owner."""

    grant: Bytes32


PAYLOADS = (
    PresentObligation,
    ConfirmObligation,
    RejectObligation,
    CancelObligation,
    PayObligation,
    SplitSlice,
    OfferSlice,
    WithdrawOffer,
    FinanceSlice,
    RepurchaseSlice,
    GrantAccess,
    RevokeGrant,
)
