"""The HTTP server of a node: both doors behind one address, inside the node's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from node.api import openapi
from node.api.auth import Authenticator
from node.api.compact import CompactDoor, CompactQueries, NoSeals, SealsDoor
from node.api.door import Door
from node.api.listener import BACKLOG
from node.api.members import MembersDoor
from node.api.problems import ProblemError, problem_of, problem_response
from node.api.protocol import BoundedHttpProtocol
from node.api.public import PublicDoor
from node.api.rates import RateLimit
from node.api.source import NodeQueries, ProofQueries
from node.api.tokens import read_tokens
from node.config import NodeConfig
from node.metrics import Metrics
from tallystick.errors import StorageError, TallystickError

KEEP_ALIVE_S = 75  # longer than the 60 s after which usual proxies reuse a connection
STOP_S = 5  # how long requests in progress may end in peace


def build_application(
    node: NodeQueries,
    proofs: ProofQueries,
    config: NodeConfig,
    metrics: Metrics,
    *,
    on_fatal: Callable[[StorageError], None],
    seals: CompactQueries | None = None,
    wall_s: Callable[[], float] = time.time,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> Door:
    """The ASGI application with both doors.

    Raises:
        ConfigError: the file of read tokens is wrong.
    """
    limits = config.api
    strangers = RateLimit(limits.public_requests_per_second, limits.public_burst, monotonic_s)
    authenticator = Authenticator(
        node, read_tokens(config.read_tokens), limits, strangers, wall_s=wall_s, monotonic_s=monotonic_s
    )
    application = FastAPI(
        docs_url=None, redoc_url=None, swagger_ui_oauth2_redirect_url=None, openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )  # fmt: skip
    public = PublicDoor(node, proofs, metrics, strangers, node.genesis.heartbeat_ms)
    application.include_router(public.router())
    application.include_router(CompactDoor(seals or NoSeals(), strangers).router())
    application.include_router(SealsDoor(seals or NoSeals(), authenticator).router())
    application.include_router(MembersDoor(node, proofs, authenticator, limits.waiting_max).router())
    openapi.install(application, _version())
    application.add_exception_handler(ProblemError, _on_problem)
    application.add_exception_handler(TallystickError, _on_tallystick_error)
    application.add_exception_handler(RequestValidationError, _on_bad_parameter)
    application.add_exception_handler(HTTPException, _on_http_exception)
    application.add_exception_handler(Exception, _on_fault)
    return Door(application, metrics, concurrent_max=limits.concurrent_max, on_fatal=on_fatal)


class ApiServer:
    """Answers at a listener."""

    def __init__(self, listener: socket.socket) -> None:
        """``listener`` is bound; ``node.api.listener`` makes it."""
        self._socket = listener
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, application: Door) -> None:
        """Serve from now on."""
        config = uvicorn.Config(
            application,
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            limit_concurrency=4_096,
            backlog=BACKLOG,
        )
        self._server = _EmbeddedServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="api")
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """End requests in progress and free the port."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task


class _EmbeddedServer(uvicorn.Server):
    """Leaves signals to the node, which stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error)


async def _on_tallystick_error(_: Request, error: Exception) -> Response:
    if isinstance(error, StorageError) or not isinstance(error, TallystickError):
        raise error  # the door ends the process
    return problem_response(problem_of(error))


async def _on_bad_parameter(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    path = "/" + "/".join(str(part) for part in first["loc"])
    return problem_response(ProblemError("query", str(first["msg"]), "see /v1/openapi.json", path=path))


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return problem_response(ProblemError("method-not-allowed", "", f"use {allow}", headers={"Allow": allow}))
    return problem_response(ProblemError("not-found", "no such resource", "see /v1/openapi.json"))


async def _on_fault(_: Request, __: Exception) -> Response:
    """The answer to a fault; the door around the application then sees the error itself."""
    return problem_response(ProblemError("internal", "the node could not answer", "ask another node"))


def _version() -> str:
    try:
        return distribution_version("tallystick")
    except PackageNotFoundError:
        return "0"
