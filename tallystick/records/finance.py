"""Records of receivables: obligations, their slices, liens, deals with lenders, and grants of access.

Amounts, parties and terms stand in members' halves; a public half says a state and nothing else. There is exactly one
lien key per slice and one tag key per debtor and invoice number, so that a proof of absence (or of the one record that
is there) answers *does anybody else hold this?* Specification: docs/spec/finance.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tallystick.encoding import Amount, Bytes32, Currency, Message, Name, Natural, PositiveAmount, TimeMs
from tallystick.limits import GRANT_SUBJECTS_MAX, RATE_BPS_MAX, SLICES_MAX
from tallystick.money import DayCount
from tallystick.reasons import Reason
from tallystick.records.base import Space, hash_key
from tallystick.records.trade import WindowMs

RateBps = Annotated[int, msgspec.Meta(ge=0, le=RATE_BPS_MAX)]
SliceCount = Annotated[int, msgspec.Meta(ge=0, le=SLICES_MAX)]


class ObligationState(IntEnum):
    """Where an obligation stands; docs/spec/finance.md has the table."""

    PRESENTED = 1
    CONFIRMED = 2
    REJECTED = 3
    EXPIRED = 4  # the debtor did not answer in time
    CANCELLED = 5
    MATURED = 6
    OVERDUE = 7
    DEFAULTED = 8
    SETTLED = 9
    CLOSED_LOSS = 10  # given up as a loss; late payments are still passed on


class RejectReason(IntEnum):
    """Why a debtor refuses: the families of the Peppol invoice response."""

    REFERENCES = 1
    QUANTITY = 2
    PRICE = 3
    DUPLICATE = 4
    QUALITY = 5
    OTHER = 6


class ObligationPublic(Message, frozen=True):
    """Public half of an obligation."""

    state: ObligationState


class ObligationMembers(Message, frozen=True):
    """Members' half of an obligation. Key: ``obligation_key(id)``.

    Attributes:
        bank, currency: where it is paid.
        face: minor units asked for; ``confirmed`` (0 before) is what the debtor owes; ``paid`` of it.
        due_ms: maturity; ``grace_ms`` after it the obligation is overdue, ``cure_ms`` after that in default.
        accept_deadline_ms: the debtor answers before it.
        order, despatch, receipt, invoice: commitments of the documents, or zeros.
        tag: the debtor's keyed tag of the invoice number, or zeros before confirmation.
        auto_debit: the debtor let its account be debited at maturity.
        slice_count: slices ever made; their ids are ``slice_id(id, 0 … slice_count - 1)``.
        reject_reason: 0, or a ``RejectReason``.
    """

    creditor: Name
    debtor: Name
    bank: Name
    currency: Currency
    face: PositiveAmount
    confirmed: Amount
    paid: Amount
    due_ms: TimeMs
    grace_ms: WindowMs
    cure_ms: WindowMs
    accept_deadline_ms: TimeMs
    order: Bytes32
    despatch: Bytes32
    receipt: Bytes32
    invoice: Bytes32
    tag: Bytes32
    auto_debit: bool
    slice_count: SliceCount
    reject_reason: Annotated[int, msgspec.Meta(ge=0, le=255)]

    @property
    def outstanding(self) -> int:
        """Minor units that the debtor still owes."""
        return self.confirmed - self.paid


class ObligationTag(Message, frozen=True):
    """This debtor confirmed an invoice of this number. Key: ``obligation_tag_key(debtor, tag)``. Public, for ever."""

    obligation: Bytes32
    height: Natural


class SliceState(IntEnum):
    """Where a slice of a confirmed obligation stands."""

    FREE = 1
    OFFERED = 2
    PLEDGED = 3
    RETIRED = 4  # split into others
    REDEEMED = 5  # paid
    LOST = 6  # its obligation was closed as a loss


class SlicePublic(Message, frozen=True):
    """Public half of a slice."""

    state: SliceState


class SliceMembers(Message, frozen=True):
    """Members' half of a slice. Key: ``slice_key(id)``. Amounts of an obligation's slices sum to ``confirmed``.

    Attributes:
        index: its number; ``parent`` the number of the slice it was split from, its own when from none.
        amount: minor units of the obligation that it carries; what was paid on a retired slice stays with it.
        deal: id of the deal it is offered or pledged under, or zeros.
    """

    obligation: Bytes32
    index: SliceCount
    parent: SliceCount
    owner: Name
    amount: Amount
    paid: Amount
    deal: Bytes32

    @property
    def outstanding(self) -> int:
        """Minor units still to come."""
        return self.amount - self.paid


class LienState(IntEnum):
    """Whether somebody holds the lien now."""

    HELD = 1
    RELEASED = 2


class LienPublic(Message, frozen=True):
    """Public half of the one lien of a slice; no record means that nobody ever held one. Who holds it is not public."""

    state: LienState
    height: Natural


class LienMembers(Message, frozen=True):
    """Members' half of a lien. Key: ``lien_key(slice id)``."""

    holder: Name
    deal: Bytes32


class Pricing(IntEnum):
    """How the lender earns."""

    ADVANCE = 1  # lends a part; simple interest on it until it is paid back
    DISCOUNT = 2  # pays the amount less a straight discount; then the whole amount is its own


class DealState(IntEnum):
    """Where a deal between the owner of a slice and a lender stands."""

    OFFERED = 1
    WITHDRAWN = 2
    EXPIRED = 3
    FINANCED = 4
    REPAID = 5
    RECOURSE = 6  # the debtor failed; the owner owes the rest
    REPURCHASED = 7
    LOST = 8


class DealPublic(Message, frozen=True):
    """Public half of a deal."""

    state: DealState


class DealTerms(Message, frozen=True):
    """What the owner of a slice offers to one lender; never changed.

    Attributes:
        lender: the one organisation that may accept.
        grant: id of the owner's grant to the lender that covers the obligation.
        advance: minor units paid out at once (ADVANCE); 0 for DISCOUNT, where it follows from the rate.
        rate_bps: basis points a year.
        recourse: in default the owner owes what the debtor did not pay.
        deadline_ms: the lender accepts before it.
    """

    slice: Bytes32
    lender: Name
    grant: Bytes32
    pricing: Pricing
    advance: Amount
    rate_bps: RateBps
    day_count: DayCount
    recourse: bool
    deadline_ms: TimeMs


class DealMembers(Message, frozen=True):
    """Members' half of a deal. Key: ``deal_key(id)``.

    Attributes:
        owner: organisation that offers the slice.
        advanced: minor units paid to the owner.
        principal, interest: minor units owed to the lender now; interest as accrued for ``days_counted`` days.
        received: minor units that the lender got so far.
        funded_ms: block time of financing, or 0.
    """

    terms: DealTerms
    owner: Name
    advanced: Amount
    principal: Amount
    interest: Amount
    received: Natural
    funded_ms: TimeMs
    days_counted: Natural

    @property
    def debt(self) -> int:
        """Minor units owed to the lender, as accrued so far."""
        return self.principal + self.interest


class GrantPurpose(IntEnum):
    """What a grant may be used for."""

    CREDIT = 1
    AUDIT = 2
    INSURANCE = 3
    CUSTOMS = 4


class GrantField(IntEnum):
    """What a grant opens of its subjects."""

    OBLIGATION = 1  # parties, amounts, due date, state
    DOCUMENTS = 2  # commitments of the documents
    EVENTS = 3  # members' parts of events
    QUALITY = 4  # inspections and recalls


class GrantPublic(Message, frozen=True):
    """Public half of a grant: that there is one."""

    height: Natural


class Grant(Message, frozen=True):
    """Members' half of a grant. Key: ``grant_key(id)``. Checked at every use, by block time.

    Attributes:
        subjects: ``obligation_subject(id)`` texts and item key texts, sorted.
        not_before_ms, until_ms: half-open term.
        revoked_ms: block time of revocation, or 0.
    """

    owner: Name
    grantee: Name
    subjects: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=GRANT_SUBJECTS_MAX)]
    purpose: GrantPurpose
    fields: Annotated[tuple[GrantField, ...], msgspec.Meta(min_length=1, max_length=8)]
    not_before_ms: TimeMs
    until_ms: TimeMs
    revocable: bool
    revoked_ms: TimeMs


def obligation_subject(obligation: bytes) -> str:
    """How a grant names an obligation."""
    return f"obligation:{obligation.hex()}"


def grant_verdict(grant: Grant | None, *, grantee: str, subject: str, now_ms: int) -> Reason:
    """Whether a grant lets ``grantee`` see ``subject`` at block time ``now_ms``.

    Returns:
        ``NONE`` when it does, ``GRANT_MISSING`` when there is none for this, ``GRANT_EXPIRED`` when it has ended.
    """
    if grant is None or grant.grantee != grantee or subject not in grant.subjects or now_ms < grant.not_before_ms:
        return Reason.GRANT_MISSING
    if grant.revoked_ms or now_ms >= grant.until_ms:
        return Reason.GRANT_EXPIRED
    return Reason.NONE


def grant_allows(grant: Grant | None, grantee: str, subject: str, now_ms: int) -> bool:
    """Whether a grant lets ``grantee`` see ``subject`` at block time ``now_ms``; ``grant_verdict`` says why not."""
    return grant_verdict(grant, grantee=grantee, subject=subject, now_ms=now_ms) is Reason.NONE


# --- keys -------------------------------------------------------------------------------------------------


def obligation_key(obligation: bytes) -> bytes:
    """Key of an obligation by its 32-byte id."""
    return hash_key(Space.OBLIGATION, obligation)


def obligation_tag_key(debtor: str, tag: bytes) -> bytes:
    """Key of the one obligation that a debtor may confirm under a tag; the tag first, at fixed length."""
    return hash_key(Space.OBLIGATION_TAG, tag) + debtor.encode()


def slice_key(slice_: bytes) -> bytes:
    """Key of a slice by its 32-byte id."""
    return hash_key(Space.SLICE, slice_)


def lien_key(slice_: bytes) -> bytes:
    """Key of the one lien that a slice can carry."""
    return hash_key(Space.LIEN, slice_)


def deal_key(deal: bytes) -> bytes:
    """Key of a deal by its 32-byte id."""
    return hash_key(Space.DEAL, deal)


def grant_key(grant: bytes) -> bytes:
    """Key of a grant by its 32-byte id."""
    return hash_key(Space.GRANT, grant)
