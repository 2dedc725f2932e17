"""One real node over real HTTP: founded, asked, stopped, checked; then every way in which its folder can be wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import plyvel
import pytest

from node.__main__ import main
from node.api.protocol import HEAD_SIZE_MAX, BoundedHttpProtocol
from node.config import load_config
from node.folder import DATABASE, FolderLock
from node.founding import read_genesis
from node.tables import FORMAT_KEY, STORE_FORMAT, BlockRow, ByteList, FormatRow, ReplacedRow, Table, number_key
from scripts.story.network import free_ports
from tallystick import keyfile, keys
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError
from tallystick.http_signatures import sign_request
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RegisterKey
from tallystick.proofs import Trust, VerifiedBlock, VerifiedReceipt, VerifiedRecord, verify_bundle
from tallystick.receipts import Receipt
from tallystick.records.base import Record
from tallystick.records.members import KeyUse, member_key
from tallystick.transactions import sign_transaction

ROOT = Path(__file__).resolve().parents[3]
SEED = b"\x11" * 32
pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """``run`` takes the process's logging over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Lone:
    """A network of one organisation, whose node runs as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "grower"
        peer_port, self.api_port = free_ports(2)
        secret = folder / "secret"
        secret.write_text("secret\n")
        secret.chmod(0o600)
        cheap = partial(keyfile.seal_keyfile, operations=1, memory_bytes=8_192)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keyfile, "seal_keyfile", cheap)
            assert main([
                "init", "--org", "org:grower", "--name", "Grower", "--role", "governor", "--dir", str(self.folder),
                "--peer-address", f"127.0.0.1:{peer_port}", "--api-address", f"127.0.0.1:{self.api_port}",
                "--passphrase-file", str(secret),
            ]) == 0  # fmt: skip
        card, out = str(self.folder / "card.bin"), str(self.folder / "genesis.bin")
        assert main(["genesis", card, "--network", "lone", "--out", out]) == 0
        self.config = self.folder / "node.toml"
        self.data = self.folder / "data"
        self.chain_id = load_genesis_id(Path(out))
        sealed = (self.folder / "keys/root.key.json").read_bytes()
        self.root_seed = keyfile.open_keyfile(sealed, "secret")
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Run and wait until it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node", "run", "--config", str(self.config)],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.until(lambda: self.get("/health")[0] == 200)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and log."""
        assert self.process is not None
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=120)
        return self.process.returncode, log

    def until(self, holds: Callable[[], bool], patience_s: float = 120.0) -> None:
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError("it did not happen in time")

    def call(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.api_port, timeout=40)
        try:
            connection.request(method, target, body or None, headers or {})
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        is_json = "json" in (response.getheader("content-type") or "")
        return response.status, json.loads(data) if is_json else data

    def get(self, target: str) -> tuple[int, Any]:
        return self.call("GET", target)

    def signed(self, method: str, target: str, body: bytes = b"", seed: bytes | None = None) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        nonce = time.time_ns().to_bytes(16, "big")
        headers = sign_request(
            seed or self.root_seed, self.chain_id, method, path, query, body, created_s=int(time.time()), nonce=nonce
        )
        return self.call(method, target, body, headers | {"content-type": "application/msgpack"})

    def register_key(self, seed: bytes) -> bytes:
        """A transaction in which the root key registers another."""
        payload = RegisterKey(keys.public_key_of(seed), (KeyUse.CAPTURE, KeyUse.READ), "")
        return sign_transaction(
            chain_id=self.chain_id, nonce=time.time_ns().to_bytes(16, "big"),
            valid_until_ms=int(time.time() * 1000) + 60_000, seeds=[self.root_seed, seed],
            payload=encode_payload(b"\x05" * 32, payload),
        ).raw  # fmt: skip


def load_genesis_id(path: Path) -> bytes:
    return read_genesis(path)[0].chain_id()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Lone:
    """A node that ran, took a transaction, answered at every door, and was stopped."""
    lone = Lone(tmp_path_factory.mktemp("lone"))
    lone.start()
    try:
        _ask_everything(lone)
    finally:
        code, log = lone.stop()
    assert code == 0
    assert "Traceback" not in log
    assert "stopped" in log
    return lone


def _ask_everything(lone: Lone) -> None:
    raw = lone.register_key(SEED)
    status, answer = lone.signed("POST", "/v1/transactions", raw)
    assert status == 202, answer
    id_ = answer["id"]
    status, answer = lone.signed("GET", f"/v1/transactions/{id_}?wait=proven&timeout_ms=30000")
    assert (status, answer["state"], answer["reason"]) == (200, "proven", "NONE"), answer
    assert lone.signed("GET", "/v1/blocks")[0] == 403  # the root key reads no members' data
    status, blocks = lone.signed("GET", "/v1/blocks?from=1", seed=SEED)
    assert status == 200 and msgspec.msgpack.decode(blocks)
    status, receipt = lone.signed("GET", f"/v1/receipts/{id_}", seed=SEED)
    assert decode(receipt, Receipt, size_max=10_000).subject.hex() == id_
    proof = lone.signed("GET", f"/v1/receipts/{id_}/proof", seed=SEED)[1]
    key = member_key(keys.public_key_of(SEED)).hex()
    genesis = read_genesis(lone.folder / "genesis.bin")[0]
    trust = Trust(lone.chain_id, {0: genesis.validators().digest()})
    proven = verify_bundle(json.dumps(proof).encode(), trust, subject=id_)
    assert isinstance(proven, VerifiedReceipt) and encode(proven.receipt) == receipt
    for height in range(proven.anchor.executed.height + 1):
        block = lone.get(f"/v1/proofs/block?height={height}")[1]
        shown = verify_bundle(json.dumps(block).encode(), trust, subject=str(height))
        assert isinstance(shown, VerifiedBlock) and (shown.header is None) == (height == 0)
        record = lone.get(f"/v1/proofs/record?key={key}&at={height}")[1]
        at = verify_bundle(json.dumps(record).encode(), trust, subject=key, at=height)
        assert isinstance(at, VerifiedRecord) and (at.public is not None) == (height >= proven.leaf.height)
    assert lone.get("/v1/proofs/block?height=99999")[1]["code"] == "not-found"
    status, record = lone.signed("GET", f"/v1/records?key={key}", seed=SEED)
    assert status == 200 and decode(record, Record, size_max=10_000)
    assert lone.signed("GET", f"/v1/history?key={key}", seed=SEED) == (200, b"\x90")
    assert lone.signed("GET", "/v1/status", seed=SEED)[1]["organisation"] == "org:grower"
    status, bulk = lone.signed("POST", "/v1/transactions/bulk", msgspec.msgpack.encode([raw, b"x"]), seed=SEED)
    assert [item["admitted"] for item in bulk["items"]] == [True, False]
    height = lone.get("/.well-known/head")[1]["height"]
    assert lone.get(f"/v1/headers/{height}")[0] == 200
    assert lone.get(f"/v1/proofs/record?key={key}")[1]["kind"] == "record"
    assert lone.get("/v1/proofs/item?id=01/09521234543213/21/A1")[1]["kind"] == "item"
    assert lone.get("/v1/proofs/item?id=nonsense")[0] == 400
    assert lone.get(f"/v1/proofs/event?commitment={id_}&item=01/09521234543213/21/A1")[1]["code"] == "not-found"
    metrics = lone.get("/metrics")[1]
    assert b"tallystick_blocks_executed_total" in metrics
    for name in (b"signer_sync", b"block_storage", b"loop_pause"):  # what everything else waits for
        count = re.search(rb"^tallystick_%s_seconds_count (\S+)$" % name, metrics, re.MULTILINE)
        assert count is not None and float(count[1]) > 0, name


@pytest.fixture
def copy(stopped: Lone, tmp_path: Path) -> Path:
    """The folder of the stopped node, to be damaged."""
    shutil.copytree(stopped.folder, tmp_path / "grower")
    return tmp_path / "grower"


def database(folder: Path) -> Any:
    return plyvel.DB(str(folder / "data" / DATABASE))


def change_row(folder: Path, key: bytes, change: Callable[[bytes], bytes | None]) -> None:
    base = database(folder)
    value = change(base.get(key))
    if value is None:
        base.delete(key)
    else:
        base.put(key, value)
    base.close()


def check(folder: Path, *more: str) -> int:
    return main(["check", "--config", str(folder / "node.toml"), *more])


def one_sentence(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("tallystick-node: ")
    for word in words:
        assert word in captured.err


# --- check ----------------------------------------------------------------------------------------------------


def test_a_whole_chain_passes_the_check(stopped: Lone, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(stopped.folder) == 0
    assert "Everything holds" in capsys.readouterr().out
    assert main(["check", "--data", str(stopped.data), "--json", "--skip-signatures"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] and report["transactions"] == 1 and report["height"] == report["certificates"]


def transaction_height(folder: Path) -> int:
    base = database(folder)
    height = next(
        height for height in range(1, 1_000)
        if decode(base.get(number_key(Table.BODIES, height)), ByteList, size_max=10**7).items
    )  # fmt: skip
    base.close()
    return height


def replace_row(type_: Any, **changes: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        row = decode(data, type_, size_max=10**7)
        return encode(msgspec.structs.replace(row, **{name: how(getattr(row, name)) for name, how in changes.items()}))

    return change


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        (Table.BLOCKS, lambda _: None, "the block is missing"),
        (Table.BLOCKS, lambda data: data[:-1], "damaged"),
        (Table.BLOCKS, replace_row(BlockRow, block_hash=flip), "block hash"),
        (Table.BLOCKS, replace_row(BlockRow, receipt_count=lambda count: count + 1), "the count of receipts"),
        (
            Table.BLOCKS,
            replace_row(BlockRow, header=lambda h: msgspec.structs.replace(h, time_ms=h.time_ms + 1)),
            "block hash",
        ),
        (
            Table.BLOCKS,
            replace_row(BlockRow, executed=lambda e: msgspec.structs.replace(e, state_root=flip(e.state_root))),
            "state root",
        ),
        (
            Table.BLOCKS,
            replace_row(
                BlockRow, finalisation=lambda c: msgspec.structs.replace(c, signatures=(flip(c.signatures[0]),))
            ),
            "bad-vote-signature",
        ),
        (Table.BODIES, lambda _: encode(ByteList(())), "0 transactions, header says 1"),
        (Table.BODIES, replace_row(ByteList, items=lambda items: (flip(items[0]),)), "[transaction."),
        (Table.RECEIPTS, lambda _: encode(ByteList(())), "the stored state root is"),
        (Table.RECEIPTS, lambda _: None, "lacks the receipts"),
        (Table.HISTORY_NODES, lambda _: bytes(32), "history tree"),
        (Table.REPLACED, replace_row(ReplacedRow, keys=lambda keys: (b"x", *keys[1:])), "what it overwrote"),
    ],
)
def test_the_check_names_the_first_height_that_disagrees(
    copy: Path, capsys: pytest.CaptureFixture[str], table: Table, change: Callable[[bytes], bytes | None], words: str
) -> None:
    height = transaction_height(copy)
    key = number_key(table, 0, height) if table is Table.HISTORY_NODES else number_key(table, height)
    change_row(copy, key, change)
    assert check(copy) == 3
    one_sentence(capsys, words, f"height {height}")


def test_a_record_that_was_changed_is_named_by_its_key(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = member_key(keys.public_key_of(SEED))
    change_row(copy, bytes((Table.RECORDS,)) + key, lambda data: encode(Record(b"other")))
    assert check(copy, "--json") == 3
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["ok"], told["key"], told["exit"], captured.err) == (False, key.hex(), 3, "")
    change_row(copy, bytes((Table.RECORDS,)) + key, lambda data: None)
    assert check(copy) == 3
    one_sentence(capsys, "a record is missing", key.hex())
    added = bytes((Table.RECORDS, 255))
    change_row(copy, added, lambda data: encode(Record(b"new")))
    assert check(copy) == 3
    one_sentence(capsys, "ff")


# --- starting on a folder that is wrong -----------------------------------------------------------------------


def run(folder: Path) -> int:
    return main(["run", "--config", str(folder / "node.toml")])


def last_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """The last line is the sentence; before it there may be logs, never a traceback."""
    text = capsys.readouterr().err
    assert "Traceback" not in text
    line = text.splitlines()[-1]
    assert line.startswith("tallystick-node: "), text
    for word in words:
        assert word in line, text


def test_a_foreign_database_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_row(copy, FORMAT_KEY, lambda _: encode(FormatRow(STORE_FORMAT, bytes(32))))
    for command in (run, check):
        assert command(copy) == 1
        last_line(capsys, "belongs to chain 0000", "check `data` and `genesis`")


def test_a_newer_database_is_refused(copy: Path, stopped: Lone, capsys: pytest.CaptureFixture[str]) -> None:
    change_row(copy, FORMAT_KEY, lambda _: encode(FormatRow(STORE_FORMAT + 1, stopped.chain_id)))
    for command in (run, check):
        assert command(copy) == 1
        last_line(capsys, f"format {STORE_FORMAT + 1}", f"reads {STORE_FORMAT}")


def test_a_locked_folder_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FolderLock(copy / "data"):
        for command in (run, check):
            assert command(copy) == 1
            last_line(capsys, "locked: another process (", "stop it first")
        assert check(copy, "--json") == 1
        assert "locked" in json.loads(capsys.readouterr().out)["error"]
    with FolderLock(copy / "data"), pytest.raises(ConfigError, match="locked"):
        FolderLock(copy / "data")


@pytest.mark.parametrize("door", ["api_listen", "peer_listen"])
def test_a_busy_port_is_refused_by_the_key_of_the_configuration(
    copy: Path, capsys: pytest.CaptureFixture[str], door: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = load_config(copy / "node.toml")
        text = (copy / "node.toml").read_text()
        port = getattr(config, door).port
        (copy / "node.toml").write_text(text.replace(f":{port}", f":{taken.getsockname()[1]}"))
        assert run(copy) == 1
        last_line(capsys, door, "in use")


def test_an_address_of_another_machine_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (copy / "node.toml").read_text()
    port = load_config(copy / "node.toml").api_listen.port
    (copy / "node.toml").write_text(text.replace(f"127.0.0.1:{port}", f"192.0.2.1:{port}"))
    assert run(copy) == 1
    last_line(capsys, "api_listen", "192.0.2.1")


def test_a_damaged_database_ends_the_start_with_its_own_exit_code(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = member_key(keys.public_key_of(SEED))
    change_row(copy, bytes((Table.RECORDS,)) + key, lambda data: encode(Record(b"other")))
    assert run(copy) == 3
    last_line(capsys, "state root")


def test_a_lost_signer_record_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy / "data" / "signer")
    assert run(copy) == 1
    last_line(capsys, "signer")


def test_a_broken_file_of_read_tokens_is_told_before_anything_starts(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "read_tokens").write_text("nonsense\n")
    assert run(copy) == 1
    last_line(capsys, "read_tokens", "line 1")


def test_a_wrong_genesis_is_refused(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    lone = Lone(other)
    capsys.readouterr()
    shutil.copy(lone.folder / "genesis.bin", copy / "genesis.bin")
    assert run(copy) == 1
    last_line(capsys, "wrong genesis", "another validator key")


def test_check_needs_a_database(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy / "data")
    assert check(copy) == 1
    one_sentence(capsys, "there is no database here")


# --- the server itself ----------------------------------------------------------------------------------------


class Connection:
    """A raw connection to a server that answers ``ok`` to everything."""

    def __init__(self, head_deadline_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
        import uvicorn

        monkeypatch.setattr("node.api.protocol.HEAD_DEADLINE_S", head_deadline_s)

        async def application(scope: Any, receive: Any, send: Any) -> None:
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        self.listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application, http=BoundedHttpProtocol, lifespan="off", ws="none", log_config=None)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(sockets=[self.listener])), daemon=True
        )
        self.thread.start()

    def say(self, *pieces: bytes, pause_s: float = 0.0) -> bytes:
        with socket.create_connection(self.listener.getsockname(), timeout=120) as link:
            try:
                for piece in pieces:
                    link.sendall(piece)
                    time.sleep(pause_s)
                link.shutdown(socket.SHUT_WR) if not pause_s else None
            except OSError:
                pass
            answer = b""
            try:
                while data := link.recv(65_536):
                    answer += data
            except ConnectionError:
                pass
            return answer

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(120)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    connection = Connection(120.0, monkeypatch)
    while not connection.server.started:
        time.sleep(0.01)
    yield connection
    connection.close()


@pytest.fixture
def impatient(server: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A server that waits for a head for the shortest time."""
    monkeypatch.setattr("node.api.protocol.HEAD_DEADLINE_S", 0.3)
    return server


GET = b"GET / HTTP/1.1\r\nhost: x\r\n"


def test_usual_requests_pass_and_connections_are_kept(server: Connection) -> None:
    assert server.say(GET + b"\r\n" + GET + b"connection: close\r\n\r\n").count(b"200 OK") == 2


@pytest.mark.parametrize(
    "pieces",
    [
        (GET + b"x: " + b"a" * HEAD_SIZE_MAX + b"\r\n\r\n",),
        (GET + b"x: " + b"a" * HEAD_SIZE_MAX,),
        (GET + b"".join(b"x%d: y\r\n" % number for number in range(200)) + b"\r\n",),
        (b"\x16\x03\x01\x02\x00\x01",),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\ntrailer: x\r\n\r\n",),
        (b"GET / HTTP/9.9\r\n\r\n",),
    ],
)
def test_a_head_that_is_too_long_or_no_head_is_a_problem(server: Connection, pieces: tuple[bytes, ...]) -> None:
    answer = server.say(*pieces)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer


def test_a_head_that_comes_too_slowly_is_cut(impatient: Connection) -> None:
    assert impatient.say(*[bytes((byte,)) for byte in GET], pause_s=0.05).startswith(b"HTTP/1.1 400")


def test_a_connection_that_says_nothing_is_cut(impatient: Connection) -> None:
    assert impatient.say(b"", pause_s=0.5).startswith(b"HTTP/1.1 400")
