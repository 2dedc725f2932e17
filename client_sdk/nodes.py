"""Several nodes as one: signed requests, fail-over, answers decoded, problems raised as errors.

Whatever is sent may be sent again: reads change nothing, and a transaction has one id however often it arrives. So any
doubt about whether a node took a request is settled by asking the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from client_sdk.environment import SYSTEM, Environment
from client_sdk.errors import AnswerError, DoorError, MissingError, PrunedError
from client_sdk.transport import HttpTransport, Request, Response, Transport
from tallystick.api import Problem
from tallystick.errors import ConfigError, UnavailableError
from tallystick.http_signatures import NONCE_SIZE, sign_request

J = TypeVar("J", bound=msgspec.Struct)

MSGPACK = "application/msgpack"
JSON = "application/json"
TRY_ELSEWHERE = frozenset({429, 500, 502, 503, 504})  # statuses that say nothing about the request itself
NOT_LET_IN = frozenset({401, 403})  # may only mean that this node has not executed our key's registration yet
GONE = 410  # this node pruned it; another may keep more
PAUSE_MIN_S = 0.1  # before the second round over all nodes; doubled for each further one
PAUSE_MAX_S = 2.0


@dataclass(frozen=True, slots=True)
class RequestKey:
    """With which key requests to the members' door are signed.

    Attributes:
        seed: 32-byte private seed of a key registered for reading (or any use).
        chain_id: 32 bytes; part of what is signed.
    """

    seed: bytes
    chain_id: bytes


class Nodes:
    """A list of nodes, the preferred one first; the last one that answered is asked first next time.

    Args:
        transports: one per node.
        key: signs requests to the members' door, or finds the key when it is first needed; without one only public
            doors answer.
        patience_s: how long to try, over all nodes and rounds, before giving up.
        timeout_s: for one exchange with one node.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        key: RequestKey | Callable[[], RequestKey | None] | None = None,
        *,
        environment: Environment = SYSTEM,
        patience_s: float = 20.0,
        timeout_s: float = 5.0,
    ) -> None:
        if not transports:
            raise ConfigError("no node is known: give --node URL, or name one in the configuration")
        self._transports = list(transports)
        self._key = key
        self._environment = environment
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._preferred = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes' URLs."""
        return tuple(transport.name for transport in self._transports)

    def close(self) -> None:
        """Close every connection."""
        for transport in self._transports:
            transport.close()

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        members: bool = False,
        accept: str = JSON,
        wait_s: float = 0.0,
    ) -> Response:
        """Read something.

        Args:
            members: sign the request for the members' door.
            wait_s: how long the node itself may hold the answer back (long-poll).
        Raises:
            MissingError: the node does not have it.
            PrunedError: no node that answered keeps it any more; all were asked.
            DoorError: the node refuses the request.
            UnavailableError: no node answered in time.
        """
        return self._call("GET", path, urlencode(query or {}), b"", members, {"accept": accept}, wait_s)

    def post(self, path: str, body: bytes) -> Response:
        """Send MessagePack to the members' door. Raises: as ``get``."""
        headers = {"accept": JSON, "content-type": MSGPACK}
        return self._call("POST", path, "", body, True, headers, 0.0)

    def _call(
        self, method: str, path: str, query: str, body: bytes, members: bool, headers: dict[str, str], wait_s: float
    ) -> Response:
        started = self._environment.monotonic_s()
        pause_s, failures = PAUSE_MIN_S, {}
        while True:
            not_let_in: Problem | None = None
            gone: dict[str, Problem] = {}
            for step in range(len(self._transports)):
                place = (self._preferred + step) % len(self._transports)
                transport = self._transports[place]
                signature = self._sign(method, path, query, body) if members else {}
                request = Request(method, path, query, headers | signature, body, self._timeout_s + wait_s)
                try:
                    response = transport.send(request)
                    problem = _problem_of(response)
                except UnavailableError as error:
                    failures[transport.name] = str(error).removeprefix(f"{transport.name}: ")
                    continue
                if problem is None:
                    self._preferred = place
                    return response
                if problem.status in NOT_LET_IN:
                    not_let_in = problem
                    continue
                if problem.status == GONE:
                    gone[transport.name] = problem
                    continue
                if problem.status not in TRY_ELSEWHERE:
                    self._preferred = place
                    raise MissingError(problem) if problem.status == 404 else DoorError(problem)
                failures[transport.name] = f"{problem.detail or problem.title} [{problem.code}]"
            if not_let_in is not None:
                raise DoorError(not_let_in)
            if gone:
                raise PrunedError(gone, failures)
            left_s = self._patience_s - (self._environment.monotonic_s() - started)
            if left_s <= pause_s:
                told = "; ".join(f"{name}: {words}" for name, words in failures.items())
                raise UnavailableError(f"no node answered: {told}")
            self._environment.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    def _sign(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """A fresh signature for every try: a node takes one nonce once."""
        if callable(self._key):
            self._key = self._key()
        if self._key is None:
            raise ConfigError("this needs a signed request: name a key (--key, or [keys] in the configuration)")
        return sign_request(
            self._key.seed,
            self._key.chain_id,
            method,
            path,
            query,
            body,
            created_s=self._environment.now_ms() // 1_000,
            nonce=self._environment.random_bytes(NONCE_SIZE),
        )


def connect(
    urls: Sequence[str],
    key: RequestKey | None = None,
    *,
    ca_file: str | None = None,
    environment: Environment = SYSTEM,
    patience_s: float = 20.0,
) -> Nodes:
    """Nodes over HTTP. Raises: ConfigError for a malformed URL."""
    transports = [HttpTransport(url, ca_file) for url in urls]
    return Nodes(transports, key, environment=environment, patience_s=patience_s)


def read_json(response: Response, type_: type[J]) -> J:
    """The JSON value of an answer.

    Raises:
        AnswerError: it is not of that shape.
    """
    try:
        return msgspec.json.decode(response.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(f"a node answered something that is no {type_.__name__}: {error}") from error


def _problem_of(response: Response) -> Problem | None:
    """None for success; otherwise what the node says, or what its status alone says."""
    if 200 <= response.status < 300:
        return None
    try:
        problem = msgspec.json.decode(response.body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = Problem("about:blank", f"HTTP status {response.status}", response.status, f"http-{response.status}")
    return msgspec.structs.replace(problem, status=response.status)
