"""The SDK's HTTP transport against a real socket: kept connections, tidied ones, slow and broken servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from client_sdk.transport import HttpTransport, Request
from scripts.story.network import free_ports
from tallystick.errors import ConfigError, UnavailableError

DRIPS = 1_200  # a tenth of a second each


class Handler(BaseHTTPRequestHandler):
    """Answers by path; counts connections."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[Any]] = set()

    def do_GET(self) -> None:
        Handler.connections.add(self.client_address)
        if self.path == "/slow":
            self._begin(DRIPS)
            with suppress(OSError):  # the client has gone by then
                for _ in range(DRIPS):
                    self.wfile.write(b"x")
                    time.sleep(0.1)
        elif self.path == "/cut":
            self._begin(10)
            self.wfile.write(b"12345")
            self.close_connection = True
        elif self.path == "/close":
            self._answer(b"bye")
            self.close_connection = True  # without saying so: the client finds out at its next request
        elif self.path == "/garbage":
            self.wfile.write(b"no http\r\n\r\n")
            self.close_connection = True
        else:
            self._answer(f"{self.command} {self.path} {self.headers.get('x-note', '')}".encode())

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _begin(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _answer(self, body: bytes) -> None:
        self._begin(len(body))
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    Handler.connections = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        transport = HttpTransport(f"http://127.0.0.1:{server.server_address[1]}/")
        yield transport
        transport.close()
        server.shutdown()
        thread.join()


def test_one_connection_serves_many_requests(transport: HttpTransport) -> None:
    for number in range(3):
        response = transport.send(Request("GET", "/a", f"n={number}", {"x-note": "hello"}))
        assert (response.status, response.body) == (200, f"GET /a?n={number} hello".encode())
    assert len(Handler.connections) == 1
    assert transport.send(Request("POST", "/b", body=b"\x00" * 100_000)).body == b"\x00" * 100_000


def test_a_connection_that_the_server_closed_is_opened_again(transport: HttpTransport) -> None:
    transport.send(Request("GET", "/close"))
    time.sleep(0.05)
    assert transport.send(Request("GET", "/again")).status == 200
    assert len(Handler.connections) == 2


def test_a_server_that_drips_is_given_up_at_the_deadline(transport: HttpTransport) -> None:
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="no answer in time"):
        transport.send(Request("GET", "/slow", timeout_s=0.3))
    assert time.monotonic() - started < DRIPS * 0.1 / 2, "it did not wait for the end"
    assert transport.send(Request("GET", "/after")).status == 200


@pytest.mark.parametrize("path", ["/cut", "/garbage"])
def test_an_answer_that_breaks_off_is_no_answer(transport: HttpTransport, path: str) -> None:
    with pytest.raises(UnavailableError):
        transport.send(Request("GET", path))
    assert transport.send(Request("GET", "/after")).status == 200


def test_nobody_listening_is_unavailable() -> None:
    (port,) = free_ports(1)
    with pytest.raises(UnavailableError, match=rf"http://127\.0\.0\.1:{port}"):
        HttpTransport(f"http://127.0.0.1:{port}").send(Request("GET", "/", timeout_s=60))


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://a", "http://", "http://a:x", "http://u:p@a", "http://a/?q"])
def test_what_is_no_url_of_a_node_is_said_so(url: str) -> None:
    with pytest.raises(ConfigError):
        HttpTransport(url)
