"""The money: documents, an escrow that pays on evidence, a payable confirmed, offered, financed and repaid."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from client_sdk.intents import finance, governance, trade
from client_sdk.papers import SealedPaper, seal
from scripts.story.cast import ARBITRATOR, BANK, CARRIER, LENDER_A, LENDER_B, PROCESSOR, RETAILER, Cast
from scripts.story.goods import BATCH_A, PACKS_A, PALLET_A
from tallystick.conditions import AllOf, DocumentType, InspectionPassed, Received, Shipped
from tallystick.money import DAY_MS, DayCount, simple_interest
from tallystick.object_ids import slice_id
from tallystick.records.finance import DealTerms, GrantField, GrantPurpose, Pricing, obligation_subject
from tallystick.records.members import KeyUse
from tallystick.records.trade import (
    AccountMembers,
    DefaultRuling,
    DocumentReference,
    EscrowMembers,
    EscrowTerms,
    MilestoneTerms,
    account_key,
    escrow_key,
)

CURRENCY = "CNY"
ESCROW_AMOUNT = 8_000_00  # fen
FREIGHT = 500_00
FACE = 15_000_00
ADVANCE = 12_000_00
RATE_BPS = 600
TENOR_DAYS = 30
INTEREST = 59_18  # 12,000.00 at 6.00 % for 30 days, ACT/365F: 59.178… rounded half to even
UNIT_PRICE = "37.4159"  # a secret of the two firms: it must be nowhere on the chain, in logs or on pages
ORDER_TERMS = "delivered duty paid, penalty 2.718 per cent a day"
PERSON = "Li Wei 李伟"


@dataclass(slots=True)
class MoneyStory:
    """The acts about money. Ids are kept for later acts."""

    cast: Cast
    papers: dict[str, SealedPaper] = field(default_factory=dict)
    escrow: bytes = b""
    freight: bytes = b""
    obligation: bytes = b""
    second_obligation: bytes = b""
    slice: bytes = b""
    deal: bytes = b""
    grant: bytes = b""

    # --- accounts and documents ---------------------------------------------------------------------------

    def fund_accounts(self) -> None:
        """The bank opens accounts and credits what was paid in outside the ledger."""
        for owner, amount in (
            (RETAILER, 30_000_00),
            (LENDER_A, 50_000_00),
            (PROCESSOR, 1_00),
            (CARRIER, 1_00),
            (LENDER_B, 50_000_00),
        ):
            self.cast[BANK].do(trade.open_account(owner, CURRENCY))
            self.cast[BANK].do(trade.issue_deposit(owner, CURRENCY, amount, os.urandom(32)))

    def exchange_documents(self) -> None:
        """Order, despatch advice, receipt advice and invoice, each as a commitment; the papers stay with the firms."""
        self._document("order", RETAILER, PROCESSOR, DocumentType.ORDER, "PO-2026-0007", ())
        self._document("despatch", PROCESSOR, RETAILER, DocumentType.DESPATCH_ADVICE, "DA-2026-0007", ("order",))
        self._document("receipt", RETAILER, PROCESSOR, DocumentType.RECEIPT_ADVICE, "RA-2026-0007", ("despatch",))
        self._document("invoice", PROCESSOR, RETAILER, DocumentType.INVOICE, "INV-001", ("order", "receipt"))

    def _document(
        self, name: str, issuer: str, counterparty: str, type_: DocumentType, number: str, refers: tuple[str, ...]
    ) -> None:
        contents = {
            "number": number,
            "lines": [{"item": BATCH_A, "quantity": 400, "unitPrice": UNIT_PRICE}],
            "terms": ORDER_TERMS,
            "contact": PERSON,
        }
        member = self.cast[issuer]
        paper = seal(json.dumps(contents).encode(), member.capture_secret)
        issuers = {"order": RETAILER, "despatch": PROCESSOR, "receipt": RETAILER}
        references = [DocumentReference(issuers[other], self.papers[other].commitment) for other in refers]
        member.do(trade.record_document(type_, paper.commitment, counterparty, references))
        self.papers[name] = paper

    # --- escrow -------------------------------------------------------------------------------------------

    def agree_escrow(self) -> None:
        """The retailer locks the price: it is paid when the packs are received and their inspection passed."""
        condition = AllOf((Received(PACKS_A, RETAILER, 0), InspectionPassed((BATCH_A,), "")))
        self.escrow = self._escrow(PROCESSOR, ESCROW_AMOUNT, condition, 0)

    def agree_freight(self) -> None:
        """The freight is paid a day after the carrier shipped the pallet, unless somebody objects."""
        self.freight = self._escrow(CARRIER, FREIGHT, Shipped((PALLET_A,), CARRIER), DAY_MS)

    def _escrow(self, payee: str, amount: int, condition: AllOf | Shipped, objection_ms: int) -> bytes:
        now = self.cast[RETAILER].client.chain_time_ms()
        terms = EscrowTerms(
            payer=RETAILER,
            payee=payee,
            bank=BANK,
            currency=CURRENCY,
            milestones=(MilestoneTerms(amount, condition, objection_ms),),
            fund_deadline_ms=now + DAY_MS,
            refund_after_ms=now + 10 * DAY_MS,
            arbitrator=ARBITRATOR,
            dispute_ms=5 * DAY_MS,
            default_ruling=DefaultRuling.REFUND,
        )
        created = self.cast[RETAILER].do(trade.create_escrow(terms))
        self.cast[RETAILER].do(trade.fund_escrow(created.id))
        return created.id

    def escrow_state(self, escrow: bytes) -> str:
        """State of an escrow's only milestone, proven."""
        record = self.cast.reader(RETAILER).record(escrow_key(escrow), members=True)
        return record.members_as(EscrowMembers).progress[0].state.name

    # --- the payable --------------------------------------------------------------------------------------

    def equip_confirmers(self) -> None:
        """Two persons of the retailer get a key each: one makes, one checks."""
        self.cast.add_person(RETAILER, KeyUse.CONFIRM_MAKER, "maker-1")
        self.cast.add_person(RETAILER, KeyUse.CONFIRM_CHECKER, "checker-1")

    def present(self, invoice: str = "INV-001") -> bytes:
        """The processor asks the retailer to confirm what it owes."""
        now = self.cast[PROCESSOR].client.chain_time_ms()
        intent = finance.present(
            debtor=RETAILER,
            bank=BANK,
            currency=CURRENCY,
            face=FACE,
            due_ms=now + TENOR_DAYS * DAY_MS,
            accept_deadline_ms=now + 3 * DAY_MS,
            invoice=self.papers["invoice"].commitment,
            order=self.papers["order"].commitment,
            despatch=self.papers["despatch"].commitment,
            receipt=self.papers["receipt"].commitment,
        )
        return self.cast[PROCESSOR].do(intent).id

    def confirm(self) -> None:
        """Maker and checker of the retailer confirm; payment at maturity is authorised."""
        self.obligation = self.present()
        retailer = self.cast[RETAILER]
        tag = retailer.invoice_tag(PROCESSOR, "INV-001")
        retailer.do(finance.confirm(self.obligation, tag, FACE, auto_debit=True))
        self.slice = slice_id(self.obligation, 0)

    def give_view(self) -> None:
        """The processor lets lender A see the obligation and the goods behind it."""
        now = self.cast[PROCESSOR].client.chain_time_ms()
        subjects = (obligation_subject(self.obligation), BATCH_A)
        intent = finance.grant(
            LENDER_A,
            subjects,
            purpose=GrantPurpose.CREDIT,
            fields=tuple(GrantField),
            not_before_ms=now - 1_000,
            until_ms=now + 90 * DAY_MS,
        )
        self.grant = self.cast[PROCESSOR].do(intent).id

    def terms(self, lender: str, grant: bytes) -> DealTerms:
        """What the processor offers."""
        now = self.cast[PROCESSOR].client.chain_time_ms()
        return DealTerms(
            slice=self.slice,
            lender=lender,
            grant=grant,
            pricing=Pricing.ADVANCE,
            advance=ADVANCE,
            rate_bps=RATE_BPS,
            day_count=DayCount.ACT_365F,
            recourse=True,
            deadline_ms=now + DAY_MS,
        )

    def offer(self) -> None:
        """The processor offers the payable to lender A."""
        self.deal = self.cast[PROCESSOR].do(finance.offer(self.terms(LENDER_A, self.grant))).id

    def finance(self) -> None:
        """Lender A pays the advance and takes the lien in one step."""
        self.cast[LENDER_A].do(finance.finance(self.deal))

    def advance_clock(self, days: int) -> None:
        """A quorum of governors moves the chain's clock; the due work of those days follows."""
        self.cast.govern(governance.advance_clock(days * DAY_MS))

    def balance(self, owner: str) -> int:
        """Fen in an account, proven."""
        record = self.cast.reader(owner).record(account_key(BANK, CURRENCY, owner), members=True)
        return record.members_as(AccountMembers).balance


def expected_interest() -> int:
    """What the ledger's arithmetic gives for the terms of the story; compared with ``INTEREST`` by hand."""
    return simple_interest(ADVANCE, rate_bps=RATE_BPS, days=TENOR_DAYS, day_count=DayCount.ACT_365F)
