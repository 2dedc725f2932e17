"""The query API: the same facts in JSON, each answer with its height, errors as problems."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import create_engine, select

from explorer import schema
from tallystick.api import HeadAnswer, unb64
from tallystick.blocks import Header
from tallystick.encoding import decode
from tallystick.proofs import VerifiedItem, verify_bundle
from tests.unit.explorer.chain import FOREIGN, NEVER, PACK, PALLET
from tests.unit.explorer.sites import Explorer


def test_an_item_has_its_history_and_its_height(explorer: Explorer) -> None:
    answer = explorer.get(f"/v1/items/{PACK}")
    value = json.loads(answer.body)
    assert answer.headers["ledger-height"] == str(value["as_of"]) == str(explorer.follower.status.height)
    assert value["known"] and len(value["journey"]) == 11
    assert value["proof"] == f"/v1/proofs/item?id={PACK}"
    earlier = json.loads(explorer.get(f"/v1/items/{PACK}?at=20").body)
    assert len(earlier["journey"]) == 2 and earlier["as_of"] == 20
    assert json.loads(explorer.get(f"/v1/items/{FOREIGN}").body)["known"] is False


def test_an_event_says_what_became_of_it(explorer: Explorer) -> None:
    with explorer.engine.connect() as connection:
        rows = connection.execute(select(schema.events.c.commitment, schema.events.c.status)).all()
    names = {1: "effective", 2: "stated", 3: "refused"}
    for commitment, status in rows:
        value = json.loads(explorer.get(f"/v1/events/{commitment.hex()}").body)
        assert value["status"] == names[status]
        assert (value["reason"] == "NONE") == (status < 3)
        assert json.loads(value["public"])["eventTime"] == value["event_time"]
        assert bool(value["things"]) == (status < 3)


def test_a_block_can_be_checked_from_its_answer(explorer: Explorer) -> None:
    answer = explorer.get("/v1/blocks/20")
    value = json.loads(answer.body)
    header = decode(unb64(value["header"]), Header, size_max=4_096)
    assert header.block_hash().hex() == value["hash"]
    assert len(value["signers"]) == 3
    assert "immutable" in answer.headers["cache-control"]
    listed = json.loads(explorer.get("/v1/blocks?limit=3").body)["blocks"]
    newest = explorer.follower.status.height
    assert [block["height"] for block in listed] == [newest, newest - 1, newest - 2]


def test_a_proof_is_passed_on_whole(explorer: Explorer) -> None:
    for thing in (PACK, PALLET, NEVER):
        answer = explorer.get(f"/v1/proofs/item?id={thing}")
        verified = verify_bundle(answer.body, explorer.site.trust)
        assert isinstance(verified, VerifiedItem) and verified.closure.subject == thing
        assert answer.headers["content-disposition"].startswith("attachment")


def test_the_head_is_passed_on_for_anybody(explorer: Explorer) -> None:
    import msgspec

    answer = explorer.get("/.well-known/head")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert msgspec.json.decode(answer.body, type=HeadAnswer).chain_id == explorer.site.founding.chain_id.hex()


def test_health_says_how_far_the_copy_is(explorer: Explorer) -> None:
    answer = explorer.get("/health")
    value = json.loads(answer.body)
    assert value["height"] == explorer.follower.status.height and value["trouble"] == ""
    assert value["stale"] and not value["ok"] and answer.status == 200  # the story's blocks are of a day long past


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/v1/items/{NEVER}", 404, "unknown-item"),
        ("/v1/items/rubbish", 404, "not-a-key"),
        ("/v1/items/01/09521234510001", 404, "not-a-key"),
        (f"/v1/items/{PACK}?at=-1", 422, "malformed"),
        (f"/v1/items/{PACK}?at=abc", 422, "malformed"),
        ("/v1/blocks?at=1_0", 422, "malformed"),
        ("/v1/blocks?below=%201", 422, "malformed"),
        ("/v1/blocks?limit=1.0", 422, "malformed"),
        ("/v1/blocks?at=01", 422, "malformed"),
        ("/v1/blocks/+1", 422, "malformed"),
        ("/v1/blocks/", 404, "not-found"),
        ("/v1/events/abc", 422, "malformed"),
        (f"/v1/events/{'0' * 64}", 404, "unknown-event"),
        ("/v1/blocks/0", 422, "malformed"),
        ("/v1/blocks/99999", 404, "unknown-block"),
        ("/v1/blocks?limit=1000", 422, "malformed"),
        ("/v1/proofs/item", 422, "malformed"),
        ("/v1/proofs/item?id=../etc", 404, "not-a-key"),
        (f"/v1/proofs/item?id={PACK}&at=999999", 404, "no-proof"),
        ("/v1/nowhere", 404, "not-found"),
        (f"/v1/items/{PACK}?at=1&at=25", 400, "query"),
        (f"/v1/items/{PACK}?hieght=1", 400, "query"),
        ("/v1/blocks?limt=5", 400, "query"),
        ("/v1/blocks/1?at=1", 400, "query"),
        (f"/v1/events/{'0' * 64}?x", 400, "query"),
        (f"/v1/proofs/item?id={PACK}&id={PACK}", 400, "query"),
        ("/.well-known/head?x=1", 400, "query"),
        ("/health?%ff=", 400, "query"),
    ],
)
def test_errors_are_problems(explorer: Explorer, path: str, status: int, code: str) -> None:
    answer = explorer.get(path)
    value = json.loads(answer.body)
    assert (answer.status, value["status"], value["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert value["type"] == f"urn:tallystick:problem:{code}" and value["title"]


def test_a_wrong_parameter_is_pointed_at(explorer: Explorer) -> None:
    for path, place, remedy in (
        ("/v1/blocks?limt=5", "/query/limt", "known here: at, below, limit"),
        ("/v1/blocks?limit=5&limit=6", "/query/limit", "give it once"),
        ("/v1/blocks?limit=x", "/query/limit", ""),
        ("/health?x", "/query/x", "none is known here"),
    ):
        value = json.loads(explorer.get(path).body)
        assert (value["path"], value.get("remedy", "")) == (place, remedy)


def test_a_read_model_that_does_not_answer_is_a_problem_with_a_remedy(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = create_engine("sqlite:////nowhere/explorer.db")
    monkeypatch.setattr(explorer.site, "engine", nowhere)
    answer = explorer.get(f"/v1/items/{PACK}")
    value = json.loads(answer.body)
    assert (answer.status, value["code"]) == (503, "read-model")
    assert value["remedy"] == "try again in a moment" and "nowhere" not in answer.text
    assert explorer.get(f"/en/{PACK}").status == 503


def test_the_api_describes_itself(explorer: Explorer) -> None:
    value = json.loads(explorer.get("/openapi.json").body)
    operations = [operation for path in value["paths"].values() for operation in path.values()]
    assert {"item", "event", "blocks", "block", "itemProof", "head", "health"} == {o["operationId"] for o in operations}
    assert all(operation["summary"] for operation in operations)
    assert not any(path.startswith(("/static", "/event", "/01")) for path in value["paths"])
