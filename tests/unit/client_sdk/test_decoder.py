"""Any bytes of the ledger are shown with names, by a reader of their own."""

from __future__ import annotations

import json

import pytest

from client_sdk.decoder import KINDS, decode_for_people, to_json
from tallystick.encoding import encode
from tallystick.errors import DecodeError
from tallystick.payloads import encode_payload
from tests.unit.client_sdk.ledger import Ledger
from tests.unit.client_sdk.test_intents import intents


def test_every_payload_is_shown_with_its_name_and_fields() -> None:
    for intent in intents():
        kind, shown = decode_for_people(encode_payload(b"s" * 32, intent.payload))
        assert kind == "payload" and isinstance(shown, dict)
        assert shown["payload"] == type(intent.payload).__name__
        assert set(shown["value"]) == set(intent.payload.__struct_fields__)  # type: ignore[arg-type]
        json.loads(to_json(shown))


def test_a_transaction_is_shown_to_its_last_field(ledger: Ledger, member) -> None:
    from tests.unit.client_sdk.test_member_flow import harvest

    harvest(ledger, member("org:grower"))
    raw = ledger.raws[ledger.height][0]
    kind, shown = decode_for_people(raw)
    assert kind == "transaction" and isinstance(shown, dict)
    head, (event,) = shown["head"], shown["events"]  # type: ignore[misc]
    assert head["chain_id"] == ledger.world.chain_id.hex()  # type: ignore[index,call-overload]
    assert head["kind"] == "EVENTS"  # type: ignore[index,call-overload]
    assert json.loads(event["public"])["bizStep"] == "creating_class_instance"  # type: ignore[index,call-overload,arg-type]


def test_headers_receipts_records_and_genesis_are_recognised(ledger: Ledger) -> None:
    values = {
        "header": ledger.header(),
        "receipt": ledger.world.results[0].receipts[0],
        "record": next(iter(ledger.world.state.records.values())),
        "genesis": ledger.world.genesis,
        "card": ledger.world.genesis.cards[0],
        "validators": ledger.world.genesis.validators(),
    }
    for kind, value in values.items():
        assert decode_for_people(encode(value))[0] == kind
        assert decode_for_people(encode(value), kind)[0] == kind


@pytest.mark.parametrize("kind", [*KINDS, "payload"])
def test_what_is_not_of_the_kind_asked_for_is_said_so(kind: str) -> None:
    with pytest.raises(DecodeError):
        decode_for_people(encode((1, 2, 3)), kind)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01", b"\xa5abc", b"\x01\x02", b"\x91" * 5_000])
def test_what_is_no_message_pack_is_said_so(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_for_people(data)


def test_what_no_message_holds_is_shown_as_such() -> None:
    import msgpack

    kind, shown = decode_for_people(msgpack.packb([1.5, {"a": 1}, None, True, "x", b"\x01"]))
    assert kind == "msgpack"
    assert shown[2:] == [None, True, "x", "01"]  # type: ignore[index]
    assert "no ledger value" in str(shown[0])  # type: ignore[index]
