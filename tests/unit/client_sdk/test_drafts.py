"""Two persons sign one transaction at home: what each signs, and what a stripped signature makes of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from client_sdk.drafts import Draft, complete, load_draft, read_draft, save_draft, sign_draft
from client_sdk.errors import DoorError
from client_sdk.intents import finance
from client_sdk.member import Member
from tallystick.encoding import encode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.records.members import KeyUse
from tallystick.transactions import WireTransaction
from tests.unit.client_sdk.ledger import FakeNode, Ledger
from tests.world import public_key, seed

MAKER, CHECKER = seed("org:retailer", "CONFIRM_MAKER"), seed("org:retailer", "CONFIRM_CHECKER")
SIGNERS = (public_key("org:retailer", "CONFIRM_MAKER"), public_key("org:retailer", "CONFIRM_CHECKER"))


@pytest.fixture
def retailer(ledger: Ledger, member) -> Member:
    ledger.world.add_keys("org:retailer", KeyUse.CONFIRM_MAKER, KeyUse.CONFIRM_CHECKER)
    return member("org:retailer")


@pytest.fixture
def draft(retailer: Member) -> Draft:
    return retailer.draft(finance.confirm(b"\x01" * 32, b"\x02" * 32, 100), SIGNERS)


def test_a_draft_goes_from_hand_to_hand_and_becomes_a_transaction(
    draft: Draft, retailer: Member, tmp_path: Path
) -> None:
    path = tmp_path / "confirm.draft"
    save_draft(draft, path)
    assert load_draft(path).missing() == SIGNERS
    save_draft(sign_draft(load_draft(path), CHECKER), path)
    assert load_draft(path).missing() == SIGNERS[:1]
    save_draft(sign_draft(load_draft(path, retailer.client.chain_id), MAKER), path)
    transaction = complete(load_draft(path))
    transaction.verify_signatures()
    assert transaction.id == draft.id
    assert (
        retailer.client.submit(transaction).reason.name == "NOT_FOUND"
    )  # there is no such obligation; the keys are fine


def test_a_draft_that_is_not_signed_by_all_is_no_transaction(draft: Draft) -> None:
    with pytest.raises(ConfigError, match="not signed yet"):
        complete(sign_draft(draft, MAKER))


def test_a_stripped_signature_is_malformed_and_no_node_takes_it(
    ledger: Ledger, node: FakeNode, draft: Draft, retailer: Member
) -> None:
    whole = complete(sign_draft(sign_draft(draft, MAKER), CHECKER))
    stripped = WireTransaction(whole.head_bytes, whole.signatures[:1], (), whole.payload)
    with pytest.raises(DoorError) as caught:
        retailer.client.nodes.post("/v1/transactions", encode(stripped))
    assert caught.value.reason == "transaction.signatures"
    assert whole.id not in ledger.statuses


def test_somebody_else_cannot_sign(draft: Draft) -> None:
    with pytest.raises(ConfigError, match="none of this transaction's signers"):
        sign_draft(draft, b"\x09" * 32)


def test_contents_that_the_head_does_not_bind_are_not_shown_for_signing(draft: Draft) -> None:
    other = msgspec.structs.replace(draft, payload=draft.payload[:-1] + bytes((draft.payload[-1] ^ 1,)))
    with pytest.raises(DecodeError) as caught:
        read_draft(encode(other))
    assert caught.value.rule == "transaction.digest"


def test_a_forged_signature_is_found_before_anything_is_sent(draft: Draft) -> None:
    with pytest.raises(SignatureError):
        read_draft(encode(msgspec.structs.replace(draft, signatures=(b"\x01" * 64, b""))))


def test_a_draft_for_another_chain_is_not_signed(draft: Draft) -> None:
    with pytest.raises(DecodeError) as caught:
        read_draft(encode(draft), b"\x01" * 32)
    assert caught.value.rule == "transaction.chain"


def test_a_draft_of_another_format_is_not_signed_and_stays_as_it_is(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "confirm.draft"
    path.write_bytes(encode(msgspec.structs.replace(draft, format=2)))
    before = path.read_bytes()
    with pytest.raises(DecodeError, match="format 2; this software reads 1") as caught:
        save_draft(sign_draft(load_draft(path), CHECKER), path)
    assert caught.value.rule == "draft.format"
    assert path.read_bytes() == before


def test_any_bytes_are_a_draft_or_an_error() -> None:
    for data in (b"", b"\x94", b"\xff" * 100, b"\x90"):
        with pytest.raises(DecodeError):
            read_draft(data)
