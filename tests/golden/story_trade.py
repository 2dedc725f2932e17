"""Money and papers: accounts at a bank, documents as commitments, escrows through every state and time-out."""

from __future__ import annotations

from client_sdk.event_builder import commission, declare_error, receive, ship
from tallystick.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    Condition,
    DocumentRecorded,
    DocumentType,
    InspectionPassed,
    Received,
    Shipped,
    SignedBy,
    TimeReached,
)
from tallystick.encoding import ZERO32
from tallystick.epcis import JsonObject
from tallystick.object_ids import object_id
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
from tallystick.reasons import Reason
from tallystick.records.base import Space
from tallystick.records.trade import DefaultRuling, DocumentReference, EscrowTerms, MilestoneTerms
from tests.golden.author import Author, Story
from tests.golden.founders import DAY, goods, gtin, named

BANK, BUYER, SELLER, ARBITRATOR = "org:bank", "org:retailer", "org:processor", "org:arbitrator"
OWNERS = (BUYER, SELLER, "org:lender-a", "org:lender-b", "org:grower")
APPROVERS = (SELLER, ARBITRATOR, "org:lender-a")
ORDER = named("order of the story of trade")
JARS = gtin("95212345", "6")


def accounts(author: Author) -> Story:
    """Accounts are opened, filled, used and emptied; each payment id works once."""
    for owner in OWNERS:
        author.payload(BANK, OpenAccount(owner, "CNY"))
        author.payload(BANK, IssueDeposit(owner, "CNY", 50_000_000, named("deposit", owner)))
    author.payload(BANK, OpenAccount(BUYER, "EUR"))
    yield 0
    author.payload(BANK, OpenAccount(BUYER, "EUR"), Reason.ALREADY_EXISTS)
    author.payload(BANK, OpenAccount(BUYER, "USD"), Reason.CURRENCY_MISMATCH)
    author.payload(BANK, IssueDeposit(SELLER, "EUR", 1, named("no account")), Reason.ACCOUNT_MISSING)
    author.payload(BANK, IssueDeposit(BUYER, "CNY", 1, named("deposit", BUYER)), Reason.ALREADY_PAID)
    author.payload(BANK, IssueDeposit(BUYER, "CNY", 10**15, named("too much")), Reason.AMOUNT_MISMATCH)
    author.payload(BUYER, Transfer(BANK, "CNY", BUYER, 5, named("to itself")), Reason.SAME_ORGANISATION)
    author.payload(BUYER, Transfer(BANK, "CNY", SELLER, 12_345, named("transfer")))
    author.payload(BUYER, Transfer(BANK, "EUR", SELLER, 1, named("euro")), Reason.ACCOUNT_MISSING)
    author.payload(BUYER, RedeemDeposit(BANK, "CNY", 60_000_000, named("out")), Reason.BALANCE_SHORT)
    author.payload(BUYER, RedeemDeposit(BANK, "CNY", 1_000_000, named("out")))
    yield 0
    author.payload(BUYER, Transfer(BANK, "CNY", SELLER, 12_345, named("transfer")), Reason.ALREADY_PAID)
    yield 0


def documents(author: Author) -> Story:
    """An order, what answers it, and references to what is not there."""
    order = RecordDocument(DocumentType.ORDER, ORDER, SELLER, ())
    author.payload(BUYER, order)
    author.payload(BUYER, RecordDocument(DocumentType.ORDER, named("own"), BUYER, ()), Reason.SAME_ORGANISATION)
    yield 0
    author.payload(BUYER, order, Reason.ALREADY_EXISTS)
    reference = DocumentReference(BUYER, ORDER)
    answer = RecordDocument(DocumentType.ORDER_RESPONSE, named("order response"), BUYER, (reference,))
    author.payload(SELLER, answer)
    advised = RecordDocument(DocumentType.DESPATCH_ADVICE, named("advice"), SELLER, (reference, reference))
    author.payload(BUYER, advised)
    stray = RecordDocument(DocumentType.CREDIT_NOTE, named("note"), BUYER, (DocumentReference(BUYER, ZERO32),))
    author.payload(SELLER, stray, Reason.DOCUMENT_MISSING)
    foreign = RecordDocument(DocumentType.CREDIT_NOTE, named("note"), BUYER, (reference,))
    author.payload("org:grower", foreign, Reason.NOT_A_PARTY_TO_THE_DEAL)
    yield 0


def terms(
    author: Author,
    *parts: tuple[int, Condition, int],
    refund_ms: int,
    ruling: DefaultRuling = DefaultRuling.SPLIT,
    fund_ms: int = 20_000,
    dispute_ms: int = 8_000,
) -> EscrowTerms:
    """Terms between buyer and seller; parts are (amount, condition, objection window), times from now."""
    return EscrowTerms(
        payer=BUYER,
        payee=SELLER,
        bank=BANK,
        currency="CNY",
        milestones=tuple(MilestoneTerms(*part) for part in parts),
        fund_deadline_ms=author.now + fund_ms,
        refund_after_ms=author.now + refund_ms,
        arbitrator=ARBITRATOR,
        dispute_ms=dispute_ms,
        default_ruling=ruling,
    )


def escrow_by(author: Author, agreed: EscrowTerms) -> bytes:
    """Create an escrow; its id."""
    return object_id(Space.ESCROW, author.payload(BUYER, CreateEscrow(agreed)), BUYER)


def delivery(author: Author) -> Story:
    """Paid when received and inspected: latched, un-latched by a correction, latched again, paid by time."""
    jar = f"{JARS}/21/J1"
    author.capture(SELLER, commission(goods(jar), author.at()))
    condition = AllOf(
        (
            Received((jar,), BUYER, author.now + DAY),
            AtLeast(4, (Shipped((jar,), SELLER), *map(SignedBy, APPROVERS), TimeReached(author.now + 365 * DAY))),
            AnyOf((InspectionPassed((jar,), ""), DocumentRecorded(DocumentType.INVOICE, ORDER, SELLER))),
        )
    )
    agreed = terms(author, (700_001, condition, 6_000), (1_000, TimeReached(author.now), 0), refund_ms=10 * DAY)
    escrow = escrow_by(author, agreed)
    yield 0
    author.payload(SELLER, FundEscrow(escrow), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(SELLER, ClaimMilestone(escrow, 0), Reason.WRONG_STATE)
    author.payload(BUYER, FundEscrow(ZERO32), Reason.NOT_FOUND)
    author.payload(BUYER, FundEscrow(escrow))
    yield 0
    author.payload(BUYER, FundEscrow(escrow), Reason.ALREADY_PAID)
    author.payload(SELLER, ClaimMilestone(escrow, 1))
    author.payload(SELLER, ClaimMilestone(escrow, 0), Reason.CONDITION_NOT_MET)
    author.payload("org:grower", ApproveMilestone(escrow, 0), Reason.NOT_A_PARTY_TO_THE_DEAL)
    for approver in APPROVERS:
        author.payload(approver, ApproveMilestone(escrow, 0))
    handed = {"sender": SELLER, "receiver": BUYER}
    author.capture(SELLER, ship(goods(jar), author.at(), **handed))
    yield 0
    author.payload(SELLER, ClaimMilestone(escrow, 1), Reason.ALREADY_PAID)
    author.payload(ARBITRATOR, ApproveMilestone(escrow, 0), Reason.WRONG_STATE)
    received = receive(goods(jar), author.at(), **handed)
    author.capture(BUYER, received)
    author.payload(
        SELLER, RecordDocument(DocumentType.INVOICE, named("jar"), BUYER, (DocumentReference(BUYER, ORDER),))
    )
    yield 0
    author.payload(BUYER, ClaimMilestone(escrow, 0))
    yield 0
    yield from _corrected(author, escrow, jar, received)


def _corrected(author: Author, escrow: bytes, jar: str, received: JsonObject) -> Story:
    """The receipt that the milestone latched on is declared erroneous; the jar goes back and comes again."""
    author.payload(BUYER, ClaimMilestone(escrow, 0), Reason.WRONG_STATE)
    author.capture(BUYER, declare_error(received, time_ms=author.now))
    yield 0
    author.payload(BUYER, ClaimMilestone(escrow, 0))
    yield 0
    author.payload(SELLER, ClaimMilestone(escrow, 0), Reason.CONDITION_NOT_MET)
    handed = {"sender": SELLER, "receiver": BUYER}
    author.capture(BUYER, ship(goods(jar), author.at(), sender=BUYER, receiver=SELLER))
    yield 0
    author.capture(SELLER, receive(goods(jar), author.at(), sender=BUYER, receiver=SELLER))
    yield 0
    author.capture(SELLER, ship(goods(jar), author.at(), **handed))
    yield 0
    author.capture(BUYER, receive(goods(jar), author.at(), **handed))
    yield 0
    author.payload(SELLER, ClaimMilestone(escrow, 0))
    yield from author.worked_off(author.now + 8_000)
    author.payload(BUYER, ReleaseMilestone(escrow, 0), Reason.ALREADY_PAID)
    yield 0


def endings(author: Author) -> Story:
    """Release, refund, cancellation, a fund deadline, the refund time with and without the condition."""
    never, soon = TimeReached(author.now + 400 * DAY), TimeReached(author.now + 15_000)
    parts = [(1_000 + number, never, 3_000) for number in range(2)]
    agreed = terms(author, *parts, (500, never, 0), (600, soon, 2_000), refund_ms=25_000)
    escrow = escrow_by(author, agreed)
    dropped = [escrow_by(author, terms(author, *parts, refund_ms=30_000, fund_ms=5_000)) for _ in range(2)]
    for wrong, reason in (
        (terms(author, (5, never, 0), refund_ms=20_000), Reason.TERMS_INVALID),
        (terms(author, (5, never, 0), refund_ms=30_000, dispute_ms=0), Reason.TERMS_INVALID),
        (terms(author, (5, AtLeast(2, (never,)), 0), refund_ms=30_000), Reason.TERMS_INVALID),
        (terms(author, (5, SignedBy("org:nobody"), 0), refund_ms=30_000), Reason.NOT_FOUND),
    ):
        author.payload(BUYER, CreateEscrow(wrong), reason)
    author.payload(SELLER, CreateEscrow(agreed), Reason.NOT_A_PARTY_TO_THE_DEAL)
    yield 0
    author.payload(BUYER, FundEscrow(escrow))
    author.payload(SELLER, CancelEscrow(dropped[0]))
    yield 0
    author.payload(BUYER, CancelEscrow(escrow), Reason.WRONG_STATE)
    author.payload(BUYER, FundEscrow(dropped[0]), Reason.WRONG_STATE)
    author.payload(SELLER, ReleaseMilestone(escrow, 0), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(BUYER, ReleaseMilestone(escrow, 0))
    author.payload(SELLER, RefundMilestone(escrow, 1))
    author.payload(SELLER, RefundMilestone(escrow, 7), Reason.NOT_FOUND)
    yield from author.worked_off(agreed.refund_after_ms)
    author.payload(SELLER, ClaimMilestone(escrow, 2), Reason.ALREADY_PAID)
    author.payload(BUYER, FundEscrow(dropped[1]), Reason.WRONG_STATE)
    yield from author.worked_off(author.now + 4_000)


def disputes(author: Author) -> Story:
    """A dispute ends by two equal offers, by the arbitrator, or by the ruling that the terms chose."""
    never, now = TimeReached(author.now + 400 * DAY), TimeReached(author.now)
    agreed = terms(
        author, (901, never, 0), (902, never, 0), (903, now, 30_000), (904, now, 90_000), (905, now, 90_000),
        (906, never, 0), refund_ms=120_000,
    )  # fmt: skip
    escrow = escrow_by(author, agreed)
    rulings = (DefaultRuling.REFUND, DefaultRuling.RELEASE)
    others = [escrow_by(author, terms(author, (77, never, 0), refund_ms=99_000, ruling=one)) for one in rulings]
    yield 0
    for one in (escrow, *others):
        author.payload(BUYER, FundEscrow(one))
    yield 0
    for milestone in (0, 1, 5):
        author.payload(BUYER, DisputeMilestone(escrow, milestone))
    for milestone in (2, 3, 4):
        author.payload(SELLER, ClaimMilestone(escrow, milestone))
    for other in others:
        author.payload(SELLER, DisputeMilestone(other, 0))
    yield 0
    author.payload("org:grower", DisputeMilestone(escrow, 2), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(BUYER, DisputeMilestone(escrow, 2))
    author.payload(BUYER, ReleaseMilestone(escrow, 3))
    author.payload(SELLER, RefundMilestone(escrow, 4))
    author.payload(SELLER, SettleDispute(escrow, 0, 1_000), Reason.AMOUNT_MISMATCH)
    author.payload(BUYER, SettleDispute(escrow, 0, 700))
    author.payload(SELLER, SettleDispute(escrow, 0, 800))
    author.payload(BUYER, RuleDispute(escrow, 1, 0), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(ARBITRATOR, RuleDispute(escrow, 1, 301))
    author.payload(ARBITRATOR, RuleDispute(escrow, 3, 301), Reason.ALREADY_PAID)
    yield 0
    author.payload(SELLER, SettleDispute(escrow, 0, 700))
    author.payload(SELLER, ReleaseMilestone(escrow, 5), Reason.NOT_A_PARTY_TO_THE_DEAL)
    author.payload(BUYER, ReleaseMilestone(escrow, 5), Reason.WRONG_STATE)
    yield from author.worked_off(author.now + 10_000)
    author.payload(ARBITRATOR, RuleDispute(escrow, 2, 1), Reason.ALREADY_PAID)
    yield 0
