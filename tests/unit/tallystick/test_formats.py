"""The frozen wire formats: bytes read back, hashes recomputed, second spellings refused, another reader agrees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick import blocks, epochs, keys, transactions, validators, votes
from tallystick.encoding import Message, decode, encode
from tallystick.epochs import EpochProof, verify_epoch_proof
from tallystick.errors import CertificateError, DecodeError, ProofError, SignatureError
from tallystick.payloads import membership as orders
from tallystick.records import base, chain, goods, membership
from tests import proof_world as w

ROOT = Path(__file__).resolve().parents[3]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "formats.json").read_text())
TYPES: dict[str, type[Message]] = {
    name: value
    for module in (blocks, epochs, transactions, validators, votes, base, chain, goods, membership, orders)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, Message)
}


def plain(value: Any) -> Any:
    """A message as the lists that an independent MessagePack reader gives."""
    if isinstance(value, Message):
        tag = value.__struct_config__.tag
        return ([] if tag is None else [tag]) + [plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda vector: vector["name"])
def test_good_bytes_are_read_written_back_and_read_alike_by_another_library(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["bytes"])
    value = decode(data, TYPES[vector["type"]], size_max=10_000)
    assert encode(value) == data
    assert msgpack.unpackb(data) == plain(value)


@pytest.mark.parametrize("vector", VECTORS["broken"], ids=lambda vector: vector["name"])
def test_broken_bytes_are_refused_by_their_rule(vector: dict[str, str]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(vector["bytes"]), TYPES[vector["type"]], size_max=10_000)
    assert caught.value.rule == vector["rule"]


def test_the_vectors_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_format_vectors.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1_200)
    assert result.returncode == 0, result.stdout + result.stderr


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_one_value_or_one_error(data: bytes) -> None:
    for type_ in (blocks.Header, votes.Certificate, transactions.WireTransaction, base.Record):
        try:
            assert encode(decode(data, type_, size_max=1_000)) == data
        except DecodeError as error:
            assert error.rule in {"malformed", "non-canonical"}


def test_longer_input_than_allowed_is_refused_before_it_is_read() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes(101), blocks.Header, size_max=100)
    assert caught.value.rule == "too-long"


def sample(**changes: Any) -> transactions.SignedTransaction:
    fields: dict[str, Any] = {
        "chain_id": w.CHAIN_ID,
        "nonce": bytes(16),
        "valid_until_ms": 1_000,
        "seeds": [w.seed("maker"), w.seed("checker")],
        "events": (transactions.Event(b"{}"), transactions.Event(b'{"a":1}')),
        **changes,
    }
    return transactions.sign_transaction(**fields)


def rewire(**changes: Any) -> bytes:
    signed = sample()
    wire = transactions.WireTransaction(signed.head_bytes, signed.signatures, signed.events, signed.payload)
    fields = {name: getattr(wire, name) for name in wire.__struct_fields__} | changes
    return encode(transactions.WireTransaction(**fields))


def refused(raw: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        transactions.decode_transaction(raw, w.CHAIN_ID)
    return caught.value.rule


def test_a_transaction_survives_the_wire_and_its_signatures_hold() -> None:
    signed = sample()
    again = transactions.decode_transaction(signed.raw, w.CHAIN_ID)
    again.verify_signatures()
    assert (again.id, again.commitments, again.witness_leaf) == (signed.id, signed.commitments, signed.witness_leaf)


def test_a_stripped_or_added_signature_is_malformed_and_a_reordered_one_does_not_verify() -> None:
    first, second = sample().signatures
    assert refused(rewire(signatures=(first,))) == "transaction.signatures"
    assert refused(rewire(signatures=(first, second, first))) == "transaction.signatures"
    swapped = transactions.decode_transaction(rewire(signatures=(second, first)), w.CHAIN_ID)
    with pytest.raises(SignatureError):
        swapped.verify_signatures()
    assert swapped.id == sample().id and swapped.witness_leaf != sample().witness_leaf


def test_contents_other_than_those_signed_for_are_refused() -> None:
    events = sample().events
    assert refused(rewire(events=(events[0],))) == "transaction.contents"
    assert refused(rewire(events=(events[1], events[0]))) == "transaction.digest"
    assert refused(rewire(events=(events[0], events[0]))) == "transaction.repeated-event"
    assert refused(rewire(events=(events[0], transactions.Event(b'{"a":2}')))) == "transaction.digest"
    assert refused(rewire(payload=bytes(40))) == "transaction.contents"
    assert refused(rewire(events=())) == "transaction.contents"


def test_half_present_slots_are_refused() -> None:
    events = sample().events
    assert refused(rewire(events=(events[0], transactions.Event(b"{}", bytes(32))))) == "event.members-slot"
    assert refused(rewire(events=(events[0], transactions.Event(b"{}", b"", b"{}")))) == "event.members-slot"
    assert refused(rewire(events=(events[0], transactions.Event(b"{}", sealed_count=1)))) == "event.sealed-slot"


def test_another_chain_and_another_version_are_refused() -> None:
    signed = sample()
    with pytest.raises(DecodeError) as caught:
        transactions.decode_transaction(signed.raw, bytes(32))
    assert caught.value.rule == "transaction.chain"
    head = decode(signed.head_bytes, transactions.Head, size_max=1_024)
    fields = {name: getattr(head, name) for name in head.__struct_fields__} | {"version": 2}
    assert refused(rewire(head=encode(transactions.Head(**fields)))) == "transaction.version"


def test_validity_is_a_closed_window_before_the_deadline() -> None:
    head = sample().head
    transactions.check_validity(head, 1_000)
    with pytest.raises(DecodeError) as caught:
        transactions.check_validity(head, 1_001)
    assert caught.value.rule == "transaction.expired"
    far = sample(valid_until_ms=transactions.VALIDITY_MAX_MS + 11).head
    with pytest.raises(DecodeError) as caught:
        transactions.check_validity(far, 10)
    assert caught.value.rule == "transaction.valid-too-long"


@pytest.mark.parametrize("key", sorted(keys.SMALL_ORDER_KEYS), ids=lambda key: key.hex()[:8])
def test_keys_of_small_order_are_refused(key: bytes) -> None:
    with pytest.raises(SignatureError):
        keys.check_public_key(key)


@pytest.mark.parametrize("low", range(19))
def test_keys_that_are_not_canonically_encoded_are_refused(low: int) -> None:
    for sign in (0, 1 << 255):
        with pytest.raises(SignatureError):
            keys.check_public_key(((2**255 - 19 + low) | sign).to_bytes(32, "little"))


def test_a_signature_for_one_purpose_or_chain_is_none_for_another() -> None:
    seed = w.seed("any")
    public = keys.public_key_of(seed)
    signature = keys.sign(seed, keys.Purpose.VOTE, w.CHAIN_ID, b"m")
    keys.verify(public, signature, keys.Purpose.VOTE, w.CHAIN_ID, b"m")
    for purpose, chain_id, message in (
        (keys.Purpose.PROPOSAL, w.CHAIN_ID, b"m"),
        (keys.Purpose.VOTE, bytes(32), b"m"),
        (keys.Purpose.VOTE, w.CHAIN_ID, b"n"),
    ):
        with pytest.raises(SignatureError):
            keys.verify(public, signature, purpose, chain_id, message)


@given(st.integers(1, 31))
def test_any_two_quorums_share_an_honest_validator_and_the_honest_form_one(count: int) -> None:
    quorum, faulty = validators.quorum_count(count), validators.faults_max(count)
    assert 2 * quorum - count > faulty
    assert count - faulty >= quorum


def test_an_epoch_proof_leads_to_the_next_validators_and_to_no_others() -> None:
    world = w.finished_world()
    following = validators.validator_set(w.validators().members[:3])
    boundary = world.header(next_validators_hash=following.digest())
    proof = EpochProof(boundary, None, w.certify(boundary), following)
    assert verify_epoch_proof(proof, w.validators(), w.CHAIN_ID) == following
    for broken, code in (
        (EpochProof(boundary, None, w.certify(boundary), w.validators()), "unknown-validators"),
        (EpochProof(boundary, None, w.certify(world.header()), following), "not-in-chain"),
        (EpochProof(world.header(chain_id=bytes(32)), None, w.certify(boundary), following), "wrong-chain"),
    ):
        with pytest.raises(ProofError) as caught:
            verify_epoch_proof(broken, w.validators(), w.CHAIN_ID)
        assert caught.value.code == code
    with pytest.raises(CertificateError):
        verify_epoch_proof(
            EpochProof(boundary, None, w.certify(boundary, signer_count=2), following), w.validators(), w.CHAIN_ID
        )
