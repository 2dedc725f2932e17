"""Trade and finance through signing, admission and execution of blocks: the story's money, and what it must refuse."""

from __future__ import annotations

import pytest

from tallystick.admission import verify_transaction
from tallystick.conditions import AllOf, Condition, DocumentType, InspectionPassed, Received, Shipped
from tallystick.documents import document_commitment, invoice_tag
from tallystick.encoding import ZERO32, Message, encode
from tallystick.errors import DecodeError
from tallystick.money import DAY_MS, DayCount, simple_interest
from tallystick.object_ids import object_id, slice_id
from tallystick.payloads import finance as f
from tallystick.payloads import trade as t
from tallystick.reasons import Reason
from tallystick.receipts import ReceiptKind
from tallystick.records.base import Space, read_members, read_public
from tallystick.records.finance import (
    DealTerms,
    GrantField,
    GrantPurpose,
    LienPublic,
    LienState,
    ObligationPublic,
    ObligationState,
    Pricing,
    lien_key,
    obligation_key,
    obligation_subject,
)
from tallystick.records.goods import correction_key
from tallystick.records.members import KeyUse
from tallystick.records.trade import (
    AccountMembers,
    DefaultRuling,
    DocumentReference,
    EscrowPublic,
    EscrowTerms,
    MilestoneState,
    MilestoneTerms,
    account_key,
    escrow_key,
)
from tallystick.transactions import SignedTransaction, WireTransaction
from tests.world import World, gtin, sscc

CLASS = gtin("95212345001")
LOT = f"{CLASS}/10/LOT7"
PALLET = sscc("952123451")
SUPPLIER, BUYER, LENDER, BANK = "org:processor", "org:retailer", "org:lender-a", "org:bank"
SECRET = b"s" * 32
HOUR = 3_600_000
ADVANCE, RATE, FACE = 800_000, 600, 1_000_000


class Consortium(World):
    """The founders, and the members that money needs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.admit(BANK, "bank", currencies=("CNY",))
        self.admit(LENDER, "lender")
        self.admit("org:lender-b", "lender")
        self.admit("org:arbitrator", "arbitrator")
        self.admit_laboratory(CLASS)
        self.add_keys(BUYER, KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
        for owner in (SUPPLIER, BUYER, LENDER, "org:lender-b"):
            self.must(self.trade(BANK, t.OpenAccount(owner, "CNY")))
            payment = document_commitment(SECRET, owner.encode())
            self.must(self.trade(BANK, t.IssueDeposit(owner, "CNY", 5_000_000, payment)))

    def make_object(self, space: Space, organisation: str, payload: Message) -> bytes:
        """Send a payload that creates an object; returns its id, known before it was sent."""
        transaction = self.trade(organisation, payload)
        self.must(transaction)
        return object_id(space, transaction.payload_salt, organisation)

    def balance(self, owner: str) -> int:
        record = self.state.records[account_key(BANK, "CNY", owner)]
        return read_members(record, AccountMembers).balance - 5_000_000

    def document(self, issuer: str, other: str, kind: DocumentType, name: str, *references: DocumentReference) -> bytes:
        commitment = document_commitment(SECRET, name.encode())
        self.must(self.trade(issuer, t.RecordDocument(kind, commitment, other, references)))
        return commitment

    def wait(self, ms: int) -> None:
        """One block later; due work must neither fail nor be parked."""
        result = self.block(due_work=True, after_ms=ms)
        for receipt in result.receipts:
            assert receipt.kind is not ReceiptKind.DUE_WORK or receipt.reason is Reason.NONE

    def confirmed(self, number: str, auto_debit: bool = True) -> bytes:
        """A presented and confirmed obligation."""
        order = self.document(BUYER, SUPPLIER, DocumentType.ORDER, f"order {number}")
        reference = DocumentReference(BUYER, order)
        invoice = self.document(SUPPLIER, BUYER, DocumentType.INVOICE, f"invoice {number}", reference)
        obligation = self.make_object(
            Space.OBLIGATION,
            SUPPLIER,
            f.PresentObligation(
                debtor=BUYER,
                bank=BANK,
                currency="CNY",
                face=FACE,
                due_ms=self.time_ms + 30 * DAY_MS,
                grace_ms=0,
                cure_ms=0,
                accept_deadline_ms=self.time_ms + DAY_MS,
                order=order,
                despatch=ZERO32,
                receipt=ZERO32,
                invoice=invoice,
            ),
        )
        self.must(self.confirmation(obligation, number, auto_debit))
        return obligation

    def confirmation(self, obligation: bytes, number: str, auto_debit: bool = True) -> SignedTransaction:
        payload = f.ConfirmObligation(obligation, invoice_tag(SECRET, SUPPLIER, number), FACE, auto_debit)
        return self.payload(payload, (BUYER, "CONFIRM_MAKER"), (BUYER, "CONFIRM_CHECKER"))

    def grant(self, obligation: bytes, lender: str) -> bytes:
        subjects = (obligation_subject(obligation),)
        until = self.time_ms + 60 * DAY_MS
        payload = f.GrantAccess(lender, subjects, GrantPurpose.CREDIT, (GrantField.OBLIGATION,), 0, until, True)
        return self.make_object(Space.GRANT, SUPPLIER, payload)

    def terms(self, obligation: bytes, lender: str, grant: bytes) -> DealTerms:
        return DealTerms(
            slice=slice_id(obligation, 0),
            lender=lender,
            grant=grant,
            pricing=Pricing.ADVANCE,
            advance=ADVANCE,
            rate_bps=RATE,
            day_count=DayCount.ACT_360,
            recourse=True,
            deadline_ms=self.time_ms + DAY_MS,
        )


@pytest.fixture
def world() -> Consortium:
    return Consortium()


WHEN_DELIVERED = AllOf((Received((PALLET,), BUYER, 0), InspectionPassed((LOT,), "")))


def escrow_of(world: Consortium, window_ms: int, condition: Condition = WHEN_DELIVERED) -> bytes:
    """A funded escrow; if nothing else is said, it pays when the pallet is received and the lot has passed."""
    terms = EscrowTerms(
        payer=BUYER,
        payee=SUPPLIER,
        bank=BANK,
        currency="CNY",
        milestones=(MilestoneTerms(250_000, condition, window_ms),),
        fund_deadline_ms=world.time_ms + DAY_MS,
        refund_after_ms=world.time_ms + 20 * DAY_MS,
        arbitrator="org:arbitrator",
        dispute_ms=DAY_MS,
        default_ruling=DefaultRuling.REFUND,
    )
    escrow = world.make_object(Space.ESCROW, BUYER, t.CreateEscrow(terms))
    world.must(world.trade(BUYER, t.FundEscrow(escrow)))
    return escrow


def inspect(world: Consortium) -> None:
    event = world.event(
        action="OBSERVE",
        bizStep="inspecting",
        disposition="conformant",
        quantityList={LOT: None},
        persistentDisposition={"set": ["conformant"]},
    )
    world.must(world.capture("org:laboratory", event))


def milestone_state(world: Consortium, escrow: bytes) -> MilestoneState:
    return read_public(world.state.records[escrow_key(escrow)], EscrowPublic).milestones[0]


def test_goods_received_and_inspected_pay_and_a_second_claim_does_not(world: Consortium) -> None:
    escrow = escrow_of(world, 0)
    claim = t.ClaimMilestone(escrow, 0)
    assert world.reason(world.trade(SUPPLIER, claim)) is Reason.CONDITION_NOT_MET
    world.make(SUPPLIER, PALLET, lots={LOT: (100, "KGM")})
    world.hand_over(SUPPLIER, BUYER, PALLET)
    inspect(world)
    world.must(world.trade(SUPPLIER, claim))
    assert world.balance(SUPPLIER) == 250_000
    assert world.reason(world.trade(SUPPLIER, claim)) is Reason.ALREADY_PAID
    assert world.balance(SUPPLIER) == 250_000


def test_due_work_pays_at_the_end_of_the_window_unless_the_event_was_erroneous(world: Consortium) -> None:
    world.make(SUPPLIER, PALLET, lots={LOT: (100, "KGM")})
    world.must(world.capture(SUPPLIER, world.shipping(BUYER, PALLET)))
    receiving = world.receiving(PALLET, eventID="urn:uuid:11111111-1111-4111-8111-111111111111")
    world.must(world.capture(BUYER, receiving))
    inspect(world)
    first, second = escrow_of(world, HOUR), escrow_of(world, 2 * HOUR)
    for escrow in (first, second):
        world.must(world.trade(SUPPLIER, t.ClaimMilestone(escrow, 0)))
    world.wait(HOUR)
    assert milestone_state(world, first) is MilestoneState.RELEASED
    erroneous = {"declarationTime": receiving["eventTime"], "reason": "did_not_occur"}
    world.must(world.capture(BUYER, {**receiving, "errorDeclaration": erroneous}))
    world.wait(2 * HOUR)
    assert milestone_state(world, second) is MilestoneState.WAITING
    assert world.balance(SUPPLIER) == 250_000


def test_a_copy_of_an_event_that_its_recorder_declares_erroneous_leaves_what_rests_on_the_original(
    world: Consortium,
) -> None:
    world.make(SUPPLIER, PALLET, lots={LOT: (100, "KGM")})
    shipping = world.shipping("org:carrier", PALLET, eventID="urn:uuid:22222222-2222-4222-8222-222222222222")
    original = world.capture(SUPPLIER, shipping)
    world.must(original)
    escrow = escrow_of(world, 2 * HOUR, Shipped((PALLET,), SUPPLIER))
    world.must(world.trade(SUPPLIER, t.ClaimMilestone(escrow, 0)))
    world.must(world.capture("org:carrier", world.receiving(PALLET)))
    world.hand_over("org:carrier", BUYER, PALLET)
    copy = world.capture(BUYER, *original.events)  # the same bytes: BUYER ships what it now holds
    assert copy.commitments == original.commitments
    world.must(copy)
    erroneous = {"declarationTime": shipping["eventTime"], "reason": "did_not_occur"}
    world.must(world.capture(BUYER, {**shipping, "errorDeclaration": erroneous}))
    assert milestone_state(world, escrow) is MilestoneState.LATCHED
    world.wait(2 * HOUR)
    assert milestone_state(world, escrow) is MilestoneState.RELEASED
    assert world.balance(SUPPLIER) == 250_000
    assert correction_key(SUPPLIER, original.commitments[0]) not in world.state.records
    assert correction_key(BUYER, original.commitments[0]) in world.state.records


def test_a_confirmed_payable_is_financed_once_and_repaid_at_maturity_to_the_cent(world: Consortium) -> None:
    obligation = world.confirmed("INV-001")
    offer = f.OfferSlice(world.terms(obligation, LENDER, world.grant(obligation, LENDER)))
    deal = world.make_object(Space.DEAL, SUPPLIER, offer)
    world.must(world.trade(LENDER, f.FinanceSlice(deal)))
    second = f.OfferSlice(world.terms(obligation, "org:lender-b", world.grant(obligation, "org:lender-b")))
    assert world.reason(world.trade(SUPPLIER, second)) is Reason.ALREADY_PLEDGED
    world.wait(30 * DAY_MS)
    interest = simple_interest(ADVANCE, rate_bps=RATE, days=30, day_count=DayCount.ACT_360)
    assert interest == 4_000
    assert (world.balance(LENDER), world.balance(SUPPLIER), world.balance(BUYER)) == (4_000, FACE - 4_000, -FACE)
    obligation_record = world.state.records[obligation_key(obligation)]
    assert read_public(obligation_record, ObligationPublic).state is ObligationState.SETTLED
    lien = read_public(world.state.records[lien_key(slice_id(obligation, 0))], LienPublic)
    assert lien.state is LienState.RELEASED


def test_a_lender_without_a_grant_gets_no_offer(world: Consortium) -> None:
    obligation = world.confirmed("INV-001")
    grant = world.grant(obligation, "org:lender-b")
    offer = f.OfferSlice(world.terms(obligation, LENDER, grant))
    assert world.reason(world.trade(SUPPLIER, offer)) is Reason.GRANT_MISSING


def test_the_same_invoice_in_another_spelling_is_a_duplicate(world: Consortium) -> None:
    world.confirmed("INV-001")
    with pytest.raises(AssertionError, match="OBLIGATION_DUPLICATE"):
        world.confirmed("INV001")
    world.confirmed("INV-002")


def test_a_confirmation_stripped_of_one_signature_is_malformed_and_by_one_person_refused(world: Consortium) -> None:
    obligation = world.confirmed("INV-001")
    transaction = world.confirmation(obligation, "INV-002")
    wire = WireTransaction(transaction.head_bytes, transaction.signatures[:1], (), transaction.payload)
    with pytest.raises(DecodeError, match=r"transaction\.signatures"):
        verify_transaction(encode(wire), world.chain_id)
    payload = f.ConfirmObligation(obligation, document_commitment(SECRET, b"x"), 1, False)
    assert world.reason(world.payload(payload, (BUYER, "CONFIRM_MAKER"))) is Reason.TWO_PERSONS_NEEDED
    mixed = world.payload(payload, (BUYER, "CONFIRM_MAKER"), (LENDER, "TRADE"))
    assert world.reason(mixed) is Reason.SIGNERS_OF_SEVERAL_ORGANISATIONS


def test_two_lenders_accepting_in_one_block_cannot_both_win(world: Consortium) -> None:
    obligation = world.confirmed("INV-001")
    offer = f.OfferSlice(world.terms(obligation, LENDER, world.grant(obligation, LENDER)))
    deal = world.make_object(Space.DEAL, SUPPLIER, offer)
    result = world.block(*(world.trade(LENDER, f.FinanceSlice(deal)) for _ in range(2)))
    reasons = [receipt.reason for receipt in result.receipts if receipt.kind is ReceiptKind.TRANSACTION]
    assert reasons == [Reason.NONE, Reason.WRONG_STATE]
    assert world.balance(LENDER) == -ADVANCE


def test_public_halves_of_money_name_no_organisation_and_salts_are_never_reused(world: Consortium) -> None:
    obligation = world.confirmed("INV-001")
    offer = f.OfferSlice(world.terms(obligation, LENDER, world.grant(obligation, LENDER)))
    deal = world.make_object(Space.DEAL, SUPPLIER, offer)
    world.must(world.trade(LENDER, f.FinanceSlice(deal)))
    escrow_of(world, 0)
    before = dict(world.state.records)
    world.wait(30 * DAY_MS)
    private = [record for key, record in world.state.records.items() if 30 <= key[0] <= 39]
    assert len(private) > 10
    for record in private:
        assert b"org:" not in record.public
        assert len(record.public) < 50
    salts = [record.members_salt for record in world.state.records.values() if record.members]
    assert len(set(salts)) == len(salts)
    for key, record in world.state.records.items():
        old = before.get(key)
        if old is not None and old.members != record.members:
            assert old.members_salt != record.members_salt
