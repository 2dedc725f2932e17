"""Whatever is lost on the way, nothing is written twice: the same bytes, the same id, the same outcome."""

from __future__ import annotations

import json

import pytest

from client_sdk import event_builder as build
from client_sdk.capture import members_salt, prepare
from client_sdk.client import Client
from client_sdk.errors import DoorError, StillWaitingError
from client_sdk.member import Member
from client_sdk.values import read_goods
from tallystick import api
from tallystick.api import TransactionState
from tallystick.epcis.check_digit import check_digit
from tallystick.errors import ConfigError, UnavailableError
from tallystick.reasons import Reason
from tallystick.transactions import SignedTransaction
from tests.unit.client_sdk.ledger import Dice, FakeNode, Ledger, lost, nodes_for, problem
from tests.unit.client_sdk.test_member_flow import LOT, at
from tests.world import seed


@pytest.fixture
def grower(member) -> Member:
    return member("org:grower")


def signed(ledger: Ledger, grower: Member, name: str = "harvest", lot: str = LOT) -> SignedTransaction:
    """A signed harvest."""
    event = build.commission([read_goods(f"{lot}=1000KGM")], at(ledger, name))
    return grower.client.sign_events(grower.prepare([event]).events, [seed("org:grower", "CAPTURE")])


def blocks(ledger: Ledger) -> int:
    return len(ledger.world.results)


def test_the_same_event_and_secret_give_the_same_bytes(ledger: Ledger) -> None:
    event = build.commission([read_goods(f"{LOT}=1KGM")], at(ledger, "x"))
    first, again = prepare([event], b"s" * 32).events, prepare([dict(reversed(event.items()))], b"s" * 32).events
    assert first == again
    assert first[0].members_salt == members_salt(b"s" * 32, first[0].public, first[0].members)


def test_another_secret_gives_another_commitment(ledger: Ledger) -> None:
    event = build.commission([read_goods(f"{LOT}=1KGM")], at(ledger, "x"))
    (one,), (other,) = prepare([event], b"s" * 32).events, prepare([event], b"t" * 32).events
    assert one.public == other.public and one.commitment() != other.commitment()


def test_an_event_that_stands_twice_in_a_document_is_sent_once(ledger: Ledger) -> None:
    event = build.commission([read_goods(f"{LOT}=1KGM")], at(ledger, "x"))
    prepared = prepare([event, event], b"s" * 32)
    assert (len(prepared.events), prepared.repeated) == (1, (1,))


def test_submitting_again_gives_the_first_outcome(ledger: Ledger, grower: Member) -> None:
    transaction = signed(ledger, grower)
    before = blocks(ledger)
    outcomes = [grower.client.submit(transaction) for _ in range(3)]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert blocks(ledger) == before + 1


def test_when_the_answer_is_lost_the_next_node_is_asked_with_the_same_bytes(
    ledger: Ledger, node: FakeNode, member
) -> None:
    second = FakeNode(ledger, "http://node-2")
    grower = member("org:grower", second)
    transaction = signed(ledger, grower)
    before = blocks(ledger)
    node.after = lambda request, response: lost(request) or response if request.method == "POST" else response
    assert grower.client.submit(transaction).reason is Reason.NONE
    assert blocks(ledger) == before + 1
    posts = [request for request in (*node.requests, *second.requests) if request.method == "POST"]
    assert [request.body for request in posts] == [transaction.raw, transaction.raw]
    assert posts[0].headers["signature"] != posts[1].headers["signature"]  # a nonce works once


def test_a_dead_node_costs_one_try_and_is_not_asked_first_again(ledger: Ledger, node: FakeNode, member) -> None:
    second = FakeNode(ledger, "http://node-2")
    node.before = lost
    grower = member("org:grower", second)
    grower.client.submit(signed(ledger, grower))
    grower.client.head()
    assert len(node.requests) == 1
    assert len(second.requests) >= 2


def test_nobody_answering_names_every_node_and_why(ledger: Ledger, node: FakeNode, member) -> None:
    second = FakeNode(ledger, "http://node-2", before=lambda request: problem(503, "starting", "nothing final yet"))
    node.before = lost
    grower = member("org:grower", second)
    with pytest.raises(UnavailableError) as caught:
        grower.client.head()
    assert "http://node-1" in str(caught.value)
    assert "http://node-2: nothing final yet [starting]" in str(caught.value)


def test_a_node_that_does_not_know_our_key_yet_is_passed_over(ledger: Ledger, node: FakeNode, member) -> None:
    node.before = lambda request: problem(403, "forbidden", "unknown key") if request.method == "POST" else None
    grower = member("org:grower", FakeNode(ledger, "http://node-2"))
    assert grower.client.submit(signed(ledger, grower)).reason is Reason.NONE


def test_a_refusal_at_the_door_is_final(ledger: Ledger, node: FakeNode, grower: Member) -> None:
    transaction = signed(ledger, grower)
    node.before = lambda request: (
        problem(400, "transaction.expired", "valid until 5", "sign it again") if request.method == "POST" else None
    )
    with pytest.raises(DoorError) as caught:
        grower.client.submit(transaction)
    assert (caught.value.reason, caught.value.remedy) == ("transaction.expired", "sign it again")


def test_a_refusal_at_the_door_does_not_hide_that_an_earlier_try_got_through(
    ledger: Ledger, node: FakeNode, grower: Member
) -> None:
    transaction = signed(ledger, grower)
    grower.client.submit(transaction)
    node.before = lambda request: problem(400, "transaction.expired", "") if request.method == "POST" else None
    assert grower.client.submit(transaction).reason is Reason.NONE


def test_the_same_event_signed_anew_is_known_and_no_error(ledger: Ledger, grower: Member) -> None:
    grower.client.submit(signed(ledger, grower))
    event = build.commission(
        [read_goods(f"{LOT}=1000KGM")],
        at(
            ledger,
            "harvest",
        ),
    )
    first_time = ledger.world.blocks[-1][1][0].signed.events
    outcome = grower.client.submit(grower.client.sign_events(first_time, [seed("org:grower", "CAPTURE")]))
    assert event["eventID"].encode() in first_time[0].public
    assert outcome.recorded_before
    assert outcome.require_effect() is outcome
    assert outcome.events[0].reason is Reason.DUPLICATE


def test_one_that_never_gets_proven_is_left_waiting_with_its_id(ledger: Ledger, grower: Member) -> None:
    transaction = signed(ledger, grower)
    ledger.state = TransactionState.ADMITTED
    with pytest.raises(StillWaitingError) as caught:
        grower.client.submit(transaction)
    assert caught.value.transaction_id == transaction.id
    assert grower.client.submit(transaction, wait=TransactionState.ADMITTED).state is TransactionState.ADMITTED


def test_a_node_that_forgot_a_transaction_gets_it_again(ledger: Ledger, node: FakeNode, member) -> None:
    grower = member("org:grower")
    transaction = signed(ledger, grower)
    ledger.state = TransactionState.ADMITTED
    grower.client.submit(transaction, wait=TransactionState.ADMITTED)
    ledger.state = TransactionState.PROVEN
    answers = iter([problem(404, "not-found", "restarted")])
    node.before = lambda request: next(answers, None) if request.path.startswith(api.TRANSACTIONS + "/") else None
    node.after = None
    client: Client = grower.client
    assert client.submit(transaction).reason is Reason.NONE


def test_what_was_signed_for_another_chain_is_not_sent(ledger: Ledger, node: FakeNode, grower: Member) -> None:
    dice = Dice("elsewhere")
    other = Client(nodes_for("org:grower", node, dice=dice), b"\x01" * 32, dice.environment())
    with pytest.raises(ConfigError, match="another chain"):
        other.submit(signed(ledger, grower))


def test_validity_counts_from_the_chains_clock(ledger: Ledger, grower: Member) -> None:
    ledger.world.time_ms += 30 * 86_400_000
    transaction = signed(ledger, grower, "later")
    assert transaction.head.valid_until_ms >= ledger.world.time_ms + 3_600_000


def test_events_that_the_ledger_would_refuse_can_be_left_out_by_name() -> None:
    from client_sdk.capture import prepare_document
    from tallystick.errors import EventError

    common = {"type": "ObjectEvent", "action": "OBSERVE", "eventTime": "2025-09-01T00:00:00Z"}
    events = [
        {**common, "eventTimeZoneOffset": "+00:00", "epcList": [f"https://id.gs1.org/01/{gtin14}/21/A1"]}
        for gtin14 in ("09521002000017", "09521002000016")
    ]
    text = json.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2025-09-01T00:00:00Z",
            "epcisBody": {"eventList": events},
        }
    )
    with pytest.raises(EventError, match="check digit"):
        prepare_document(text.encode(), b"s" * 32)
    prepared = prepare_document(text.encode(), b"s" * 32, skip_refused=True)
    assert prepared.places == (1,)
    assert [warning.rule for warning in prepared.warnings] == ["gs1.check-digit"]


def test_a_party_is_an_organisation_or_a_number_under_its_prefix(ledger: Ledger, grower: Member, member) -> None:
    grower.client.submit(signed(ledger, grower)).require_effect()
    gln = "https://id.gs1.org/417/" + "952133330000" + check_digit("952133330000")
    grower.capture([build.ship([read_goods(LOT)], at(ledger, "s"), sender="org:grower", receiver=gln)])
    received = build.receive([read_goods(LOT)], at(ledger, "r"), sender="org:grower", receiver="org:carrier")
    assert member("org:carrier").capture([received]).outcome.reason is Reason.NONE
