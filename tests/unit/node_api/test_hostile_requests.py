"""Whatever arrives at the doors is answered by a success or a problem: never a 500, never silence."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.ledger import PrunedError
from tallystick.api import BlockAnswer, CertifiedHeader, TransactionStatus
from tallystick.receipts import Receipt
from tests.unit.node_api.api_world import Answer, TwinNode, TwinProofs, World, with_limits

PATHS = [
    "/", "/health", "/metrics", "/.well-known/head", "/v1/genesis", "/v1/headers/1", "/v1/proofs/item",
    "/v1/proofs/event", "/v1/proofs/record", "/v1/transactions", "/v1/transactions/bulk", "/v1/transactions/00",
    "/v1/receipts/" + "00" * 32, "/v1/blocks", "/v1/records", "/v1/history", "/v1/status", "/v1/openapi.json",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"]
HEADERS = ["content-type", "content-length", "authorization", "signature", "signature-input", "content-digest",
           "accept", "range", "expect", "transfer-encoding", "host", "cookie"]  # fmt: skip
RATES = ("requests_per_second", "burst", "transactions_per_second", "transactions_burst",
         "public_requests_per_second", "public_burst")  # fmt: skip
latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60)
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    limits = with_limits(**dict.fromkeys(RATES, 10000000))
    return World(Path(tmp_path_factory.mktemp("doors")), limits)


@cache
def described(world: World) -> dict[str, dict[str, Any]]:
    """Operations of the OpenAPI description by path."""
    paths: dict[str, dict[str, Any]] = json.loads(world.get("/v1/openapi.json").body)["paths"]
    return paths


def check(world: World, answer: Answer) -> None:
    """A success, or a problem that is one, that its route's description names, and never a fault."""
    assert answer.status != 500
    operations = described(world).get(answer.route, {})
    if operations and answer.status != 405:
        assert any(str(answer.status) in operation["responses"] for operation in operations.values()), answer
    if answer.status >= 400:
        assert answer.code != "internal"
        assert set(answer.json) <= {"type", "title", "status", "code", "detail", "path", "remedy", "height"}


@SETTINGS
@given(st.sampled_from(METHODS), st.sampled_from(PATHS), latin, st.dictionaries(st.sampled_from(HEADERS), latin))
def test_unsigned_noise_is_answered(world: World, method: str, path: str, query: str, headers: dict[str, str]) -> None:
    check(world, world.call(method, f"{path}?{query}", headers=headers, body=b"noise"))


@SETTINGS
@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_unknown_paths_are_answered(world: World, path: str) -> None:
    check(world, world.call("GET", "/" + path))


@SETTINGS
@given(
    st.sampled_from(PATHS),
    st.lists(
        st.tuples(
            st.sampled_from(["id", "key", "from", "limit", "wait", "timeout_ms", "commitment", "item", "x"]), latin
        ),
        max_size=3,
    ),
)
def test_signed_reads_with_any_query_are_answered(world: World, path: str, query: list[tuple[str, str]]) -> None:
    target = f"{path}?{urlencode(query, encoding='latin-1')}" if query else path
    check(world, world.read(target))


@SETTINGS
@given(st.binary(max_size=300), st.sampled_from(["/v1/transactions", "/v1/transactions/bulk"]))
def test_signed_noise_is_answered(world: World, body: bytes, path: str) -> None:
    check(world, world.post(path, body))


@SETTINGS
@given(st.data())
def test_a_transaction_with_one_byte_changed_is_never_admitted_as_the_same(world: World, data: st.DataObject) -> None:
    raw = bytearray(world.transaction())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    answer = world.post("/v1/transactions", bytes(raw))
    check(world, answer)
    assert answer.status in (400, 403)
    bulk = world.post("/v1/transactions/bulk", msgspec.msgpack.encode([bytes(raw), world.transaction()]))
    assert [item["admitted"] for item in bulk.json["items"]] == [False, True]


@SETTINGS
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats()
        | st.text(max_size=5)
        | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=20,
    )
)
def test_any_messagepack_value_is_answered(world: World, value: object) -> None:
    body = msgspec.msgpack.encode(value)
    check(world, world.post("/v1/transactions", body))
    check(world, world.post("/v1/transactions/bulk", body))


@pytest.mark.parametrize(
    "body", [b"\x91" * 100_000, b"\x81\xa1a" * 100_000, b"\xdf" + b"\xff" * 4, b"\xc6\xff\xff\xff\xff"]
)
def test_deep_and_lying_messagepack_is_refused(world: World, body: bytes) -> None:
    for path in ("/v1/transactions", "/v1/transactions/bulk"):
        answer = world.post(path, body)
        check(world, answer)
        assert answer.status == 400


GONE = PrunedError(1, 7, ())


class PrunedNode(TwinNode):
    """Was asked for what it executed at a height that it does not keep any more."""

    async def submit(self, raw: bytes) -> TransactionStatus:
        raise GONE

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        raise GONE

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        raise GONE

    def blocks(self, from_height: int, limit: int) -> list[BlockAnswer]:
        raise GONE

    def certified_header(self, height: int) -> CertifiedHeader | None:
        raise GONE


class PrunedProofs(TwinProofs):
    """Of the same node."""

    def receipt(self, transaction_id: bytes) -> Any:
        raise GONE


def test_what_is_no_longer_kept_is_a_410_that_the_description_names(tmp_path: Path) -> None:
    world = World(tmp_path, node=PrunedNode(), proofs=PrunedProofs())
    id_ = "5f" * 32
    answers = [
        world.get("/v1/headers/1"),
        world.post("/v1/transactions", world.transaction()),
        *(world.read(path) for path in (f"/v1/transactions/{id_}", f"/v1/transactions/{id_}?wait=final")),
        *(world.read(path) for path in (f"/v1/receipts/{id_}", f"/v1/receipts/{id_}/proof", "/v1/blocks?from=1")),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (410, "pruned"), answer
        check(world, answer)
