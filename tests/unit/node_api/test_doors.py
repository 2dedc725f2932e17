"""Every endpoint of both doors, who may use it, and what is refused how."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from node.api.auth import NONCES_MAX
from node.api.members import ANSWER_SIZE_MAX
from node.api.public import REQUEST_S
from tallystick.api import BlockAnswer, CertifiedHeader, HistoryAnswer, TransactionState, TransactionStatus
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochProof, EpochStep
from tallystick.errors import StorageError
from tallystick.genesis import Genesis
from tallystick.limits import BULK_SIZE_MAX, BULK_TRANSACTIONS_MAX, TRANSACTION_SIZE_MAX
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.members import KeyStatus, KeyUse, OrganisationStatus
from tallystick.votes import Certificate, Statement, VoteKind
from tests import proof_world as w
from tests.unit.node_api.api_world import World, head_answer, receipt_for, with_limits

ID = "5f" * 32
BLOCK = BlockAnswer(b"header", None, (b"raw",), (b"receipt",))
FINAL = Certificate(Statement(0, VoteKind.FINALIZE, 1, bytes(32)), 1, (bytes(64),))
MEMBERS_READS = [f"/v1/transactions/{ID}", f"/v1/receipts/{ID}", "/v1/status", "/v1/blocks", "/v1/records?key=01",
                 "/v1/history?key=01"]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- public door ----------------------------------------------------------------------------------------------


def test_head_is_an_answer_once_something_is_final(world: World) -> None:
    answer = world.get("/.well-known/head")
    assert answer.code == "starting"
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    world.node.newest = head_answer(world.node.chain_id)
    assert world.get("/.well-known/head").json["chain_id"] == world.node.chain_id.hex()


def test_health_says_alive_and_whether_well(world: World) -> None:
    assert world.get("/health").json == {"ok": True, "height": 42, "executed_height": 42, "peers": 1}
    world.node.executed_height = 0
    assert world.get("/health").json["ok"] is False


def test_metrics_name_what_the_node_counts(world: World) -> None:
    world.get("/health")
    text = world.get("/metrics").body.decode()
    for line in (
        "tallystick_height 42.0",
        "tallystick_blocks_executed_total 7.0",
        "tallystick_uncertified_root_mismatches_total 0.0",
        'tallystick_peer_height{peer="org:carrier"} 42.0',
        "tallystick_chain_minus_clock_seconds -0.04",
        'tallystick_http_requests_total{route="/health",status="200"} 1.0',
    ):
        assert line in text


def test_genesis_is_the_bytes_whose_hash_is_the_chain_id(world: World) -> None:
    answer = world.get("/v1/genesis")
    assert decode(answer.body, Genesis, size_max=10_000).chain_id() == world.node.chain_id
    assert "immutable" in answer.headers["cache-control"]


def test_a_header_that_is_not_final_is_a_404_with_the_height(world: World) -> None:
    answer = world.get("/v1/headers/43")
    assert answer.code == "not-found"
    assert answer.json["height"] == 42
    certified = CertifiedHeader(b"header", (), FINAL)
    world.node.certified[43] = certified
    assert world.get("/v1/headers/43").body == encode(certified)


def test_the_end_of_an_epoch_is_a_404_until_it_has_come(world: World) -> None:
    assert world.get("/v1/epochs/0").code == "not-found"
    header = w.finished_world().header()
    step = EpochStep(w.validators(), EpochProof(header, None, w.certify(header), w.validators()))
    world.node.epochs[0] = step
    answer = world.get("/v1/epochs/0")
    assert answer.body == encode(step) and "immutable" in answer.headers["cache-control"]
    assert world.get("/v1/epochs/00").code == "query"


def test_proofs_are_asked_with_exact_identifiers(world: World) -> None:
    assert world.get("/v1/proofs/item?id=01/09521234543213/21/A1").json == {"item": "01/09521234543213/21/A1"}
    assert world.get(f"/v1/proofs/event?commitment={ID}&item=01/09521234543213").json["commitment"] == ID
    assert world.get("/v1/proofs/record?key=01ff").json == {"key": "01ff"}
    assert world.get("/v1/proofs/block?height=0").json == {"height": 0}
    assert world.read(f"/v1/receipts/{ID}/proof").json == {"transaction": ID}
    assert world.get(f"/v1/receipts/{ID}/proof").code == "unauthenticated"


def test_proofs_as_of_a_height_are_asked_with_at_and_a_pruned_one_says_what_is_left(world: World) -> None:
    things = ("item?id=01/09521234543213", f"event?commitment={ID}&item=01/09521234543213", "record?key=01ff")
    for target in (*things, "evidence?key=17ff"):
        assert world.get(f"/v1/proofs/{target}&at=9").json["at"] == 9
        assert world.get(f"/v1/proofs/{target}&at=09").code == "query"
    assert world.read("/v1/records/proof?key=01ff&at=0").json["at"] == 0
    assert world.read(f"/v1/receivables/proof?obligation={ID}&at=7").json["at"] == 7
    pruned = world.get("/v1/proofs/item?id=01/09521234543213&at=1")
    assert (pruned.status, pruned.code) == (410, "pruned")
    assert "7 is the oldest" in pruned.json["detail"] and "/v1/proofs/block" in pruned.json["remedy"]


def test_a_receivables_proof_is_asked_for_in_the_name_of_whoever_signed(world: World) -> None:
    target = f"/v1/receivables/proof?obligation={ID}"
    assert world.read(target).json == {"obligation": ID, "grant": None, "for": "org:grower"}
    world.register("lender", KeyUse.READ, organisation="org:lender-a")
    assert world.read(f"{target}&grant={ID}", "lender").json == {"obligation": ID, "grant": ID, "for": "org:lender-a"}
    token = {"authorization": f"Bearer {world.token}"}
    assert world.get(target, token).json["for"] == "org:grower"  # the member whose node it is
    assert world.get(target).code == "unauthenticated"
    assert world.read(target, "capture").code == "forbidden"


def test_every_page_of_the_world_may_read_the_public_door_and_no_other(world: World) -> None:
    for target in ("/health", "/v1/genesis", "/v1/proofs/item?id=x", "/v1/proofs/item"):
        assert world.get(target).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in world.read("/v1/status").headers


@pytest.mark.parametrize(
    "target",
    [
        "/v1/headers/01", "/v1/headers/-1", "/v1/headers/1.0", "/v1/headers/1e3", "/v1/headers/９",
        "/v1/headers/9999999999999999", "/v1/proofs/item", "/v1/proofs/item?id=", "/v1/proofs/item?id=%00",
        "/v1/proofs/item?id=aaaa&id=bbbb", "/v1/proofs/item?id=aaaa&unknown=1", "/health?x", "/health?x=1",
        f"/v1/proofs/event?commitment={ID[:-1]}&item=aaaa", f"/v1/proofs/event?commitment={ID.upper()}&item=aaaa",
        "/v1/proofs/record?key=0", "/v1/proofs/record?key=", "/v1/proofs/record?key=" + "00" * 513,
    ],
)  # fmt: skip
def test_a_parameter_in_any_other_spelling_is_refused_by_its_path(world: World, target: str) -> None:
    answer = world.call("GET", target.replace("９", "\xd9"))
    assert answer.status == 400
    assert answer.code == "query"
    assert answer.json["path"].startswith(("/query/", "/path/"))
    assert answer.json["remedy"]


def test_what_does_not_exist_and_what_is_not_taken_are_problems_too(world: World) -> None:
    assert world.get("/").code == "not-found"
    assert world.get("/docs").status == 404
    assert world.get("/v1/headers/1/").status == 404
    answer = world.call("DELETE", "/v1/transactions")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method-not-allowed", "POST")


# --- members' door: who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", MEMBERS_READS)
def test_members_routes_are_closed_to_strangers(world: World, target: str) -> None:
    answer = world.get(target)
    assert answer.status == 401
    assert answer.code == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Signature")


@pytest.mark.parametrize("target", MEMBERS_READS)
def test_members_routes_open_for_a_reading_key_and_for_a_token(world: World, target: str) -> None:
    assert world.read(target).status in (200, 404)
    assert world.get(target, {"authorization": f"Bearer {world.token}"}).status in (200, 404)


@pytest.mark.parametrize("target", MEMBERS_READS[3:])
def test_members_data_needs_a_key_for_the_use_read(world: World, target: str) -> None:
    answer = world.read(target, "capture")
    assert (answer.status, answer.code) == (403, "forbidden")
    assert "READ" in answer.json["remedy"]


def test_a_root_key_submits_what_it_signed_and_a_validator_key_nothing(world: World) -> None:
    world.register("root-key", KeyUse.ROOT)
    world.register("validator-key", KeyUse.VALIDATOR)
    assert world.post("/v1/transactions", world.transaction(), name="root-key").status == 202
    answer = world.post("/v1/transactions", world.transaction(), name="validator-key")
    assert (answer.status, answer.code) == (403, "forbidden")


def test_unknown_revoked_and_suspended_keys_are_told_apart(world: World) -> None:
    world.register("revoked", KeyUse.READ, status=KeyStatus.REVOKED)
    for name, word in (("nobody", "not registered"), ("revoked", "revoked")):
        answer = world.read("/v1/status", name)
        assert (answer.status, answer.code) == (403, "forbidden")
        assert word in answer.json["detail"]
    world.register("lost", KeyUse.READ, organisation="org:lost", organisation_status=OrganisationStatus.SUSPENDED)
    assert "suspended" in world.read("/v1/status", "lost").json["detail"]


@pytest.mark.parametrize("age_s", [61, -61, 100_000])
def test_a_request_signed_too_long_ago_or_ahead_is_refused(world: World, age_s: int) -> None:
    answer = world.get("/v1/status", world.sign("GET", "/v1/status", age_s=age_s))
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert str(int(world.wall_s)) in answer.json["detail"]
    assert world.get("/v1/status", world.sign("GET", "/v1/status", age_s=max(-60, min(60, age_s)))).status == 200


def test_a_request_played_again_is_refused_for_as_long_as_it_could_be_valid(world: World) -> None:
    headers = world.sign("GET", "/v1/status", age_s=-60)
    assert world.get("/v1/status", headers).status == 200
    for seconds in (0, 1, 59, 60):
        world.wall_s += seconds
        world.monotonic_s += seconds
        answer = world.get("/v1/status", headers)
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert "nonce" in answer.json["detail"]


def test_nonces_of_two_keys_do_not_meet_and_are_forgotten_in_time(world: World) -> None:
    for name in ("reader", "capture"):
        assert world.get("/v1/status", world.sign("GET", "/v1/status", name=name, nonce=77)).status == 200
    for _ in range(3):
        world.wall_s += 121
        world.monotonic_s += 121
        world.read("/v1/status")
    assert world.get("/v1/status", world.sign("GET", "/v1/status", nonce=77)).status == 200
    assert 120 * with_limits().requests_per_second <= NONCES_MAX


def test_a_signature_for_another_chain_query_or_body_is_refused(world: World) -> None:
    other = world.sign("GET", "/v1/status", chain_id=bytes(32))
    assert world.get("/v1/status", other).code == "unauthenticated"
    assert world.get("/v1/blocks?from=2", world.sign("GET", "/v1/blocks?from=1")).code == "unauthenticated"
    headers = {"content-type": "application/msgpack", **world.sign("POST", "/v1/transactions", b"x", name="capture")}
    answer = world.call("POST", "/v1/transactions", body=world.transaction(), headers=headers)
    assert (answer.status, answer.code) == (400, "request.digest")


def test_a_request_that_is_not_signed_as_it_should_be_is_told_what_to_do_and_changes_nothing(world: World) -> None:
    raw, target = world.transaction(), "/v1/transactions"
    whole = {"content-type": "application/msgpack", **world.sign("POST", target, raw, name="capture")}
    refused = {
        "the header content-digest is missing": (target, {k: v for k, v in whole.items() if k != "content-digest"}),
        "the header signature is not in the one spelling": (target, whole | {"signature": "sig=::"}),
        "characters that cannot be signed": (f"{target}?{'&' * 8_193}", whole),  # more than a query may have
    }
    for words, (where, headers) in refused.items():
        answer = world.call("POST", where, body=raw, headers=headers)
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert words in answer.json["detail"] and "docs/spec/api.md" in answer.json["remedy"]
    assert world.node.states == {}
    assert world.call("POST", target, body=raw, headers=whole).status == 202  # none of them used up its nonce


def test_a_header_that_decides_must_not_come_twice(world: World) -> None:
    pairs = [*world.sign("GET", "/v1/status").items(), ("signature", "sig=:AA:")]
    assert world.call("GET", "/v1/status", headers=pairs).code == "unauthenticated"


def test_a_read_token_submits_nothing_and_an_unknown_one_opens_nothing(world: World) -> None:
    headers = {"content-type": "application/msgpack", "authorization": f"Bearer {world.token}"}
    answer = world.call("POST", "/v1/transactions", body=world.transaction(), headers=headers)
    assert (answer.status, answer.code) == (403, "forbidden")
    for value in ("Bearer " + "00" * 32, "Bearer", f"Basic {world.token}", "Bearer \xff"):
        assert world.get("/v1/status", {"authorization": value}).code == "unauthenticated"


def test_who_fails_too_often_is_not_even_listened_to(tmp_path: Path) -> None:
    world = World(tmp_path, with_limits(public_requests_per_second=1, public_burst=3))
    assert [world.get("/v1/status").status for _ in range(5)] == [401, 401, 401, 429, 429]
    assert world.call("GET", "/v1/status", headers=world.sign("GET", "/v1/status"), address="192.0.2.2").status == 200


@pytest.mark.parametrize("path", ["/health", "/v1/genesis", "/v1/proofs/item?id=01/09521234543213", "/v1/epochs/7"])
def test_head_is_answered_as_get_is_at_the_public_door(world: World, path: str) -> None:
    asked, told = world.get(path), world.call("HEAD", path)
    assert (told.status, told.headers) == (asked.status, asked.headers)
    assert world.call("HEAD", "/v1/status").status == 405


def test_a_proof_that_takes_long_costs_its_reader_more_than_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, with_limits(public_requests_per_second=1, public_burst=10))
    proof, bundle, spent_s = "/v1/proofs/item?id=01/09521234543213", world.proofs.item, [0.0]

    def laborious(identifier: str, at: int | None = None) -> object:
        spent_s[0] += 4.5 * REQUEST_S
        return bundle(identifier, at)

    # The thread's clock stands but for what is said here: a collection of garbage alone takes as long as many proofs.
    monkeypatch.setattr("node.api.public.time", SimpleNamespace(thread_time=lambda: spent_s[0]))
    assert [world.get(proof).status for _ in range(5)] == [200] * 5  # 5 of 10
    monkeypatch.setattr(world.proofs, "item", laborious)
    assert [world.get(proof).status for _ in range(2)] == [200, 429]  # of the 5 left it takes 4.5
    assert world.call("GET", proof, address="192.0.2.2").status == 200


# --- members' door: submit -------------------------------------------------------------------------------------


def test_a_transaction_is_admitted_with_its_id(world: World) -> None:
    answer = world.post("/v1/transactions", world.transaction())
    assert answer.status == 202
    assert answer.json["state"] == "admitted"
    assert bytes.fromhex(answer.json["id"]) in world.node.states


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"chain_id": bytes(32)}, "transaction.chain")],
)
def test_a_malformed_transaction_is_a_400_with_rule_and_remedy(
    world: World, changes: dict[str, bytes], code: str
) -> None:
    answer = world.post("/v1/transactions", world.transaction(**changes))
    assert (answer.status, answer.code) == (400, code)
    assert answer.json["detail"]
    assert answer.json["remedy"]
    for body in (b"", b"\x00", b"\xc1", world.transaction()[:-1], world.transaction() + b"\x00"):
        answer = world.post("/v1/transactions", body)
        assert (answer.status, answer.code) == (400, "malformed")


def test_a_signature_that_does_not_verify_is_a_403(world: World) -> None:
    raw = bytearray(world.transaction())
    place = raw.index(b"\xc4\x40") + 10
    raw[place] ^= 1
    answer = world.post("/v1/transactions", bytes(raw))
    assert (answer.status, answer.code) == (403, "signature")


def test_a_full_mempool_is_a_503_with_the_time_to_wait(world: World) -> None:
    world.node.full = True
    answer = world.post("/v1/transactions", world.transaction())
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_bodies_of_other_media_types_or_lengths_are_refused_unread(world: World) -> None:
    for content_type in ("application/json", "", "application/msgpack; charset=x"):
        answer = world.post("/v1/transactions", world.transaction(), content_type=content_type)
        assert (answer.status, answer.code) == (415, "media-type")
        assert answer.headers["connection"] == "close"
    body = b"x"
    headers = {
        "content-type": "application/msgpack", "content-length": str(TRANSACTION_SIZE_MAX + 1),
        **world.sign("POST", "/v1/transactions", body, name="capture"),
    }  # fmt: skip
    answer = world.call("POST", "/v1/transactions", body=body, headers=headers)
    assert (answer.status, answer.code) == (413, "too-large")
    assert answer.headers["connection"] == "close"
    for strange in ("-1", "1e3", "9" * 40, "0x10"):
        headers = {**headers, **world.sign("POST", "/v1/transactions", body, name="capture"), "content-length": strange}
        assert world.call("POST", "/v1/transactions", body=body, headers=headers).status == 413
    compressed = {**headers, **world.sign("POST", "/v1/transactions", body, name="capture"), "content-encoding": "gzip"}
    assert world.call("POST", "/v1/transactions", body=body, headers=compressed).status == 415


def test_a_body_without_length_is_cut_at_its_bound(world: World) -> None:
    at_bound = world.post("/v1/transactions", bytes(TRANSACTION_SIZE_MAX))
    assert at_bound.status == 400
    beyond = world.post("/v1/transactions", bytes(TRANSACTION_SIZE_MAX + 1))
    assert (beyond.status, beyond.code) == (413, "too-large")


def test_a_body_that_does_not_come_is_not_waited_for_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.api.bodies.BODY_DEADLINE_S", 0.05)
    raw, target = world.transaction(), "/v1/transactions"
    whole = {"content-type": "application/msgpack", **world.sign("POST", target, raw, name="capture")}
    answer = asyncio.run(world.acall("POST", target, body=raw, headers=whole, lacks="end"))
    assert (answer.status, answer.code) == (408, "slow-body") and answer.json["remedy"] == "send less at once"
    again = {"content-type": "application/msgpack", **world.sign("POST", target, raw, name="capture")}
    answer = asyncio.run(world.acall("POST", target, body=raw, headers=again, lacks="client"))
    assert answer.code == "slow-body" and "ended inside the body" in answer.json["detail"]
    assert world.node.states == {}


def test_bulk_judges_each_transaction_alone(world: World) -> None:
    good = [world.transaction(number) for number in (1, 2, 3)]
    answer = world.post("/v1/transactions/bulk", msgspec.msgpack.encode([good[0], b"junk", good[1], good[2]]))
    assert answer.status == 202
    items = answer.json["items"]
    assert [item["admitted"] for item in items] == [True, False, True, True]
    assert items[1]["code"] == "malformed"
    assert items[1]["detail"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bulk.malformed"),
        (b"\x90", "bulk.malformed"),
        (b"\xc4\x01x", "bulk.malformed"),
        (b"\x91\xa1x", "bulk.malformed"),
        (b"\x91\xc4\x01x\x00", "bulk.malformed"),
        (b"\x91\xc5\x00\x01x", "bulk.non-canonical"),
        (b"\xdc\x00\x01\xc4\x01x", "bulk.non-canonical"),
        (b"\x91" * 5_000, "bulk.malformed"),
        (b"\xdd\xff\xff\xff\xff", "bulk.malformed"),
        (msgspec.msgpack.encode([b""] * (BULK_TRANSACTIONS_MAX + 1)), "bulk.malformed"),
    ],
)
def test_a_malformed_bulk_submission_is_a_400(world: World, body: bytes, code: str) -> None:
    answer = world.post("/v1/transactions/bulk", body)
    assert (answer.status, answer.code) == (400, code)


def test_bulk_has_its_own_bound(world: World) -> None:
    assert world.post("/v1/transactions/bulk", bytes(BULK_SIZE_MAX + 1)).code == "too-large"


def test_an_organisation_stays_within_its_rates(tmp_path: Path) -> None:
    world = World(tmp_path, with_limits(requests_per_second=1, burst=2))
    assert [world.read("/v1/status").status for _ in range(3)] == [200, 200, 429]
    answer = world.read("/v1/status", "capture")  # another key of the same organisation
    assert answer.code == "rate-limited"
    assert answer.headers["retry-after"] == "1"
    world.monotonic_s += 1
    assert world.read("/v1/status").status == 200


def test_transactions_count_against_a_rate_of_their_own(tmp_path: Path) -> None:
    world = World(tmp_path, with_limits(transactions_per_second=1, transactions_burst=20))
    bulk = msgspec.msgpack.encode([world.transaction(number) for number in range(20)])
    assert world.post("/v1/transactions/bulk", bulk).status == 202
    answer = world.post("/v1/transactions", world.transaction())
    assert (answer.status, answer.code) == (429, "rate-limited")


# --- members' door: follow and read ----------------------------------------------------------------------------


def test_a_transaction_is_found_where_it_is_and_waited_for_when_asked(world: World) -> None:
    status = TransactionStatus(ID, TransactionState.PROVEN, 42, 0, "NONE")
    world.node.states[bytes.fromhex(ID)] = status
    assert world.read(f"/v1/transactions/{ID}").json["state"] == "proven"
    assert world.node.waited == []
    for state in ("admitted", "final", "executed", "proven"):
        assert world.read(f"/v1/transactions/{ID}?wait={state}&timeout_ms=5").json["height"] == 42
    assert world.node.waited[-1] == (TransactionState.PROVEN, 5)
    assert world.read(f"/v1/transactions/{'00' * 32}").code == "not-found"


@pytest.mark.parametrize("query", ["wait=soon", "timeout_ms=30001", "timeout_ms=-1", "wait=final&wait=final", "x=1"])
def test_waiting_has_its_bounds(world: World, query: str) -> None:
    assert world.read(f"/v1/transactions/{ID}?{query}").code == "query"


def test_a_receipt_is_its_own_encoding(world: World) -> None:
    receipt = receipt_for(bytes.fromhex(ID))
    world.node.receipts[bytes.fromhex(ID)] = receipt
    answer = world.read(f"/v1/receipts/{ID}")
    assert decode(answer.body, Receipt, size_max=1_000) == receipt
    assert answer.headers["cache-control"] == "no-store"


def test_blocks_and_histories_are_arrays_of_their_messages(world: World) -> None:
    world.node.block_list = [BLOCK] * 40
    world.node.entries = [HistoryAnswer(b"entry", b"transaction")] * 3
    assert (
        decode(world.read("/v1/blocks?from=0&limit=40").body, tuple[BlockAnswer, ...], size_max=10_000)
        == (  # type: ignore[arg-type]
            BLOCK,
        )
        * 40
    )
    assert len(msgspec.msgpack.decode(world.read("/v1/blocks?from=0&limit=2").body)) == 2
    assert msgspec.msgpack.decode(world.read("/v1/blocks?from=900").body) == []
    assert len(msgspec.msgpack.decode(world.read("/v1/history?key=01&from=1").body)) == 2
    for target in ("/v1/blocks?limit=0", "/v1/blocks?limit=201", "/v1/history?key=01&limit=201"):
        assert world.read(target).code == "query"


def test_a_page_of_large_blocks_is_shorter_but_never_empty(world: World) -> None:
    large = BlockAnswer(b"header", None, (bytes(ANSWER_SIZE_MAX // 2),), ())
    world.node.block_list = [large] * 3
    assert len(msgspec.msgpack.decode(world.read("/v1/blocks?from=0").body)) == 1
    world.node.block_list = [BlockAnswer(b"header", None, (bytes(ANSWER_SIZE_MAX + 1),), ())]
    assert len(msgspec.msgpack.decode(world.read("/v1/blocks?from=0").body)) == 1


def test_a_record_is_shown_with_both_halves(world: World) -> None:
    record = Record(b"public", bytes(32), b"members")
    world.node.records[b"\x01"] = record
    assert decode(world.read("/v1/records?key=01").body, Record, size_max=1_000) == record
    assert world.read("/v1/records?key=02").json["height"] == 42


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [RuntimeError("secret detail"), KeyError("x"), MemoryError(), AssertionError()])
def test_a_fault_is_a_problem_and_is_counted_and_tells_nothing(world: World, fault: Exception) -> None:
    world.node.fault = fault
    for answer in (world.get("/health"), world.read("/v1/status"), world.post("/v1/transactions", b"x")):
        assert (answer.status, answer.code) == (503, "internal")
        assert b"secret" not in answer.body
    world.node.fault = None
    assert b"tallystick_http_faults_total 3.0" in world.get("/metrics").body
    assert world.fatal == []


def test_a_storage_error_ends_the_process(world: World) -> None:
    world.node.fault = StorageError("disk gone")
    answer = world.get("/health")
    assert (answer.status, answer.code) == (503, "internal")
    assert [str(error) for error in world.fatal] == ["disk gone"]
