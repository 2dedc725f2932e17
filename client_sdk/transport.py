"""All network of the SDK behind one verb: ``Transport.send``. The HTTP one uses the standard library.

A transport moves bytes to and from one node and judges nothing; ``nodes.py`` chooses among several.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from tallystick.errors import ConfigError, UnavailableError

RESPONSE_SIZE_MAX = 64 * 1_048_576  # bytes; a page of blocks is below 10 MiB
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        path: absolute path, percent-encoded.
        query: without the question mark; empty for none.
        timeout_s: for the whole exchange, connecting included.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = 10.0

    @property
    def target(self) -> str:
        """Path and query as the request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """A way to one node."""

    @property
    def name(self) -> str:
        """What people call the node: its URL."""

    def send(self, request: Request) -> Response:
        """Exchange one request for one response.

        Raises:
            UnavailableError: no complete answer in time. Whether the node took the request is then unknown.
        """

    def close(self) -> None:
        """Give up connections."""


class HttpTransport:
    """HTTP/1.1 with one kept connection per thread.

    Args:
        url: ``http://host:port`` or ``https://host:port``, optionally with a path under which the doors are.
        ca_file: PEM file of the certificates that may vouch for an https node, instead of the system's.
    Raises:
        ConfigError: not such a URL, or an unreadable ``ca_file``.
    """

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is not a node's URL: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"{url!r} is not a node's URL; write http://host:port or https://host:port")
        if parts.username or parts.password:
            raise ConfigError("a node's URL holds no user name or password: requests are signed instead")
        self._url = url.rstrip("/")
        self._host = parts.hostname
        self._port = port
        self._base = parts.path.rstrip("/")
        self._tls = _tls_context(ca_file) if parts.scheme == "https" else None
        self._local = threading.local()

    @property
    def name(self) -> str:
        """The URL."""
        return self._url

    def send(self, request: Request) -> Response:
        """Send on the kept connection; when the node has closed that meanwhile, once more on a new one."""
        deadline = time.monotonic() + request.timeout_s
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return self._exchange(kept, request, deadline)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.close()  # the node tidied up an idle connection: ordinary
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise self._unavailable(error) from error
        connection = self._connect(max(0.001, deadline - time.monotonic()))
        try:
            response = self._exchange(connection, request, deadline)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._local.connection = None
            raise self._unavailable(error) from error
        return response

    def close(self) -> None:
        """Close this thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)

    def _exchange(self, connection: http.client.HTTPConnection, request: Request, deadline: float) -> Response:
        _patience(connection, deadline)
        headers = dict(request.headers)
        connection.request(request.method, self._base + request.target, body=request.body or None, headers=headers)
        answer = connection.getresponse()
        body = _read(connection, answer, deadline)
        if answer.will_close:
            connection.close()
            self._local.connection = None
        else:
            self._local.connection = connection
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def _unavailable(self, error: Exception) -> UnavailableError:
        words = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return UnavailableError(f"{self._url}: {words}")


def _read(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, in pieces, so that a node that drips bytes cannot hold us beyond the deadline."""
    body = bytearray()
    while True:
        _patience(connection, deadline)
        piece = answer.read1(_CHUNK)
        if not piece:
            break
        body += piece
        if len(body) > RESPONSE_SIZE_MAX:
            raise http.client.HTTPException(f"an answer of more than {RESPONSE_SIZE_MAX} bytes")
    if answer.length:  # announced by Content-Length, but never sent
        raise http.client.IncompleteRead(bytes(body), answer.length)
    answer.close()  # read1 leaves it open, and then the connection takes no further request
    return bytes(body)


def _patience(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot read the certificates of {ca_file}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
