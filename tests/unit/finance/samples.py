"""One value of every payload and record of trade and finance; ``tests/vectors/finance.json`` holds their frozen bytes.

``python -m tests.unit.finance.samples`` prints the vectors anew; formats change only on purpose.
"""

from __future__ import annotations

import json
from hashlib import sha256

from tallystick.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    DocumentRecorded,
    DocumentType,
    InspectionPassed,
    Received,
    Shipped,
    SignedBy,
    TimeReached,
)
from tallystick.documents import document_commitment, invoice_tag
from tallystick.encoding import Message, encode
from tallystick.money import DayCount
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads import finance as f
from tallystick.payloads import trade as t
from tallystick.records import finance as fr
from tallystick.records import trade as tr
from tallystick.records.base import Space


def h(name: str) -> bytes:
    """32 bytes that stand for something."""
    return sha256(name.encode()).digest()


TREE = AllOf(
    (
        Received(("00/095212345678901235",), "org:retailer", 1_800_000_000_000),
        AnyOf((InspectionPassed(("01/09521234543213/10/LOT7",), ""), TimeReached(1_800_000_000_001))),
        AtLeast(
            2,
            (
                Shipped(("00/095212345678901235",), "org:processor"),
                DocumentRecorded(DocumentType.INVOICE, h("order"), "org:processor"),
                SignedBy("org:carrier"),
            ),
        ),
    )
)
TERMS = tr.EscrowTerms(
    payer="org:retailer",
    payee="org:processor",
    bank="org:bank",
    currency="CNY",
    milestones=(tr.MilestoneTerms(10_000, TREE, 3_600_000), tr.MilestoneTerms(1, TimeReached(0), 0)),
    fund_deadline_ms=1_800_000_000_000,
    refund_after_ms=1_800_086_400_000,
    arbitrator="org:arbitrator",
    dispute_ms=86_400_000,
    default_ruling=tr.DefaultRuling.SPLIT,
)
DEAL_TERMS = fr.DealTerms(
    slice=h("slice"),
    lender="org:lender-a",
    grant=h("grant"),
    pricing=fr.Pricing.ADVANCE,
    advance=6_400_000,
    rate_bps=600,
    day_count=DayCount.ACT_365F,
    recourse=True,
    deadline_ms=1_800_000_000_000,
)
REFERENCE = tr.DocumentReference("org:retailer", h("order"))
DOCUMENTS = (h("order"), h("despatch"), h("receipt"), h("invoice"))

PAYLOADS: tuple[Message, ...] = (
    t.OpenAccount("org:retailer", "CNY"),
    t.IssueDeposit("org:retailer", "CNY", 10**15, h("payment")),
    t.RedeemDeposit("org:bank", "CNY", 1, h("payment")),
    t.Transfer("org:bank", "CNY", "org:processor", 1_500_000, h("payment")),
    t.RecordDocument(DocumentType.DESPATCH_ADVICE, h("despatch"), "org:retailer", (REFERENCE,)),
    t.CreateEscrow(TERMS),
    t.FundEscrow(h("escrow")),
    t.ClaimMilestone(h("escrow"), 0),
    t.ApproveMilestone(h("escrow"), 7),
    t.ReleaseMilestone(h("escrow"), 1),
    t.RefundMilestone(h("escrow"), 2),
    t.DisputeMilestone(h("escrow"), 3),
    t.SettleDispute(h("escrow"), 0, 6_000),
    t.RuleDispute(h("escrow"), 0, 0),
    t.CancelEscrow(h("escrow")),
    f.PresentObligation("org:retailer", "org:bank", "CNY", 8_000_000, 3, 2, 1, 1, *DOCUMENTS),
    f.ConfirmObligation(h("obligation"), h("tag"), 7_800_000, True),
    f.RejectObligation(h("obligation"), fr.RejectReason.PRICE),
    f.CancelObligation(h("obligation")),
    f.PayObligation(h("obligation"), 7_800_000, h("payment")),
    f.SplitSlice(h("slice"), (1, 2)),
    f.OfferSlice(DEAL_TERMS),
    f.WithdrawOffer(h("deal")),
    f.FinanceSlice(h("deal")),
    f.RepurchaseSlice(h("deal")),
    f.GrantAccess(
        "org:lender-a",
        (fr.obligation_subject(h("obligation")), "01/09521234543213/10/LOT7"),
        fr.GrantPurpose.CREDIT,
        (fr.GrantField.OBLIGATION, fr.GrantField.QUALITY),
        0,
        1_800_000_000_000,
        True,
    ),
    f.RevokeGrant(h("grant")),
)
PROGRESS = tr.MilestoneProgress(
    state=tr.MilestoneState.DISPUTED,
    deadline_ms=1_800_000_000_000,
    evidence=(tr.Evidence(0, 0, h("event")),),
    approvals=("org:carrier",),
    offers=(tr.SettlementOffer("org:retailer", 4_000),),
)
RECORDS: tuple[Message, ...] = (
    tr.AccountPublic(7),
    tr.AccountMembers("org:bank", "CNY", "org:retailer", 1_000),
    tr.BankBook("org:bank", "CNY", 2_000, 1_000),
    tr.Payment(7),
    tr.DocumentPublic(DocumentType.INVOICE, 7),
    tr.DocumentMembers("org:processor", "org:retailer", (REFERENCE,)),
    tr.DocumentLink(h("invoice"), 7),
    tr.EscrowPublic(tr.EscrowState.FUNDED, (tr.MilestoneState.DISPUTED, tr.MilestoneState.WAITING)),
    tr.EscrowMembers(TERMS, (PROGRESS, tr.MilestoneProgress())),
    fr.ObligationPublic(fr.ObligationState.CONFIRMED),
    fr.ObligationMembers(
        "org:processor",
        "org:retailer",
        "org:bank",
        "CNY",
        8_000_000,
        7_800_000,
        0,
        3,
        2,
        1,
        1,
        *DOCUMENTS,
        h("tag"),
        True,
        1,
        0,
    ),
    fr.ObligationTag(h("obligation"), 7),
    fr.SlicePublic(fr.SliceState.PLEDGED),
    fr.SliceMembers(h("obligation"), 0, 0, "org:processor", 7_800_000, 0, h("deal")),
    fr.LienPublic(fr.LienState.HELD, 7),
    fr.LienMembers("org:lender-a", h("deal")),
    fr.DealPublic(fr.DealState.FINANCED),
    fr.DealMembers(DEAL_TERMS, "org:processor", 6_400_000, 6_400_000, 0, 0, 1_800_000_000_000, 0),
    fr.GrantPublic(7),
    fr.Grant(
        "org:processor",
        "org:lender-a",
        (fr.obligation_subject(h("obligation")),),
        fr.GrantPurpose.CREDIT,
        (fr.GrantField.OBLIGATION,),
        0,
        1_800_000_000_000,
        True,
        0,
    ),
)
KEYS: dict[str, bytes] = {
    "account": tr.account_key("org:bank", "CNY", "org:retailer"),
    "book": tr.book_key("org:bank", "CNY"),
    "payment": tr.payment_key("org:retailer", h("payment")),
    "document": tr.document_key("org:processor", h("invoice")),
    "document-link": tr.document_link_key(h("order"), DocumentType.INVOICE, "org:processor"),
    "escrow": tr.escrow_key(h("escrow")),
    "obligation": fr.obligation_key(h("obligation")),
    "obligation-tag": fr.obligation_tag_key("org:retailer", h("tag")),
    "slice": fr.slice_key(h("slice")),
    "lien": fr.lien_key(h("slice")),
    "deal": fr.deal_key(h("deal")),
    "grant": fr.grant_key(h("grant")),
}
HASHES: dict[str, bytes] = {
    "object-id-of-escrow": object_id(Space.ESCROW, h("salt"), "org:retailer"),
    "slice-id-3": slice_id(h("obligation"), 3),
    "document-commitment": document_commitment(h("salt"), b'{"number":"INV-001"}'),
    "invoice-tag": invoice_tag(h("secret"), "org:processor", "INV-001"),
}


def vectors() -> dict[str, dict[str, str]]:
    """Everything in hexadecimal, by name."""
    return {
        "payloads": {type(value).__name__: encode(value).hex() for value in PAYLOADS},
        "records": {type(value).__name__: encode(value).hex() for value in RECORDS},
        "keys": {name: key.hex() for name, key in KEYS.items()},
        "hashes": {name: value.hex() for name, value in HASHES.items()},
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
