"""HTTP/1.1 with bounds that uvicorn does not have: size and time of a request's head, and no trailers.

A connection whose head does not arrive in time, or is too long, is answered 400 and closed. Bodies are bounded where
they are read (``node.api.bodies``).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from node.api.problems import MEDIA_TYPE, TYPE_PREFIX

HEAD_SIZE_MAX = 16_384  # bytes of request line and headers
HEAD_DEADLINE_S = 10.0

_PROBLEM = (
    f'{{"type":"{TYPE_PREFIX}http","title":"Not an HTTP/1.1 request taken here","status":400,"code":"http",'
    f'"remedy":"send a head of at most {HEAD_SIZE_MAX} bytes within {HEAD_DEADLINE_S:.0f} s, with one Host, '
    'without trailers"}'
).encode()


class RefusedHead(Exception):
    """Raised inside the parser, which then reports a broken request."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    _in_head = True
    _head_size = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._start_deadline()
            self._head_size += len(data)
        super().data_received(data)
        # The parser holds back an unfinished header, so what came is counted here and not in its call-backs.
        if self._in_head and self._head_size > HEAD_SIZE_MAX and not self.transport.is_closing():
            self.send_400_response("")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head or len(self.headers) >= 100:
            raise RefusedHead
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_SIZE_MAX:
            raise RefusedHead  # it came whole in one piece
        if self.parser.get_http_version() == "1.1" and [name for name, _ in self.headers].count(b"host") != 1:
            raise RefusedHead  # RFC 9112, 3.2
        self._in_head = False
        self._head_size = 0
        self._stop_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """One problem for whatever is no request; ``msg`` is the server's, and says less."""
        self.transport.write(
            STATUS_LINE[400]
            + f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(_PROBLEM)}\r\nconnection: close\r\n\r\n".encode()
            + _PROBLEM
        )
        self.transport.close()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_DEADLINE_S, self._too_late)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.send_400_response("")
