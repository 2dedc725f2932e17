"""HTTP/1.1 with a bound on the size and time of a request's head, which uvicorn does not have.

A page for the public meets senders who never finish, or never stop: each would hold a connection, or fill memory.
Bodies need no bound: no route reads one.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_SIZE_MAX = 32_768  # bytes of request line and headers: browsers stay below 16 KiB, proxies add some
HEAD_DEADLINE_S = 10.0

_PROBLEM = (
    '{"type":"urn:tallystick:problem:http","title":"not an HTTP/1.1 request taken here","status":400,"code":"http",'
    f'"remedy":"send a head of at most {HEAD_SIZE_MAX} bytes within {HEAD_DEADLINE_S:.0f} s, with one Host"}}'
).encode()


class RefusedHeadError(Exception):
    """Raised inside the parser, which then reports a broken request."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection; a head that is too long or too slow is answered 400 and ends it."""

    _head_size = 0  # of the request that is arriving; negative from the end of its head to the end of its body
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_size >= 0:
            self._wait_for_head()
            self._head_size += len(data)
        super().data_received(data)
        # The parser holds back an unfinished header, so what came is counted here and not in its call-backs.
        if self._head_size > HEAD_SIZE_MAX:
            self._refuse()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_SIZE_MAX:
            raise RefusedHeadError  # it came whole in one piece
        if self.parser.get_http_version() == "1.1" and [name for name, _ in self.headers].count(b"host") != 1:
            raise RefusedHeadError  # RFC 9112, 3.2
        self._head_is_here()
        self._head_size = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_size = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """One problem (RFC 9457) for whatever is no request; ``msg`` is the server's, and says less."""
        head = f"content-type: application/problem+json\r\ncontent-length: {len(_PROBLEM)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[400] + head.encode() + _PROBLEM)
        self.transport.close()

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_DEADLINE_S, self._refuse)

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        self._head_is_here()
        if not self.transport.is_closing():
            self.send_400_response("")
