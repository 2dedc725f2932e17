"""The story's main line through the SDK: goods and money on a real ledger without a network."""

from __future__ import annotations

import pytest

from client_sdk import event_builder as build
from client_sdk.event_builder import Circumstances, Reading, event_id_of
from client_sdk.intents import finance, goods, governance, trade
from client_sdk.member import Member
from client_sdk.papers import seal
from client_sdk.reader import Reader
from client_sdk.receivables import Query
from client_sdk.story import tell
from client_sdk.values import read_goods
from tallystick.conditions import DocumentType
from tallystick.epcis.check_digit import check_digit
from tallystick.errors import RefusedError
from tallystick.money import DAY_MS
from tallystick.proofs import ProofCode
from tallystick.records.finance import GrantField, GrantPurpose, LienState, obligation_subject
from tallystick.records.members import KeyUse
from tests.unit.client_sdk.ledger import Ledger
from tests.world import gtin, sscc, uri

LOT = gtin("9521111") + "/10/LOT7"
PALLET = sscc("9521111")
SITE = "https://id.gs1.org/414/952111100001" + check_digit("952111100001")


def at(ledger: Ledger, name: str, **more: object) -> Circumstances:
    """Now, with an event id from a name."""
    id_ = event_id_of(name.encode().ljust(16, b"."))
    return Circumstances(ledger.world.time_ms, id_, read_point=SITE, location=SITE, **more)  # type: ignore[arg-type]


def harvest(ledger: Ledger, grower: Member) -> None:
    """One lot of a ton."""
    grower.capture([build.commission([read_goods(f"{LOT}=1000KGM")], at(ledger, "harvest"))])


def test_goods_pass_from_hand_to_hand_and_their_history_is_proven(ledger: Ledger, member, reader: Reader) -> None:
    grower, carrier = member("org:grower"), member("org:carrier")
    harvest(ledger, grower)
    lot = [read_goods(LOT)]
    cold = [Reading("3.9")]
    grower.capture([build.ship(lot, at(ledger, "ship", readings=cold), sender="org:grower", receiver="org:carrier")])
    carrier.capture([build.receive(lot, at(ledger, "receive"), sender="org:grower", receiver="org:carrier")])
    story = tell(reader.item(LOT))
    assert story.verdict == "proven"
    assert [event.step for event in story.events] == ["creating_class_instance", "shipping", "receiving"]
    assert [event.signer for event in story.events] == ["org:grower", "org:grower", "org:carrier"]
    assert story.events[1].readings == ("Temperature 3.9 CEL",)
    assert story.events[0].place == SITE


def test_what_one_does_not_hold_one_cannot_ship(ledger: Ledger, member) -> None:
    harvest(ledger, member("org:grower"))
    event = build.ship([read_goods(LOT)], at(ledger, "theft"), sender="org:carrier", receiver="org:retailer")
    with pytest.raises(RefusedError) as caught:
        member("org:carrier").capture([event])
    assert caught.value.reason == "NOT_HOLDER"
    assert "receive them first" in caught.value.remedy
    assert "/events/0" in caught.value.detail


def test_an_event_declared_erroneous_is_shown_with_its_correction(ledger: Ledger, member, reader: Reader) -> None:
    grower = member("org:grower")
    harvest(ledger, grower)
    wrong = build.observe([read_goods(LOT)], at(ledger, "wrong", readings=[Reading("31.2")]))
    grower.capture([wrong])
    grower.capture([build.declare_error(wrong, time_ms=ledger.world.time_ms)])
    facts = {event.step: event for event in tell(reader.item(LOT)).events if event.corrected}
    assert facts["sensor_reporting"].correction_reason == "incorrect_data"


def test_a_recall_comes_first(ledger: Ledger, member, reader: Reader) -> None:
    grower = member("org:grower")
    harvest(ledger, grower)
    grower.do(goods.recall("RC-1", [LOT], "glass", severity=1))
    ledger.world.work_off()
    story = tell(reader.item(LOT))
    assert [recall.id for recall in story.recalls] == ["RC-1"]
    with pytest.raises(RefusedError) as caught:
        grower.capture([build.ship([read_goods(LOT)], at(ledger, "s"), sender="org:grower", receiver="org:carrier")])
    assert caught.value.reason == "RECALLED"


def test_a_scan_of_a_serial_that_was_never_issued_is_proven_to_be_unknown(reader: Reader) -> None:
    assert reader.item(gtin("9521111") + "/21/NEVER").verdict is ProofCode.UNKNOWN


def prepare_finance(ledger: Ledger) -> None:
    """A bank and two lenders, with accounts."""
    world = ledger.world
    world.admit("org:bank", "bank", currencies=("CNY",))
    for lender in ("org:lender-a", "org:lender-b"):
        world.admit(lender, "lender")
    world.add_keys("org:retailer", KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)


def present_and_confirm(ledger: Ledger, member, number: str = "INV-001") -> bytes:
    """The processor presents 15,000.00 and the retailer confirms it."""
    processor, retailer = member("org:processor"), member("org:retailer")
    paper = seal(b'{"number": "' + number.encode() + b'"}', b"p" * 32)
    processor.do(trade.record_document(DocumentType.INVOICE, paper.commitment, "org:retailer"))
    now = ledger.world.time_ms
    obligation = processor.do(
        finance.present(
            debtor="org:retailer", bank="org:bank", currency="CNY", face=1_500_000, due_ms=now + 30 * DAY_MS,
            accept_deadline_ms=now + DAY_MS, invoice=paper.commitment,
        )
    ).id  # fmt: skip
    tag = retailer.invoice_tag("org:processor", number)
    retailer.do(finance.confirm(obligation, tag, 1_500_000))
    return obligation


@pytest.fixture
def obligation(ledger: Ledger, member) -> bytes:
    prepare_finance(ledger)
    bank = member("org:bank")
    for owner in ("org:retailer", "org:processor", "org:lender-a"):
        bank.do(trade.open_account(owner, "CNY"))
    bank.do(trade.issue_deposit("org:lender-a", "CNY", 5_000_000, b"p" * 32))
    return present_and_confirm(ledger, member)


def grant_to(ledger: Ledger, member, lender: str, obligation: bytes) -> bytes:
    """The processor's grant to a lender."""
    now = ledger.world.time_ms
    intent = finance.grant(
        lender, [obligation_subject(obligation)], purpose=GrantPurpose.CREDIT, fields=tuple(GrantField),
        not_before_ms=0, until_ms=now + 60 * DAY_MS,
    )  # fmt: skip
    return member("org:processor").do(intent).id


def test_a_lender_sees_what_was_granted_and_that_nobody_holds_a_lien(
    ledger: Ledger, member, reader: Reader, obligation: bytes
) -> None:
    grant = grant_to(ledger, member, "org:lender-a", obligation)
    (receivable,), denied = Query(reader, "org:lender-a").receivables([grant])
    assert not denied
    assert receivable.terms is not None and receivable.terms.confirmed == 1_500_000
    assert [view.lien for view in receivable.slices] == [None]
    assert set(receivable.documents) == {"invoice"}


def test_after_financing_the_lien_and_its_holder_are_proven(
    ledger: Ledger, member, reader: Reader, obligation: bytes
) -> None:
    from tallystick.money import DayCount
    from tallystick.object_ids import slice_id
    from tallystick.records.finance import DealTerms, Pricing

    grant = grant_to(ledger, member, "org:lender-a", obligation)
    terms = DealTerms(
        slice_id(obligation, 0), "org:lender-a", grant, Pricing.ADVANCE, 1_200_000, 600, DayCount.ACT_365F, True,
        ledger.world.time_ms + DAY_MS,
    )  # fmt: skip
    deal = member("org:processor").do(finance.offer(terms)).id
    member("org:lender-a").do(finance.finance(deal))
    (receivable,), _ = Query(reader, "org:lender-a").receivables([grant])
    assert [(view.lien, view.lien_holder) for view in receivable.slices] == [(LienState.HELD, "org:lender-a")]


def test_a_lender_without_a_grant_gets_no_answer(ledger: Ledger, member, reader: Reader, obligation: bytes) -> None:
    grant = grant_to(ledger, member, "org:lender-a", obligation)
    shown, denied = Query(reader, "org:lender-b").receivables([grant, b"\x01" * 32])
    assert not shown
    assert {error.reason for error in denied.values()} == {"GRANT_MISSING"}


def test_a_revoked_grant_has_ended(ledger: Ledger, member, reader: Reader, obligation: bytes) -> None:
    grant = grant_to(ledger, member, "org:lender-a", obligation)
    member("org:processor").do(finance.revoke_grant(grant))
    with pytest.raises(RefusedError) as caught:
        Query(reader, "org:lender-a").of_grant(grant)
    assert caught.value.reason == "GRANT_EXPIRED"


def test_the_same_invoice_number_in_another_spelling_is_refused(ledger: Ledger, member, obligation: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        present_and_confirm(ledger, member, "inv 001")
    assert caught.value.reason == "OBLIGATION_DUPLICATE"


def test_a_new_key_signs_its_own_registration(ledger: Ledger, member) -> None:
    from tallystick.keys import public_key_of

    new = b"\x07" * 32
    grower = member("org:grower")
    done = grower.do(governance.register_key(public_key_of(new), [KeyUse.READ], person="p1"), co_signers=[new])
    assert done.transaction.head.signers[1] == public_key_of(new)


def test_uri_helper_and_event_builder_agree(ledger: Ledger) -> None:
    event = build.pack(read_goods(PALLET), [read_goods(LOT)], at(ledger, "pack"))
    assert event["parentID"] == uri(PALLET)
