"""Documents: a commitment belongs to its issuer, and references hold only between the same two organisations."""

from __future__ import annotations

import pytest

from tallystick.conditions import DocumentType
from tallystick.payloads.trade import RecordDocument
from tallystick.reasons import Reason
from tallystick.records.base import read_public
from tallystick.records.trade import DocumentLink, DocumentPublic, DocumentReference, document_key, document_link_key
from tests.unit.finance.money_world import LENDER_A, PAYEE, PAYER, World, named

ORDER = RecordDocument(DocumentType.ORDER, named("order"), PAYEE, ())
ADVICE = RecordDocument(
    DocumentType.DESPATCH_ADVICE, named("advice"), PAYER, (DocumentReference(PAYER, named("order")),)
)


@pytest.fixture
def world() -> World:
    made = World()
    made.must(PAYER, ORDER)
    return made


def test_a_document_is_recorded_by_type_alone(world: World) -> None:
    public = read_public(world.records[document_key(PAYER, named("order"))], DocumentPublic)
    assert public == DocumentPublic(DocumentType.ORDER, world.height)


def test_a_reference_can_be_looked_up_by_type_and_issuer(world: World) -> None:
    world.must(PAYEE, ADVICE)
    key = document_link_key(named("order"), DocumentType.DESPATCH_ADVICE, PAYEE)
    assert read_public(world.records[key], DocumentLink).commitment == named("advice")


def test_nobody_takes_a_commitment_in_advance(world: World) -> None:
    world.must(LENDER_A, RecordDocument(DocumentType.DESPATCH_ADVICE, named("advice"), PAYER, ()))
    world.must(PAYEE, ADVICE)


@pytest.mark.parametrize(
    ("who", "payload", "reason"),
    [
        (PAYER, ORDER, Reason.ALREADY_EXISTS),
        (PAYEE, RecordDocument(DocumentType.ORDER, named("x"), PAYEE, ()), Reason.SAME_ORGANISATION),
        (PAYEE, RecordDocument(DocumentType.ORDER, named("x"), "org:nobody", ()), Reason.NOT_FOUND),
        (
            PAYEE,
            RecordDocument(DocumentType.INVOICE, named("x"), PAYER, (DocumentReference(PAYER, named("y")),)),
            Reason.DOCUMENT_MISSING,
        ),
        (
            PAYEE,
            RecordDocument(DocumentType.INVOICE, named("x"), PAYER, (DocumentReference(PAYEE, named("order")),)),
            Reason.DOCUMENT_MISSING,
        ),
        (LENDER_A, ADVICE, Reason.NOT_A_PARTY_TO_THE_DEAL),
    ],
)
def test_each_refusal_has_its_reason(world: World, who: str, payload: RecordDocument, reason: Reason) -> None:
    before = dict(world.records)
    assert world.do(who, payload) is reason
    assert world.records == before
