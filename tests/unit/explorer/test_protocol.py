"""Senders who never finish a request's head, or never stop with it, lose their connection; readers keep theirs."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from explorer import protocol
from explorer.protocol import HEAD_SIZE_MAX, BoundedHttpProtocol

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
PATIENCE_S = 120.0
ENDLESS = 2_048 * HEAD_SIZE_MAX  # bytes: more than any system keeps for a reader who does not read


async def _ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Of a server that says ok."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(_ok, http=BoundedHttpProtocol, lifespan="off", ws="none", log_config=None)
        )
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()
        server.should_exit = True
        thread.join(PATIENCE_S)


def answered(link: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    answer = b""
    try:
        while data := link.recv(65_536):
            answer += data
    except ConnectionError:
        pass
    return answer


def test_requests_one_after_the_other_keep_their_connection(address: tuple[str, int]) -> None:
    with socket.create_connection(address, PATIENCE_S) as link:
        link.sendall(GET + b"\r\n" + GET + b"\r\n")
        link.sendall(GET + b"connection: close\r\n\r\n")
        assert answered(link).count(b"200 OK") == 3


def test_a_head_without_end_is_cut_before_it_fills_memory(address: tuple[str, int]) -> None:
    with socket.create_connection(address, PATIENCE_S) as link:
        sent = 0
        try:
            link.sendall(GET + b"x: ")
            while sent < ENDLESS:
                sent += link.send(b"a" * 65_536)
        except OSError:
            pass
        assert sent < ENDLESS


def test_a_head_that_never_comes_or_never_ends_is_cut(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.2)
    for begun in (b"", GET):
        with socket.create_connection(address, PATIENCE_S) as link:
            link.sendall(begun)
            assert answered(link).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "head",
    [
        GET + b"x: " + b"a" * HEAD_SIZE_MAX + b"\r\n\r\n",
        b"GET /" + b"a" * HEAD_SIZE_MAX + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: y\r\n\r\n",
        GET + b"Host: y\r\n\r\n",
    ],
)
def test_a_head_that_is_too_long_in_one_piece_or_names_no_one_host_is_refused(
    address: tuple[str, int], head: bytes
) -> None:
    with socket.create_connection(address, PATIENCE_S) as link:
        link.sendall(head)
        told, _, body = answered(link).partition(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 400") and json.loads(body)["code"] == "http"
    with socket.create_connection(address, PATIENCE_S) as link:
        link.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert answered(link).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_answered_and_ended(address: tuple[str, int]) -> None:
    with socket.create_connection(address, PATIENCE_S) as link:
        link.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        head, _, body = answered(link).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400") and b"application/problem+json" in head
        assert json.loads(body)["code"] == "http"
