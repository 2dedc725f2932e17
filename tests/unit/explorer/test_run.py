"""The running program: it follows a node over HTTP, serves its pages, and ends when told."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from client_sdk.transport import Request
from tests.unit.explorer.chain import PACK, FakeNode, write_genesis

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "ab" * 32


@pytest.fixture
def node_address(story_node: FakeNode) -> Iterator[str]:
    """The story's node behind a real port; its blocks are for readers with the token."""

    class Doors(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/v1/blocks" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.send_response(401)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")
                return
            answer = story_node.send(Request("GET", path, query))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Doors)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def get(address: str, path: str) -> tuple[int, bytes]:
    """Status and body."""
    host, _, port = address.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def start(
    folder: Path, node_address: str, story_node: FakeNode, token: str = TOKEN
) -> tuple[subprocess.Popen[str], str]:
    """Run the program; gives the process and the address that it prints."""
    write_genesis(story_node.chain.world, folder)
    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text(token + "\n")
    (folder / "explorer.toml").write_text(
        f'node = "{node_address}"\nread_token = "token"\ngenesis = "genesis.bin"\ndatabase = "explorer.db"\n'
        'listen = "127.0.0.1:0"\npoll_ms = 50\n'
    )
    command = [sys.executable, "-m", "explorer", "run", "--config", str(folder / "explorer.toml")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "serving http://" in line, line
    return process, line.split()[2]


def health(address: str, until: str) -> dict[str, object]:
    """Wait until a field of the health answer is truthy."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        value: dict[str, object] = json.loads(get(address, "/health")[1])
        if value[until]:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{until} never came")


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """End the program; it must come back with nothing to complain about."""
    process.send_signal(number)
    rest, _ = process.communicate(timeout=120)
    assert "Traceback" not in rest
    if number is not signal.SIGKILL:
        assert process.returncode == 0, rest


def test_the_program_follows_serves_and_survives_being_killed(
    folder: Path, node_address: str, story_node: FakeNode
) -> None:
    process, address = start(folder, node_address, story_node)
    assert health(address, "height")["height"] == len(story_node.chain.answers) - 1
    status, body = get(address, f"/en/{PACK}")
    assert status == 200 and b'data-state="checked"' in body
    end(process, signal.SIGKILL)
    process, address = start(folder, node_address, story_node)
    assert health(address, "height")["height"] == len(story_node.chain.answers) - 1
    end(process, signal.SIGTERM)
    done = subprocess.run(
        [sys.executable, "-m", "explorer", "check", "--config", str(folder / "explorer.toml")],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "agrees with the chain" in done.stdout, done.stderr


def test_a_wrong_token_is_said_where_the_operator_looks(folder: Path, node_address: str, story_node: FakeNode) -> None:
    process, address = start(folder, node_address, story_node, token="cd" * 32)
    value = health(address, "trouble")
    assert value["trouble"] == "unavailable" and "check read_token" in str(value["detail"])
    end(process, signal.SIGINT)
