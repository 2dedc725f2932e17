"""A node that answers something else, something altered or something older is found out."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from client_sdk import event_builder as build
from client_sdk.errors import AnswerError
from client_sdk.member import Member
from client_sdk.reader import Reader
from client_sdk.transport import Request, Response
from client_sdk.trust import TrustStore, pin
from client_sdk.trust_file import TrustFile
from client_sdk.values import read_goods
from tallystick import api
from tallystick.api import TransactionStatus, b64, unb64
from tallystick.encoding import decode, encode
from tallystick.errors import ProofError
from tallystick.proofs import build_event, build_item, build_record
from tallystick.proofs.bundle import write_bundle
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.goods import item_key
from tallystick.transactions import SignedTransaction
from tests.unit.client_sdk.ledger import FakeNode, Ledger
from tests.unit.client_sdk.test_member_flow import LOT, at
from tests.world import seed


@pytest.fixture
def grower(member) -> Member:
    return member("org:grower")


@pytest.fixture
def transaction(ledger: Ledger, grower: Member) -> SignedTransaction:
    event = build.commission([read_goods(f"{LOT}=10KGM")], at(ledger, "harvest"))
    return grower.client.sign_events(grower.prepare([event]).events, [seed("org:grower", "CAPTURE")])


def rewriting(path: str, change: Callable[[bytes], bytes]) -> Callable[[Request, Response], Response]:
    """A fault: the body of answers about ``path`` is changed on the way."""

    def after(request: Request, response: Response) -> Response:
        if request.path.startswith(path) and response.status < 300:
            return Response(response.status, response.headers, change(response.body))
        return response

    return after


def status_with(**changes: object) -> Callable[[bytes], bytes]:
    """A fault: fields of a status are others."""

    def change(body: bytes) -> bytes:
        status = msgspec.json.decode(body, type=TransactionStatus)
        return msgspec.json.encode(msgspec.structs.replace(status, **changes))

    return change


def receipt_with(**changes: object) -> Callable[[bytes], bytes]:
    """A fault: fields of the receipt in a status are others."""

    def change(body: bytes) -> bytes:
        status = msgspec.json.decode(body, type=TransactionStatus)
        assert status.receipt is not None
        receipt = decode(unb64(status.receipt), Receipt, size_max=2**20)
        altered = b64(encode(msgspec.structs.replace(receipt, **changes)))
        return msgspec.json.encode(msgspec.structs.replace(status, receipt=altered))

    return change


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status_with(id="00" * 32), "answered about"),
        (status_with(height=None), "names no place"),
        (status_with(receipt=None), "no receipt"),
        (status_with(reason="NOT_HOLDER"), "contradict"),
        (status_with(receipt="AAAA"), "no receipt"),
        (status_with(receipt="!"), "not base64url"),
        (receipt_with(subject=b"\x01" * 32), "something else"),
        (receipt_with(height=3), "contradict"),
        (lambda body: b"<html>", "no TransactionStatus"),
        (lambda body: b'{"id": 7}', "no TransactionStatus"),
    ],
)
def test_a_status_that_does_not_fit_is_no_outcome(
    node: FakeNode, grower: Member, transaction: SignedTransaction, fault: Callable[[bytes], bytes], words: str
) -> None:
    node.after = rewriting(api.TRANSACTIONS, fault)
    with pytest.raises(AnswerError, match=words):
        grower.client.submit(transaction)


def test_a_receipt_about_other_events_is_no_outcome(
    ledger: Ledger, node: FakeNode, grower: Member, transaction: SignedTransaction
) -> None:
    def other_event(body: bytes) -> bytes:
        receipt = decode(unb64(json.loads(body)["receipt"]), Receipt, size_max=2**20)
        event = msgspec.structs.replace(receipt.events[0], commitment=b"\x02" * 32)
        return receipt_with(events=(event,))(body)

    node.after = rewriting(api.TRANSACTIONS, other_event)
    with pytest.raises(AnswerError, match="events are not those"):
        grower.client.submit(transaction)


def capture_harvest(grower: Member, transaction: SignedTransaction) -> None:
    grower.client.submit(transaction).require_effect()


def test_a_proof_with_any_flipped_part_is_not_believed(
    ledger: Ledger, node: FakeNode, grower: Member, transaction: SignedTransaction, reader: Reader
) -> None:
    capture_harvest(grower, transaction)
    reader.item(LOT)
    body = node.ledger and reader.item_with_bundle(LOT)[1]
    shown = json.loads(body)
    for path in ("anchor.header.0", "anchor.finalisation.0", "state", "records.0.public", "histories.0.entries.0.0"):
        broken = json.loads(body)
        holder: object = broken
        *outer, last = path.split(".")
        for step in outer:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]  # type: ignore[index]
        key: object = int(last) if isinstance(holder, list) else last
        text = holder[key]  # type: ignore[index]
        holder[key] = ("B" if text[0] != "B" else "C") + text[1:]  # type: ignore[index]
        assert broken != shown
        altered = json.dumps(broken).encode()
        node.after = rewriting(api.ITEM_PROOF, lambda _, altered=altered: altered)
        with pytest.raises(ProofError):
            reader.item(LOT)


def test_a_proof_about_another_item_is_not_an_answer(
    node: FakeNode, grower: Member, transaction: SignedTransaction, reader: Reader
) -> None:
    capture_harvest(grower, transaction)
    _, bundle = reader.item_with_bundle(LOT)
    node.after = rewriting(api.ITEM_PROOF, lambda _: bundle)
    with pytest.raises(ProofError) as caught:
        reader.item(LOT.replace("LOT7", "LOT8"))
    assert caught.value.code == "wrong-subject"


def test_a_proof_about_another_record_is_not_an_answer(ledger: Ledger, node: FakeNode, reader: Reader) -> None:
    other = write_bundle(build_record(b"\x02org:carrier", ledger))
    node.after = rewriting(api.RECORD_PROOF, lambda _: other)
    with pytest.raises(ProofError) as caught:
        reader.record(b"\x02org:grower")
    assert caught.value.code == "wrong-subject"


def test_a_members_half_that_is_not_the_proven_one_is_refused(
    node: FakeNode, grower: Member, transaction: SignedTransaction, reader: Reader
) -> None:
    capture_harvest(grower, transaction)
    assert reader.record(item_key(LOT), members=True).members

    def forge(body: bytes) -> bytes:
        record = decode(body, Record, size_max=2**20)
        return encode(msgspec.structs.replace(record, members=record.members[:-1] + b"\x01"))

    node.after = rewriting(api.RECORD, forge)
    with pytest.raises(AnswerError):
        reader.record(item_key(LOT), members=True)


def test_a_node_that_goes_back_is_not_believed(
    ledger: Ledger, node: FakeNode, grower: Member, transaction: SignedTransaction, reader: Reader
) -> None:
    old = write_bundle(build_record(b"\x02org:grower", ledger))
    capture_harvest(grower, transaction)
    reader.record(b"\x02org:grower")
    node.after = rewriting(api.RECORD_PROOF, lambda _: old)
    with pytest.raises(ProofError) as caught:
        reader.record(b"\x02org:grower")
    assert caught.value.code == "rolled-back"


def test_a_node_that_is_only_behind_is_given_a_moment(
    ledger: Ledger, node: FakeNode, grower: Member, transaction: SignedTransaction, reader: Reader
) -> None:
    old = write_bundle(build_record(b"\x02org:grower", ledger))
    capture_harvest(grower, transaction)
    reader.record(b"\x02org:grower")
    answers = [old, old]
    node.after = rewriting(api.RECORD_PROOF, lambda body: answers.pop() if answers else body)
    assert reader.record(b"\x02org:grower").exists


def test_two_states_of_one_height_are_a_fork_and_stop_everything(ledger: Ledger, reader: Reader) -> None:
    reader.record(b"\x02org:grower")
    trust = reader.trust
    newest = trust.newest
    assert newest is not None
    forked = TrustFile(
        1, "test", ledger.world.chain_id.hex(), trust._file.validators,
        msgspec.structs.replace(newest, state_root="11" * 32),
    )  # fmt: skip
    other = TrustStore(forked)
    with pytest.raises(AnswerError, match="forked"):
        other.advance(reader.record(b"\x02org:grower").anchor)


def test_a_genesis_of_another_chain_is_not_pinned(ledger: Ledger) -> None:
    with pytest.raises(AnswerError, match="not the pinned"):
        pin(encode(ledger.world.genesis), b"\x01" * 32)


def test_no_record_is_proven_not_claimed(reader: Reader) -> None:
    record = reader.record(b"\x02org:nobody")
    assert not record.exists
    assert record.anchor.executed.height >= 0


def test_a_height_asked_for_is_the_height_shown_of_events_and_items(
    ledger: Ledger, node: FakeNode, reader: Reader, transaction: SignedTransaction
) -> None:
    ledger.submit(transaction.raw)
    (commitment,), height = transaction.commitments, ledger.height
    event, item = reader.event(commitment, LOT, height), reader.item(LOT, height)
    assert event.as_of is not None and item.as_of is not None
    assert event.as_of.height == item.as_of.height == height
    newest = {api.EVENT_PROOF: build_event(commitment, LOT, ledger), api.ITEM_PROOF: build_item(LOT, ledger)}
    for path, bundle in newest.items():
        node.after = rewriting(path, lambda _, bundle=bundle: write_bundle(bundle))  # type: ignore[misc]
        with pytest.raises(ProofError) as caught:
            reader.event(commitment, LOT, height) if path == api.EVENT_PROOF else reader.item(LOT, height)
        assert caught.value.code == "wrong-height"
