"""What lenders do: offers that end in every way, one lien for two, advances, discounts, claims that fall short."""

from __future__ import annotations

from typing import Any

from tallystick.money import DayCount
from tallystick.object_ids import slice_id
from tallystick.payloads.finance import RepurchaseSlice, RevokeGrant, SplitSlice, WithdrawOffer
from tallystick.reasons import Reason
from tallystick.records.finance import Pricing
from tests.golden.author import Author, Story
from tests.golden.founders import DAY
from tests.golden.story_finance import LENDER_A, LENDER_B, Claim, claims, finance
from tests.golden.story_trade import BUYER, SELLER


def offers(author: Author) -> Story:
    """Offers withdrawn, declined, expired, ended by a payment; two lenders, one lien; interest to the cent."""
    (claim,) = claims(author, "INV-20", days=60)
    yield 0
    claim.present(400_003)
    yield 0
    claim.confirm(400_003)
    grant_a, grant_b = claim.grant(LENDER_A), claim.grant(LENDER_B)
    brief, revoked = claim.grant(LENDER_A, days=1), claim.grant(LENDER_B)
    firm = claim.grant(LENDER_B, revocable=False)
    yield 0
    author.payload(LENDER_B, RevokeGrant(revoked), Reason.NOT_OWNER)
    author.payload(SELLER, RevokeGrant(firm), Reason.WRONG_STATE)
    author.payload(SELLER, RevokeGrant(revoked))
    claim.split(0, 100_000, 100_000, 100_000, 100_003)
    yield 0
    _refused_offers(author, claim, grant_a, revoked)
    withdrawn = claim.offer(1, LENDER_A, grant_a)
    declined = claim.offer(2, LENDER_B, grant_b)
    expiring = claim.offer(3, LENDER_A, brief)
    yield 0
    finance(author, withdrawn, LENDER_B, Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(BUYER, WithdrawOffer(withdrawn), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(SELLER, WithdrawOffer(withdrawn))
    author.payload(LENDER_B, WithdrawOffer(declined))
    yield 0
    finance(author, withdrawn, LENDER_A, Reason.WRONG_STATE)
    yield from _deals(author, claim, expiring, grant_a, grant_b)


def _refused_offers(author: Author, claim: Claim, grant_a: bytes, revoked: bytes) -> None:
    author.payload(SELLER, RevokeGrant(revoked), Reason.WRONG_STATE)
    claim.offer(1, LENDER_B, revoked, Reason.GRANT_EXPIRED)
    claim.offer(1, LENDER_B, grant_a, Reason.GRANT_MISSING)
    claim.offer(1, "org:grower", grant_a, Reason.ROLE_MISSING)
    claim.offer(1, BUYER, grant_a, Reason.SAME_ORGANISATION)
    claim.offer(1, LENDER_A, grant_a, Reason.AMOUNT_MISMATCH, advance=100_001)
    claim.offer(1, LENDER_A, grant_a, Reason.TERMS_INVALID, advance=0)
    author.payload(LENDER_A, SplitSlice(slice_id(claim.obligation, 1), (1, 2)), Reason.NOT_OWNER)


def _deals(author: Author, claim: Claim, expiring: bytes, grant_a: bytes, grant_b: bytes) -> Story:
    deal = claim.offer(1, LENDER_A, grant_a)
    costly = claim.offer(2, LENDER_B, grant_b, advance=100_000, rate_bps=9_999)
    yield 0
    finance(author, costly, LENDER_B, Reason.AMOUNT_MISMATCH)
    finance(author, deal, LENDER_A)
    yield 0
    claim.offer(1, LENDER_B, grant_b, Reason.ALREADY_PLEDGED)
    author.payload(SELLER, RepurchaseSlice(deal), Reason.WRONG_STATE)
    author.payload(LENDER_A, RepurchaseSlice(deal), Reason.NOT_OWNER)
    author.payload(SELLER, WithdrawOffer(costly))
    yield author.now + DAY  # the offers of the first day have expired
    finance(author, expiring, LENDER_A, Reason.WRONG_STATE)
    discount = claim.offer(2, LENDER_B, grant_b, pricing=Pricing.DISCOUNT, advance=0, day_count=DayCount.ACT_365F)
    ended_by_payment = claim.offer(4, LENDER_B, grant_b)
    yield 0
    finance(author, discount, LENDER_B)
    yield 0
    claim.pay(100_000, "part")
    yield 0
    finance(author, ended_by_payment, LENDER_B, Reason.WRONG_STATE)
    yield claim.due_ms + DAY
    claim.pay(300_003, "in the days of grace")
    yield 0
    author.payload(SELLER, RepurchaseSlice(deal), Reason.ALREADY_PAID)
    yield 0


def short_deals(author: Author) -> Story:
    """A debtor pays in full and a deal is still not covered: recourse against the owner, or the lender's loss."""
    (claim,) = claims(author, "INV-50", days=40)
    yield 0
    claim.present(300_000)
    yield 0
    claim.confirm(300_000)
    grant = claim.grant(LENDER_A)
    claim_slices = (1, 2, 3)
    yield 0
    claim.split(0, 100_000, 100_000, 100_000)
    yield 0
    thin: dict[str, Any] = {"advance": 98_900, "rate_bps": 1_000}
    deals = [claim.offer(number, LENDER_A, grant, recourse=number != 3, **thin) for number in claim_slices]
    yield 0
    for deal in deals:
        finance(author, deal, LENDER_A)
    yield claim.due_ms + 6 * DAY
    yield claim.due_ms + 60 * DAY
    claim.pay(300_000, "much later, and without the interest")
    yield 0
    author.payload(SELLER, RepurchaseSlice(deals[0]))
    yield from author.worked_off(author.now + 181 * DAY)
