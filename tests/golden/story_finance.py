"""Receivables from presentation to the last late payment, and the lenders' deals on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tallystick.conditions import DocumentType
from tallystick.documents import invoice_tag
from tallystick.encoding import ZERO32
from tallystick.money import DayCount
from tallystick.object_ids import object_id, slice_id
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
    SplitSlice,
)
from tallystick.payloads.trade import RecordDocument, Transfer
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.finance import DealTerms, GrantField, GrantPurpose, Pricing, RejectReason, obligation_subject
from tests.golden.author import Author, Story
from tests.golden.founders import DAY, gtin, named
from tests.golden.story_trade import BANK, BUYER, SELLER

LENDER_A, LENDER_B = "org:lender-a", "org:lender-b"
TWO_PERSONS = ("MAKER", "CHECKER")


@dataclass
class Claim:
    """A receivable of the seller against the buyer."""

    author: Author
    number: str
    due_ms: int
    obligation: bytes = ZERO32

    def invoice(self) -> None:
        """Record the invoice."""
        self.author.payload(SELLER, RecordDocument(DocumentType.INVOICE, named("invoice", self.number), BUYER, ()))

    def present(self, face: int, reason: Reason = Reason.NONE, **fields: Any) -> None:
        """Present it; answered within three days, two days of grace, three to cure."""
        given: dict[str, Any] = {
            "debtor": BUYER, "bank": BANK, "currency": "CNY", "face": face, "due_ms": self.due_ms,
            "grace_ms": 2 * DAY, "cure_ms": 3 * DAY, "accept_deadline_ms": self.author.now + 3 * DAY,
            "order": ZERO32, "despatch": ZERO32, "receipt": ZERO32, "invoice": named("invoice", self.number),
        }  # fmt: skip
        salt = self.author.payload(SELLER, PresentObligation(**{**given, **fields}), reason)
        if reason is Reason.NONE:
            self.obligation = object_id(Space.OBLIGATION, salt, SELLER)

    def confirm(
        self,
        amount: int,
        reason: Reason = Reason.NONE,
        keys: tuple[str, ...] = TWO_PERSONS,
        *,
        auto_debit: bool = False,
        who: str = BUYER,
    ) -> None:
        """Confirm it by two persons of the buyer."""
        tag = invoice_tag(named("invoice secret of the buyer"), SELLER, self.number)
        self.author.payload(who, ConfirmObligation(self.obligation, tag, amount, auto_debit), reason, keys)

    def pay(self, amount: int, name: str, reason: Reason = Reason.NONE) -> None:
        """Pay some of it."""
        self.author.payload(BUYER, PayObligation(self.obligation, amount, named(self.number, name)), reason)

    def grant(self, lender: str, *, days: int = 300, revocable: bool = True) -> bytes:
        """Let a lender see it; the grant's id."""
        payload = GrantAccess(
            lender, (obligation_subject(self.obligation), gtin("95212345", "1")), GrantPurpose.CREDIT,
            (GrantField.QUALITY, GrantField.OBLIGATION), 0, self.author.now + days * DAY, revocable,
        )  # fmt: skip
        return object_id(Space.GRANT, self.author.payload(SELLER, payload), SELLER)

    def offer(self, slice_: int, lender: str, grant: bytes, reason: Reason = Reason.NONE, **fields: Any) -> bytes:
        """Offer a slice of it; the deal's id."""
        given: dict[str, Any] = {
            "slice": slice_id(self.obligation, slice_), "lender": lender, "grant": grant, "pricing": Pricing.ADVANCE,
            "advance": 80_000, "rate_bps": 725, "day_count": DayCount.ACT_360, "recourse": True,
            "deadline_ms": self.author.now + DAY,
        }  # fmt: skip
        salt = self.author.payload(SELLER, OfferSlice(DealTerms(**{**given, **fields})), reason)
        return object_id(Space.DEAL, salt, SELLER)

    def split(self, slice_: int, *parts: int, reason: Reason = Reason.NONE) -> None:
        """Divide a slice."""
        self.author.payload(SELLER, SplitSlice(slice_id(self.obligation, slice_), parts), reason)


def finance(author: Author, deal: bytes, lender: str, reason: Reason = Reason.NONE) -> None:
    """A lender accepts."""
    author.payload(lender, FinanceSlice(deal), reason)


def claims(author: Author, *numbers: str, days: int) -> list[Claim]:
    """Several invoices, recorded."""
    made = [Claim(author, number, author.now + days * DAY) for number in numbers]
    for claim in made:
        claim.invoice()
    return made


def answers(author: Author) -> Story:
    """Presentations confirmed by two persons, rejected, taken back, left to expire; an invoice counts once."""
    good, same, refused, dropped, forgotten, late = claims(
        author, "INV-001", "inv 001", "INV-2", "INV-3", "INV-4", "INV-5", days=30
    )
    yield 0
    good.present(5, Reason.SAME_ORGANISATION, debtor=SELLER)
    good.present(5, Reason.TERMS_INVALID, accept_deadline_ms=author.now)
    good.present(5, Reason.TENOR_TOO_LONG, due_ms=author.now + 400 * DAY)
    good.present(5, Reason.DOCUMENT_MISSING, order=named("nothing"))
    good.present(5, Reason.ACCOUNT_MISSING, currency="EUR")
    for claim in (good, same, refused, dropped, forgotten, late):
        claim.present(100_000)
    yield 0
    good.confirm(100_000, Reason.TWO_PERSONS_NEEDED, ("MAKER",))
    good.confirm(100_000, Reason.TWO_PERSONS_NEEDED, ("MAKER", "SECOND"))
    good.confirm(100_000, Reason.KEY_NOT_FOR_THIS, ("CHECKER", "TRADE"))
    good.confirm(100_001, Reason.AMOUNT_MISMATCH)
    good.confirm(100_000, keys=("CHECKER", "MAKER"))
    author.payload(SELLER, RejectObligation(refused.obligation, RejectReason.PRICE), Reason.NOT_DEBTOR)
    author.payload(BUYER, RejectObligation(refused.obligation, RejectReason.PRICE))
    author.payload(BUYER, CancelObligation(dropped.obligation), Reason.NOT_OWNER)
    author.payload(SELLER, CancelObligation(dropped.obligation))
    yield 0
    same.confirm(100_000, Reason.OBLIGATION_DUPLICATE)
    refused.confirm(100_000, Reason.WRONG_STATE)
    author.payload(SELLER, PayObligation(good.obligation, 5, named("pay 5")), Reason.NOT_DEBTOR)
    good.pay(100_001, "too much", Reason.AMOUNT_MISMATCH)
    good.pay(60_000, "first")
    yield 0
    good.pay(1, "first", Reason.ALREADY_PAID)
    good.split(0, 1, 2, reason=Reason.AMOUNT_MISMATCH)
    good.split(0, 15_000, 25_000)
    yield 0
    good.split(0, 1, 2, reason=Reason.WRONG_STATE)
    good.pay(40_000, "rest")
    yield 0
    good.pay(1, "more", Reason.ALREADY_PAID)
    yield from author.worked_off(author.now + 3 * DAY)
    forgotten.confirm(5, Reason.WRONG_STATE)
    yield 0


def deadlines(author: Author) -> Story:
    """A lender and a debtor who come a moment too late, before due work has said so."""
    slow, offered = claims(author, "INV-30", "INV-31", days=20)
    yield 0
    offered.present(1_000)
    yield 0
    offered.confirm(1_000)
    grant = offered.grant(LENDER_A, days=15)
    yield 0
    while author.due_work_at(len(author.blocks) + 2):
        yield author.now + 1
    slow.present(1_000, accept_deadline_ms=author.now + 1_500)
    deal = offered.offer(0, LENDER_A, grant, advance=500, deadline_ms=author.now + 1_500)
    yield 0
    finance(author, deal, LENDER_A, Reason.OFFER_EXPIRED)
    slow.confirm(1_000, Reason.TOO_LATE)
    yield 0
    offered.pay(1_000, "all")
    yield 0


def defaults(author: Author) -> Story:
    """Debits that succeed, or fail until the debtor has money; overdue, default, recourse, loss, and late money."""
    auto, overdue, recourse, lost, split_ = claims(author, "INV-40", "INV-41", "INV-42", "INV-43", "INV-44", days=10)
    poor = Claim(author, "INV-45", author.now + 12 * DAY)
    poor.invoice()
    yield 0
    for claim in (auto, overdue, recourse, lost, split_, poor):
        claim.present(100_000)
    yield 0
    auto.confirm(100_000, auto_debit=True)
    for claim in (overdue, recourse, lost, split_):
        claim.confirm(90_000)
    poor.confirm(100_000, auto_debit=True)
    grants = {claim.number: claim.grant(LENDER_A) for claim in (overdue, recourse, lost, split_)}
    yield 0
    deals = {
        claim.number: claim.offer(0, LENDER_A, grants[claim.number], recourse=claim is not lost)
        for claim in (overdue, recourse, lost, split_)
    }
    yield 0
    for deal in deals.values():
        finance(author, deal, LENDER_A)
    yield from author.worked_off(auto.due_ms)
    recourse.offer(0, LENDER_B, ZERO32, Reason.WRONG_STATE)
    overdue.pay(10_000, "matured")
    yield from author.worked_off(auto.due_ms + 2 * DAY)
    overdue.pay(80_000, "overdue")
    yield from author.worked_off(auto.due_ms + 5 * DAY)
    author.payload(SELLER, RepurchaseSlice(deals[recourse.number]))
    split_.pay(90_000, "in default")
    yield 0
    recourse.pay(1_000, "something to the owner")
    lost.pay(1_000, "something to the lender")
    yield from author.worked_off(auto.due_ms + 186 * DAY)
    lost.pay(2_000, "late")
    yield 0
    lost.pay(87_000, "all at last")
    yield 0


def empty_pockets(author: Author) -> Story:
    """The buyer's account is empty when a debit is due, and filled again a day later."""
    (claim,) = claims(author, "INV-60", days=50)
    yield 0
    claim.present(40_000_000)
    yield 0
    claim.confirm(40_000_000, auto_debit=True)
    yield claim.due_ms - DAY
    author.payload(BUYER, Transfer(BANK, "CNY", "org:grower", 10_000_000, named("spent elsewhere")))
    yield from author.worked_off(claim.due_ms)
    author.payload("org:grower", Transfer(BANK, "CNY", BUYER, 10_000_000, named("and back")))
    yield from author.worked_off(claim.due_ms + 2 * DAY)
