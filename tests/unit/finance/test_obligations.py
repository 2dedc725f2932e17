"""Obligations until they are owed: documents, two persons, one confirmation per invoice number, deadlines."""

from __future__ import annotations

import pytest

from tallystick.conditions import DocumentType
from tallystick.documents import invoice_tag
from tallystick.limits import TENOR_MAX_MS
from tallystick.money import DAY_MS
from tallystick.object_ids import object_id
from tallystick.payloads.finance import (
    CancelObligation,
    ConfirmObligation,
    PayObligation,
    RejectObligation,
)
from tallystick.payloads.trade import OpenAccount, RecordDocument
from tallystick.reasons import Reason
from tallystick.records.base import Space, read_public
from tallystick.records.finance import (
    ObligationPublic,
    ObligationState,
    ObligationTag,
    RejectReason,
    SliceState,
    obligation_key,
    obligation_tag_key,
)
from tests.unit.finance.money_world import BANK, LENDER_A, PAYEE, PAYER, START, World, named

SECRET = b"debtor's secret of 32 bytes long"
PAIR = ("maker", "checker")


@pytest.fixture
def world() -> World:
    made = World()
    made.open_accounts()
    return made


def confirm(obligation: bytes, **changes: object) -> ConfirmObligation:
    values: dict[str, object] = {
        "obligation": obligation,
        "tag": named("tag"),
        "amount": 7_800_000,
        "auto_debit": False,
    }
    return ConfirmObligation(**{**values, **changes})  # type: ignore[arg-type]


def test_two_persons_confirm_and_the_creditor_owns_the_first_slice(world: World) -> None:
    obligation = world.presented()
    world.must(PAYER, confirm(obligation), *PAIR)
    state, terms = world.obligation(obligation)
    assert (state, terms.face, terms.confirmed) == (ObligationState.CONFIRMED, 8_000_000, 7_800_000)
    slice_state, slice_ = world.slice(obligation)
    assert (slice_state, slice_.owner, slice_.amount) == (SliceState.FREE, PAYEE, 7_800_000)
    world.check()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (("checker", "maker"), Reason.NONE),
        (("maker",), Reason.TWO_PERSONS_NEEDED),
        (("both",), Reason.TWO_PERSONS_NEEDED),
        (("maker", "both"), Reason.TWO_PERSONS_NEEDED),
        (("nobody", "checker"), Reason.TWO_PERSONS_NEEDED),
        (("maker", "both", "checker"), Reason.TWO_PERSONS_NEEDED),
        (("trade", "checker"), Reason.KEY_NOT_FOR_THIS),
        (("maker", "capture"), Reason.KEY_NOT_FOR_THIS),
    ],
)
def test_one_person_is_never_two(world: World, keys: tuple[str, ...], reason: Reason) -> None:
    obligation = world.presented()
    assert world.do(PAYER, confirm(obligation), *keys) is reason


def test_only_the_debtors_own_keys_confirm(world: World) -> None:
    obligation = world.presented()
    assert world.do(PAYEE, confirm(obligation), *PAIR) is Reason.NOT_DEBTOR
    assert world.do(LENDER_A, confirm(obligation), *PAIR) is Reason.NOT_DEBTOR


def test_the_same_invoice_again_in_another_spelling_is_refused_for_ever(world: World) -> None:
    first, second = world.presented(), world.presented()
    world.must(PAYER, confirm(first, tag=invoice_tag(SECRET, PAYEE, "INV-001")), *PAIR)
    again = confirm(second, tag=invoice_tag(SECRET, PAYEE, "INV001"))
    assert world.do(PAYER, again, *PAIR) is Reason.OBLIGATION_DUPLICATE
    world.must(PAYER, PayObligation(first, 7_800_000, named("pay")))
    assert world.obligation(first)[0] is ObligationState.SETTLED
    assert world.do(PAYER, again, *PAIR) is Reason.OBLIGATION_DUPLICATE


def test_the_tags_key_names_the_one_obligation_and_its_absence_says_there_is_none(world: World) -> None:
    obligation = world.presented()
    key = obligation_tag_key(PAYER, named("tag"))
    assert key not in world.records
    world.must(PAYER, confirm(obligation), *PAIR)
    assert read_public(world.records[key], ObligationTag) == ObligationTag(obligation, world.height)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 8_000_000}, Reason.NONE),
        ({"amount": 8_000_001}, Reason.AMOUNT_MISMATCH),
        ({"tag": bytes(32)}, Reason.TERMS_INVALID),
        ({"obligation": named("none")}, Reason.NOT_FOUND),
    ],
)
def test_confirmations_that_do_not_fit_are_refused(world: World, changes: dict[str, object], reason: Reason) -> None:
    payload = confirm(**{"obligation": world.presented(), **changes})  # type: ignore[arg-type]
    assert world.do(PAYER, payload, *PAIR) is reason


def test_auto_debit_needs_an_account_of_the_debtor(world: World) -> None:
    world.must(BANK, OpenAccount(PAYEE, "EUR"))
    obligation = world.presented(currency="EUR")
    assert world.do(PAYER, confirm(obligation, auto_debit=True), *PAIR) is Reason.ACCOUNT_MISSING
    world.must(PAYER, confirm(obligation), *PAIR)


@pytest.mark.parametrize(("offset", "reason"), [(-1, Reason.NONE), (0, Reason.TOO_LATE), (1, Reason.TOO_LATE)])
def test_confirming_is_allowed_before_its_deadline(world: World, offset: int, reason: Reason) -> None:
    obligation = world.presented()
    world.now = START + 5 * DAY_MS + offset
    assert world.do(PAYER, confirm(obligation), *PAIR) is reason


@pytest.mark.parametrize(("offset", "state"), [(-1, "PRESENTED"), (0, "EXPIRED"), (1, "EXPIRED")])
def test_an_unanswered_presentation_expires_at_its_deadline(world: World, offset: int, state: str) -> None:
    obligation = world.presented()
    world.advance(START + 5 * DAY_MS + offset)
    assert world.obligation(obligation)[0].name == state
    if offset >= 0:
        assert world.do(PAYER, confirm(obligation), *PAIR) is Reason.WRONG_STATE


def test_rejecting_and_cancelling_end_a_presentation(world: World) -> None:
    first, second = world.presented(), world.presented()
    assert world.do(PAYEE, RejectObligation(first, RejectReason.PRICE)) is Reason.NOT_DEBTOR
    assert world.do(PAYER, CancelObligation(second)) is Reason.NOT_OWNER
    world.must(PAYER, RejectObligation(first, RejectReason.PRICE))
    world.must(PAYEE, CancelObligation(second))
    assert world.obligation(first)[1].reject_reason == RejectReason.PRICE
    for obligation in (first, second):
        assert world.do(PAYER, confirm(obligation), *PAIR) is Reason.WRONG_STATE
    world.run_out()
    assert world.obligation(first)[0] is ObligationState.REJECTED
    assert world.obligation(second)[0] is ObligationState.CANCELLED


def test_a_confirmed_obligation_is_not_rejected_or_cancelled(world: World) -> None:
    obligation = world.confirmed()
    assert world.do(PAYER, RejectObligation(obligation, RejectReason.OTHER)) is Reason.WRONG_STATE
    assert world.do(PAYEE, CancelObligation(obligation)) is Reason.WRONG_STATE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"debtor": PAYEE}, Reason.SAME_ORGANISATION),
        ({"debtor": "org:nobody"}, Reason.NOT_FOUND),
        ({"currency": "EUR"}, Reason.ACCOUNT_MISSING),
        ({"accept_deadline_ms": START}, Reason.TERMS_INVALID),
        ({"accept_deadline_ms": START + 90 * DAY_MS}, Reason.TERMS_INVALID),
        ({"due_ms": START + TENOR_MAX_MS}, Reason.NONE),
        ({"due_ms": START + TENOR_MAX_MS + 1}, Reason.TENOR_TOO_LONG),
        ({"invoice": named("never recorded")}, Reason.DOCUMENT_MISSING),
        ({"invoice": bytes(32)}, Reason.DOCUMENT_MISSING),
        ({"order": named("never recorded")}, Reason.DOCUMENT_MISSING),
    ],
)
def test_presentations_that_cannot_stand_are_refused(world: World, changes: dict[str, object], reason: Reason) -> None:
    assert world.do(PAYEE, world.presentation(**changes)) is reason


def test_each_document_is_of_its_type_and_by_its_side(world: World) -> None:
    kinds = (
        ("order", PAYER, PAYEE, DocumentType.ORDER),
        ("despatch", PAYEE, PAYER, DocumentType.DESPATCH_ADVICE),
        ("receipt", PAYER, PAYEE, DocumentType.RECEIPT_ADVICE),
    )
    for field, issuer, other, document_type in kinds:
        world.must(issuer, RecordDocument(document_type, named(field), other, ()))
        world.must(other, RecordDocument(document_type, named(field, "wrong side"), issuer, ()))
        world.must(issuer, RecordDocument(DocumentType.CREDIT_NOTE, named(field, "wrong type"), other, ()))
        for wrong in ("wrong side", "wrong type"):
            payload = world.presentation(**{field: named(field, wrong)})
            assert world.do(PAYEE, payload) is Reason.DOCUMENT_MISSING
    world.must(PAYEE, world.presentation(**{field: named(field) for field, _, _, _ in kinds}))


def test_an_invoice_to_somebody_else_is_no_claim_on_this_debtor(world: World) -> None:
    world.must(PAYEE, RecordDocument(DocumentType.INVOICE, named("other"), LENDER_A, ()))
    assert world.do(PAYEE, world.presentation(invoice=named("other"))) is Reason.NOT_A_PARTY_TO_THE_DEAL


def test_the_public_half_of_an_obligation_says_its_state_and_nothing_else(world: World) -> None:
    record = world.records[obligation_key(world.confirmed())]
    assert read_public(record, ObligationPublic) == ObligationPublic(ObligationState.CONFIRMED)
    assert len(record.members_salt) == 32 and PAYER.encode() in record.members


def test_the_id_follows_from_salt_and_creditor(world: World) -> None:
    salt = world.must(PAYEE, world.presentation())
    assert obligation_key(object_id(Space.OBLIGATION, salt, PAYEE)) in world.records
    assert world.do(PAYEE, world.presentation(), salt=salt) is Reason.ALREADY_EXISTS
