"""The outermost layer of the HTTP doors: bounds, headers of every answer, counting, and the last net under a fault."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.problems import ProblemError, problem_response
from node.logs import log_fields
from node.metrics import Metrics
from tallystick import api
from tallystick.errors import StorageError

REQUEST_DEADLINE_S = 90.0  # a whole request: body 30 s, long-poll 30 s, and a slow reader
PUBLIC_PATHS = frozenset((api.HEAD, api.HEALTH, api.METRICS, api.GENESIS, "/v1/openapi.json"))
PUBLIC_PREFIXES = ("/v1/headers/", "/v1/epochs/", "/v1/proofs/")

_log = logging.getLogger("node.api")


def is_public(path: str) -> bool:
    """Whether a path belongs to the public door, which any page may read."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


class Door:
    """Wraps the application.

    Args:
        on_fatal: told of a ``StorageError``; the process must end.
        concurrent_max: requests in progress; more are answered 503 at once.
    """

    def __init__(
        self, application: ASGIApp, metrics: Metrics, *, concurrent_max: int, on_fatal: Callable[[StorageError], None]
    ) -> None:
        self._application = application
        self._metrics = metrics
        self._concurrent_max = concurrent_max
        self._on_fatal = on_fatal
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "HEAD" and is_public(scope["path"]):
            scope = {**scope, "method": "GET"}  # the server leaves the body out, as it knows what was asked
        exchange = _Exchange(scope, receive, send)
        started = time.perf_counter()
        self._open += 1
        self._metrics.requests_open.set(self._open)
        try:
            if self._open > self._concurrent_max:
                raise ProblemError("unavailable", "too many requests in progress", "try again shortly")
            async with asyncio.timeout(REQUEST_DEADLINE_S):
                await self._application(scope, exchange.receive, exchange.send)
        except ProblemError as error:
            await exchange.answer(error)
        except StorageError as error:
            self._on_fatal(error)
            await exchange.answer(ProblemError("internal", "the node stops", "ask another node"))
        except TimeoutError:
            await exchange.answer(ProblemError("unavailable", "not done in time", "try again shortly"))
        except Exception:  # the outermost edge: a fault ends one request, is logged and counted, and is never a 500
            self._metrics.faults.inc()
            _log.error("a request ended in a fault", exc_info=True, extra=log_fields(path=scope["path"]))
            await exchange.answer(ProblemError("internal", "the node could not answer", "ask another node"))
        finally:
            self._open -= 1
            self._metrics.requests_open.set(self._open)
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(route, exchange.status).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - started)


class _Exchange:
    """One request and its answer: notes what was read and sent, and adds the headers of every answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_read = scope["method"] in ("GET", "HEAD", "OPTIONS")
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._body_read = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            headers.append((b"x-content-type-options", b"nosniff"))
            if is_public(self._scope["path"]):
                headers.append((b"access-control-allow-origin", b"*"))
            if not self._body_read:  # the rest of the body would have to be read before the next request
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def answer(self, error: ProblemError) -> None:
        """Send a problem, unless an answer has begun: then the connection can only be cut."""
        if self.status == 0:
            await problem_response(error)(self._scope, self.receive, self.send)
