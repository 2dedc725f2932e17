"""A hostile HTTP client against a real node: never a fault, never a changed ledger, never an honest client in need."""

from __future__ import annotations

import json
import random
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec
import pytest

from client_sdk.intents import governance, trade
from scripts.story.cast import CARRIER, GROWER, PROCESSOR, Cast
from scripts.story.forgeries import rewired, without_last_signature
from scripts.story.network import Network, http_json
from tallystick import keys
from tallystick.encoding import encode
from tallystick.errors import RefusedError
from tallystick.http_signatures import sign_request
from tallystick.limits import TRANSACTION_SIZE_MAX, VALIDITY_MAX_MS
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import Event, SignedTransaction, sign_transaction
from tests.integration.chains import blocks_of, wait_for_equal_heads

HONEST = (GROWER, PROCESSOR, CARRIER)
SEED = 5
PATIENCE_S = 120.0  # for what must come about
REQUESTS = 2_500
PATHS = [
    "/", "/health", "/metrics", "/.well-known/head", "/v1/genesis", "/v1/openapi.json", "/v1/headers/1",
    "/v1/headers/999999999999999", "/v1/headers/-1", "/v1/proofs/item", "/v1/proofs/event", "/v1/proofs/record",
    "/v1/transactions", "/v1/transactions/bulk", "/v1/transactions/" + "00" * 32, "/v1/receipts/" + "00" * 32,
    "/v1/blocks", "/v1/records", "/v1/records/proof", "/v1/history", "/v1/status", "/v1", "//", "/%2e%2e/etc/passwd",
]  # fmt: skip
METHODS = ["GET", "GET", "GET", "POST", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE", "TRACE", "BREW"]
NAMES = ["id", "key", "from", "limit", "wait", "timeout_ms", "commitment", "item", "x", ""]
VALUES = [
    *("", "0", "1", "-1", "1e3", "NaN", "9" * 400, "ff" * 32, "ff" * 600, "01/09521234543213/21/A1", "01/x", "00/1"),
    *("proven", "final", "%00", "%ff%fe", "'", "../..", "01/09521234543213/21/" + "A" * 300, "\u674e", "%F0%9F%8D%8E"),
]
HEADERS = {
    "content-type": ["application/msgpack", "application/json", "text/plain", "multipart/form-data; boundary=x", ""],
    "content-length": ["0", "-1", "99999999999", "1e3", "5, 5"],
    "transfer-encoding": ["chunked", "gzip, chunked", "identity"],
    "content-encoding": ["gzip", "br"],
    "expect": ["100-continue", "200"],
    "range": ["bytes=0-", "bytes=" + "0-," * 200],
    "authorization": ["Bearer x", "Bearer " + "a" * 4_000, "Basic eDp5", "Bearer"],
    "signature": ["sig=:AAAA:", "x", "sig=:" + "A" * 86 + "==:"],
    "signature-input": ["sig=()", 'sig=("@method");created=1', "x" * 3_000],
    "content-digest": ["sha-256=:AA==:", "md5=:x:"],
    "host": ["", "evil.example", "a" * 500],
    "accept": ["*/*", "application/msgpack", "x/y;q=nonsense"],
    "cookie": ["a=b; " * 300],
    "upgrade": ["websocket", "h2c"],
}
pytestmark = pytest.mark.process


@dataclass
class Shop:
    """A real network; the client speaks with the first organisation's node."""

    network: Network
    cast: Cast

    @property
    def port(self) -> int:
        return self.network.nodes[GROWER].api_port

    @property
    def seed(self) -> bytes:
        """A registered working key."""
        return self.cast[GROWER].seed_for(KeyUse.READ)

    def exchange(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Any]:
        """Status and decoded answer; status 0 when the connection was cut without one."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            sent = {"host": "localhost", "content-length": str(len(body))} | (headers or {})
            for name, value in sent.items():
                connection.putheader(name, value.encode("latin-1", "replace"))
            connection.endheaders(body or None)
            connection.sock.settimeout(PATIENCE_S)
            response = connection.getresponse()
            data = response.read()
            is_json = "json" in (response.getheader("content-type") or "")
            return response.status, json.loads(data) if is_json and data else data
        except (HTTPException, ConnectionError, BrokenPipeError):
            return 0, b""
        finally:
            connection.close()

    def signed(
        self, method: str, path: str, query: str = "", body: bytes = b"", *, seed: bytes = b"", **more: Any
    ) -> dict[str, str]:
        """Headers of a properly signed request."""
        given = {"created_s": int(time.time()), "nonce": secrets.token_bytes(16)} | more
        chain = given.pop("chain_id", self.cast.chain_id)
        headers = sign_request(seed or self.seed, chain, method, path, query, body, **given)
        return headers | {"content-type": "application/msgpack"}

    def submit(self, raw: bytes, **more: Any) -> tuple[int, Any]:
        """Hand bytes in as a transaction."""
        return self.exchange("POST", "/v1/transactions", self.signed("POST", "/v1/transactions", body=raw, **more), raw)

    def faults(self) -> float:
        """Faults of the software that the node has counted."""
        _, text = self.exchange("GET", "/metrics")
        lines = [line for line in text.decode().splitlines() if line.startswith("tallystick_http_faults_total ")]
        return float(lines[0].split()[1])

    def transactions(self) -> int:
        """How many are on the chain."""
        height = int(str(wait_for_equal_heads(self.network, PATIENCE_S, HONEST)["height"]))
        return sum(len(block.transactions) for block in blocks_of(self.cast, GROWER, GROWER, height))


@pytest.fixture(scope="module")
def shop(attacked: Cast) -> Shop:
    return Shop(attacked.network, attacked)


@pytest.fixture
def nothing_changed(shop: Shop) -> Iterator[None]:
    """Around a test: the same transactions and state, no fault, a node that is well."""
    count, root = shop.transactions(), wait_for_equal_heads(shop.network, PATIENCE_S, HONEST)["state_root"]
    faults = shop.faults()
    yield
    assert shop.faults() == faults
    assert http_json(shop.network.nodes[GROWER].url, "/health")["ok"] is True
    assert (shop.transactions(), wait_for_equal_heads(shop.network, PATIENCE_S, HONEST)["state_root"]) == (count, root)
    log = shop.network.nodes[GROWER].log.read_text()
    assert "Traceback" not in log and "fault" not in log
    process = shop.network.nodes[GROWER].process
    assert process is not None and process.poll() is None


def check(status: int, answer: Any) -> None:
    """A success, a problem that is one, or a connection cut; never a fault."""
    assert status == 0 or 200 <= status < 500 or status == 503, (status, answer)
    if status >= 400 and isinstance(answer, dict):
        assert answer["code"] != "internal", answer
        assert answer["status"] == status and answer["type"].startswith("urn:tallystick:problem:")


# --- noise ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_changed")
def test_thousands_of_requests_with_anything_anywhere(shop: Shop) -> None:
    chance = random.Random(SEED)
    statuses: dict[int, int] = {}
    for _ in range(REQUESTS):
        method, path = chance.choice(METHODS), chance.choice(PATHS)
        pairs = [f"{chance.choice(NAMES)}={chance.choice(VALUES)}" for _ in range(chance.choice((0, 1, 1, 2, 3)))]
        query = "&".join(pairs).encode().decode("latin-1").replace(" ", "+")
        query = "".join(char if 0x21 <= ord(char) < 0x7F else f"%{ord(char):02X}" for char in query)
        body = chance.choice((b"", chance.randbytes(chance.randrange(1, 200)), b"[1,NaN]", b"\x91" * 5_000))
        body = body if method in ("POST", "PUT", "PATCH") else b""
        chosen = chance.sample(sorted(HEADERS), chance.choice((0, 1, 2)))
        headers = {name: chance.choice(HEADERS[name]) for name in chosen}
        if "content-length" in headers or "transfer-encoding" in headers or "expect" in headers:
            body = b""  # what is promised does not come; the node must not wait for it for ever
            headers |= {"connection": "close"}
            status = half_said(shop, method, path, headers)
            assert status == 0 or status < 500 or status == 503
        else:
            if chance.random() < 0.5:
                headers |= shop.signed(method, path, query, body)
            status, answer = shop.exchange(method, path + (f"?{query}" if query else ""), headers, body)
            check(status, answer)
        statuses[status] = statuses.get(status, 0) + 1
    assert {200, 400, 401, 404, 405} <= statuses.keys(), statuses


def half_said(shop: Shop, method: str, path: str, headers: dict[str, str]) -> int:
    """Send a head and hang up; the status if one came at once."""
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE_S) as link:
        link.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{text}\r\n".encode("latin-1"))
        link.settimeout(0.005)
        try:
            answer = link.recv(64)
        except OSError:
            return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.usefixtures("nothing_changed")
def test_bytes_that_are_no_http(shop: Shop) -> None:
    chance = random.Random(SEED)
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE_S) as link:
            try:
                link.sendall(chance.randbytes(chance.randrange(1, 3_000)) + b"\r\n\r\n")
                link.shutdown(socket.SHUT_WR)
                answer = link.recv(4_096)
            except ConnectionError:
                continue
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"200"),
        (b"GET /health HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /health HTTP/1.1\r\nconnection: close\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\nhost: x\r\nhost: y\r\nconnection: close\r\n\r\n", b"400"),
    ],
)
def test_a_request_names_one_host_and_head_brings_no_body(shop: Shop, head: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE_S) as link:
        link.sendall(head)
        answer = b"".join(iter(lambda: link.recv(65_536), b""))
    told, _, body = answer.partition(b"\r\n\r\n")
    assert told.split()[1] == status
    assert (body == b"") is head.startswith(b"HEAD")


def is_cut(link: socket.socket, more: bytes) -> bool:
    """Say a little more; whether the other end has closed."""
    try:
        link.sendall(more)
        link.setblocking(False)
        while link.recv(65_536):
            pass
    except BlockingIOError:
        link.settimeout(PATIENCE_S)
        return False
    except OSError:
        return True
    return True


@pytest.mark.usefixtures("nothing_changed")
def test_slow_heads_and_slow_bodies_end_while_others_are_answered(shop: Shop) -> None:
    links = [socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE_S) for _ in range(200)]
    try:
        for link in links:
            link.sendall(b"GET /health HTTP/1.1\r\n")
        going, turn, answered, end = list(links), 0, 0, time.monotonic() + PATIENCE_S
        while going:  # each is cut although something comes of it all the time
            assert time.monotonic() < end, f"{len(going)} slow heads are still waited for"
            turn += 1
            assert shop.exchange("GET", "/health")[0] == 200
            going = [link for link in going if not is_cut(link, b"x-%d: y\r\n" % turn)]
            answered += len(going) > 0
            time.sleep(0.5)
        assert answered > 0, "nobody was answered while they were waited for"
    finally:
        for link in links:
            link.close()


@pytest.mark.usefixtures("nothing_changed")
def test_bodies_that_are_too_large_are_refused_before_they_are_read(shop: Shop) -> None:
    body = bytes(TRANSACTION_SIZE_MAX + 1)
    status, answer = shop.submit(body)
    assert status in (0, 413) and (not answer or answer["code"] == "too-large")
    for length in (10**9, 10**15):
        head = {**shop.signed("POST", "/v1/transactions"), "content-length": str(length), "connection": "close"}
        assert half_said_answer(shop, head) == 413


def half_said_answer(shop: Shop, headers: dict[str, str]) -> int:
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", shop.port), timeout=PATIENCE_S) as link:
        link.sendall(f"POST /v1/transactions HTTP/1.1\r\nhost: x\r\n{text}\r\n".encode())
        return int(link.recv(256).split()[1])


# --- signatures -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_changed")
def test_a_signed_request_counts_once_for_what_it_says_and_for_now(shop: Shop) -> None:
    headers = shop.signed("GET", "/v1/status")
    assert shop.exchange("GET", "/v1/status", headers)[0] == 200
    for method, target, given in (
        ("GET", "/v1/status", headers),  # the same again
        ("GET", "/v1/blocks", shop.signed("GET", "/v1/status")),  # of another path
        ("GET", "/v1/status?x=1", shop.signed("GET", "/v1/status")),  # of another query
        ("POST", "/v1/transactions", shop.signed("GET", "/v1/transactions")),  # of another method
        ("GET", "/v1/status", shop.signed("GET", "/v1/status", created_s=int(time.time()) - 3_600)),
        ("GET", "/v1/status", shop.signed("GET", "/v1/status", created_s=int(time.time()) + 3_600)),
        ("GET", "/v1/status", shop.signed("GET", "/v1/status", chain_id=bytes(32))),
        ("GET", "/v1/status", {"signature": headers["signature"]}),
    ):
        status, answer = shop.exchange(method, target, given)
        assert (status, answer["code"]) in ((401, "unauthenticated"), (400, "query")), (target, answer)
        assert answer["detail"] and answer["remedy"]
    other = shop.signed("POST", "/v1/transactions", body=b"one")
    status, answer = shop.exchange("POST", "/v1/transactions", other, b"two")
    assert (status, answer["code"]) == (400, "request.digest")
    status, answer = shop.exchange("GET", "/v1/status", shop.signed("GET", "/v1/status", seed=bytes(32)))
    assert (status, answer["code"]) == (403, "forbidden")
    root = shop.cast.root_seeds[GROWER]
    status, answer = shop.exchange("GET", "/v1/blocks", shop.signed("GET", "/v1/blocks", seed=root))
    assert (status, answer["code"]) == (403, "forbidden")


# --- the list of bad inputs ---------------------------------------------------------------------------------------


def made(shop: Shop, **changed: Any) -> SignedTransaction:
    """A transaction that would take effect, but for what is changed."""
    new = keys.generate()
    fields: dict[str, Any] = {
        "chain_id": shop.cast.chain_id,
        "nonce": secrets.token_bytes(16),
        "valid_until_ms": int(time.time() * 1_000) + 60_000,
        "seeds": (shop.cast.root_seeds[GROWER], new),
        "payload": encode_payload(bytes(32), RegisterKey(keys.public_key_of(new), (KeyUse.READ,), "")),
    }
    return sign_transaction(**(fields | changed))


def capture_of(shop: Shop, public: bytes) -> bytes:
    """A signed capture whose event is any bytes."""
    return made(shop, seeds=(shop.seed,), payload=b"", events=(Event(public),)).raw


EVENT = (
    b'{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"action":"OBSERVE",'
    b'"epcList":["https://id.gs1.org/01/09521234543213/21/A1"],"eventTime":"2026-03-04T05:06:07Z",'
    b'"eventTimeZoneOffset":"+00:00","type":"ObjectEvent"%s}'
)


def bad_inputs(shop: Shop) -> list[tuple[str, bytes, str]]:
    """What is wrong, the bytes, and the beginning of the code that must come back."""
    good, now = made(shop), int(time.time() * 1_000)
    raw, nested = good.raw, b'"x:y":' + b"[" * 500 + b"]" * 500
    return [
        ("nothing", b"", ""),
        ("over-deep MessagePack", b"\x91" * 10_000, "malformed"),
        ("a float", b"\x93\xcb" + bytes(8) + b"\x90\x90", "malformed"),
        ("not-a-number", msgspec.msgpack.encode([float("nan")]), "malformed"),
        ("a map", b"\x82\xa1a\x01\xa1a\x02", "malformed"),
        ("a byte behind", raw + b"\x00", "malformed"),
        ("a byte short", raw[:-1], "malformed"),
        ("another spelling of an array's head", b"\xdc" + (raw[0] & 15).to_bytes(2, "big") + raw[1:], "non-canonical"),
        ("wrong chain", made(shop, chain_id=bytes(32)).raw, "transaction.chain"),
        ("expired", made(shop, valid_until_ms=1).raw, "transaction.expired"),
        ("valid too long", made(shop, valid_until_ms=now + 2 * VALIDITY_MAX_MS).raw, "transaction.valid-too-long"),
        ("unknown key", made(shop, seeds=(bytes(32),)).raw, "refused"),
        ("a signature too many", rewired(good, signatures=good.signatures * 2), "transaction.signatures"),
        ("a signature stripped", without_last_signature(good), "transaction.signatures"),
        ("a signature exchanged", raw.replace(good.signatures[0], good.signatures[1]), "signature"),
        ("JSON over-deep", capture_of(shop, EVENT % (b"," + nested)), ""),
        ("JSON duplicate keys", capture_of(shop, EVENT % b',"type":"ObjectEvent"'), ""),
        ("JSON not-a-number", capture_of(shop, EVENT % b',"x:y":NaN'), ""),
        ("JSON float with exponent", capture_of(shop, EVENT % b',"x:y":1e3'), ""),
        ("JSON in another spelling", capture_of(shop, EVENT % b" "), ""),
        ("JSON with a lone surrogate", capture_of(shop, EVENT % b',"x:y":"\\ud800"'), ""),
        ("no JSON", capture_of(shop, b"\x00\x01"), ""),
    ]


@pytest.mark.usefixtures("nothing_changed")
def test_every_bad_input_is_refused_by_its_rule(shop: Shop) -> None:
    for what, raw, code in bad_inputs(shop):
        status, answer = shop.submit(raw)
        check(status, answer)
        assert status in (400, 403), (what, status, answer)
        assert answer["code"].startswith(code) and answer["code"] not in ("query", "internal"), (what, answer)
        assert answer["detail"] and answer["title"], what
        body = encode((raw, b"\x00"))
        headers = shop.signed("POST", "/v1/transactions/bulk", body=body)
        status, answer = shop.exchange("POST", "/v1/transactions/bulk", headers, body)
        assert status == 202 and [item["admitted"] for item in answer["items"]] == [False, False], (what, answer)


def test_a_wrong_role_is_ordered_and_refused_by_its_reason(shop: Shop) -> None:
    """Only the rules know roles; the refusal is a receipt, which changes nothing but the list of ids."""
    with pytest.raises(RefusedError) as caught:
        shop.cast[GROWER].do(trade.open_account(GROWER, "CNY"))
    assert caught.value.reason == "ROLE_MISSING" and caught.value.remedy
    with pytest.raises(RefusedError) as caught:
        shop.cast[GROWER].do(governance.suspend(CARRIER))
    assert caught.value.reason == "QUORUM_SHORT" and caught.value.remedy
