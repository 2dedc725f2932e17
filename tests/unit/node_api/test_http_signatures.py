"""Signed requests: what holds, what does not, and that one byte changed anywhere is noticed."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick import keys
from tallystick.errors import DecodeError, SignatureError
from tallystick.http_signatures import sign_request, verify_request, verify_request_head

SEED = b"\x07" * 32
CHAIN = b"\x01" * 32
NONCE = bytes(range(16))


def signed(method: str = "POST", path: str = "/v1/transactions", query: str = "", body: bytes = b"x") -> dict[str, str]:
    return sign_request(SEED, CHAIN, method, path, query, body, created_s=1_790_000_000, nonce=NONCE)


def test_a_signed_request_says_who_signed_and_when() -> None:
    signature = verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", signed())
    assert signature.key == keys.public_key_of(SEED)
    assert signature.created_s == 1_790_000_000
    assert signature.nonce == NONCE


def test_the_headers_are_those_of_the_specification() -> None:
    headers = signed(body=b"")
    assert headers["content-digest"] == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    assert headers["signature-input"] == (
        'sig=("@method" "@path" "@query" "content-digest");created=1790000000'
        f';nonce="{NONCE.hex()}";keyid="{keys.public_key_of(SEED).hex()}";tag="tallystick-request-v1"'
    )


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "/v1/transactions", ""),
        ("POST", "/v1/transactions/bulk", ""),
        ("POST", "/v1/transactions", "wait=final"),
        ("POST", "/v1%2Ftransactions", ""),
    ],
)
def test_a_signature_holds_for_one_method_path_and_query_only(method: str, path: str, query: str) -> None:
    with pytest.raises(SignatureError):
        verify_request(CHAIN, method, path, query, b"x", signed())


def test_a_signature_holds_on_one_chain_only() -> None:
    with pytest.raises(SignatureError):
        verify_request(b"\x02" * 32, "POST", "/v1/transactions", "", b"x", signed())


def test_another_body_is_refused_though_the_head_verifies() -> None:
    signature = verify_request_head(CHAIN, "POST", "/v1/transactions", "", signed())
    with pytest.raises(DecodeError, match=r"request\.digest"):
        signature.check_body(b"y")


def test_a_digest_that_was_swapped_with_the_body_is_refused() -> None:
    headers = signed() | {"content-digest": signed(body=b"y")["content-digest"]}
    with pytest.raises(SignatureError):
        verify_request(CHAIN, "POST", "/v1/transactions", "", b"y", headers)


def test_a_signature_for_another_purpose_is_no_signed_request() -> None:
    headers = signed()
    parameters = headers["signature-input"].removeprefix("sig=")
    base = (
        f'"@method": POST\n"@path": /v1/transactions\n"@query": ?\n"content-digest": {headers["content-digest"]}\n'
        f'"@signature-params": {parameters}'
    )
    vote = keys.sign(SEED, keys.Purpose.VOTE, CHAIN, base.encode())
    with pytest.raises(SignatureError):
        verify_request(
            CHAIN, "POST", "/v1/transactions", "", b"x", headers | {"signature": f"sig=:{b64encode(vote).decode()}:"}
        )
    request = keys.sign(SEED, keys.Purpose.REQUEST, CHAIN, base.encode())
    headers["signature"] = f"sig=:{b64encode(request).decode()}:"
    verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", headers)


@pytest.mark.parametrize("name", ["content-digest", "signature-input", "signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = {key: value for key, value in signed().items() if key != name}
    with pytest.raises(DecodeError, match=name) as caught:
        verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", headers)
    assert caught.value.rule == "request.unsigned"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("signature-input", '"@query" ', ""),
        ("signature-input", ";created=1790000000", ";created=01790000000"),
        ("signature-input", ";created=1790000000", ";created=1790000000;expires=1790000300"),
        ("signature-input", 'tag="tallystick-request-v1"', 'tag="other"'),
        ("signature-input", "sig=(", "sig1=("),
        ("signature-input", ";nonce=", "; nonce="),
        ("signature", "sig=:", "sig1=:"),
        ("content-digest", "sha-256", "sha-512"),
        ("content-digest", "sha-256", "SHA-256"),
    ],
)
def test_every_other_spelling_of_a_header_is_refused(name: str, old: str, new: str) -> None:
    headers = signed()
    assert old in headers[name]
    with pytest.raises(DecodeError, match=name) as caught:
        verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", headers | {name: headers[name].replace(old, new)})
    assert caught.value.rule == "request.signature-headers"


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("post", "/v1/transactions", ""),
        ("", "/v1/transactions", ""),
        ("P" * 17, "/v1/transactions", ""),
        ("POST", "v1/transactions", ""),
        ("POST", "/v1/trans actions", ""),
        ("POST", "/v1/transactions\n", ""),
        ("POST", "/" + "x" * 4_096, ""),
        ("POST", "/v1/transactions", "wait=final "),
        ("POST", "/v1/transactions", "x" * 8_193),
    ],
)
def test_a_target_that_cannot_stand_in_a_signature_base_is_refused(method: str, path: str, query: str) -> None:
    with pytest.raises(DecodeError) as caught:
        verify_request(CHAIN, method, path, query, b"x", signed())
    assert caught.value.rule == "request.target"


@given(st.sampled_from(["content-digest", "signature-input", "signature"]), st.text(max_size=300))
def test_no_header_whatever_raises_anything_else(name: str, value: str) -> None:
    with pytest.raises((DecodeError, SignatureError)):
        verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", signed() | {name: value})


@given(st.sampled_from(["content-digest", "signature-input", "signature"]), st.data())
def test_one_character_changed_is_noticed(name: str, data: st.DataObject) -> None:
    headers = signed()
    place = data.draw(st.integers(0, len(headers[name]) - 1))
    character = data.draw(st.characters(codec="ascii"))
    changed = headers[name][:place] + character + headers[name][place + 1 :]
    if changed == headers[name]:
        return
    with pytest.raises((DecodeError, SignatureError)):
        verify_request(CHAIN, "POST", "/v1/transactions", "", b"x", headers | {name: changed})


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
def test_no_target_whatever_raises_anything_else(path: str, query: str, method: str) -> None:
    with pytest.raises((DecodeError, SignatureError)):
        verify_request(CHAIN, method, path, query, b"x", signed())


VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "http_signature.json").read_text())


@pytest.mark.parametrize("case", VECTORS["good"], ids=lambda case: case["name"])
def test_the_frozen_vectors_hold_both_ways(case: dict[str, Any]) -> None:
    target = case["method"], case["path"], case["query"], bytes.fromhex(case["body"])
    seed, chain_id = bytes.fromhex(VECTORS["seed"]), bytes.fromhex(VECTORS["chain_id"])
    made = sign_request(seed, chain_id, *target, created_s=VECTORS["created_s"], nonce=bytes.fromhex(VECTORS["nonce"]))
    assert made == case["headers"]
    assert verify_request(chain_id, *target, case["headers"]).key.hex() == VECTORS["public_key"]
