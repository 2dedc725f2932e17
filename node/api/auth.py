"""The members' door: who is asking, and may they.

A request is signed by a registered, active key of an active organisation (RFC 9421, ``tallystick.http_signatures``), or
carries a read token of a reader beside the node. The signature is checked before a byte of the body is read. Which uses
a key needs: any but VALIDATOR to submit and to follow its own transactions (a root key submits what it signs), READ for
members' data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from starlette.requests import Request

from node.api.problems import ProblemError
from node.api.rates import RateLimit
from node.api.source import NodeQueries
from node.api.tokens import ReadTokens
from node.config import ApiConfig
from tallystick.errors import DecodeError, SignatureError
from tallystick.http_signatures import WINDOW_S, RequestSignature, verify_request_head
from tallystick.records.base import read_public
from tallystick.records.members import (
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)

NONCES_MAX = 400_000  # of one generation, about 55 MB: more requests than one core can answer in two minutes
CHALLENGE = {"WWW-Authenticate": 'Signature realm="tallystick", Bearer realm="tallystick"'}


class Access(Enum):
    """What a route needs."""

    SUBMIT = "submit transactions"
    FOLLOW = "follow transactions"
    READ = "read members' data"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``signature`` is None for a reader with a token."""

    name: str
    signature: RequestSignature | None

    def check_body(self, body: bytes) -> None:
        """Refuse a body that is not the one signed for.

        Raises:
            DecodeError: ``request.digest``.
        """
        if self.signature is not None:
            self.signature.check_body(body)


class SeenNonces:
    """Which (key, nonce) pairs were used: two generations, each at least as long as a signature can be valid."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._since_s = now_s()

    def use(self, key: bytes, nonce: bytes) -> bool:
        """Note a pair; False when it was used before.

        Raises:
            ProblemError: ``unavailable`` when there is no room; forgetting would let a request be played twice.
        """
        if self._now_s() - self._since_s > 2 * WINDOW_S:
            self._old, self._young, self._since_s = self._young, set(), self._now_s()
        pair = key + nonce
        if pair in self._young or pair in self._old:
            return False
        if len(self._young) >= NONCES_MAX:
            raise ProblemError("unavailable", "too many signed requests in two minutes", "try again in a minute")
        self._young.add(pair)
        return True


class Authenticator:
    """Turns a request into a ``Caller`` or a problem, and keeps each organisation within its rate."""

    def __init__(
        self,
        node: NodeQueries,
        tokens: ReadTokens,
        limits: ApiConfig,
        strangers: RateLimit,
        *,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._tokens = tokens
        self._wall_s = wall_s
        self._nonces = SeenNonces(monotonic_s)
        self._strangers = strangers
        self._requests = RateLimit(limits.requests_per_second, limits.burst, monotonic_s)
        self._transactions = RateLimit(limits.transactions_per_second, limits.transactions_burst, monotonic_s)

    def caller(self, request: Request, access: Access) -> Caller:
        """Who asks, once it is certain that they may. A failure counts against the address it came from.

        Raises:
            ProblemError: ``unauthenticated``, ``forbidden``, ``signature`` or ``rate-limited``.
        """
        address = request.client.host if request.client else ""
        self._strangers.check(address)
        try:
            caller = self._identify(request, access)
        except ProblemError as error:
            if error.problem.status in (401, 403):
                self._strangers.charge(address)
            raise
        self._requests.take(caller.name)
        if caller.signature is not None and not self._nonces.use(caller.signature.key, caller.signature.nonce):
            raise _unauthenticated("the nonce was used before", "sign every request anew, with a fresh nonce")
        return caller

    def count_transactions(self, caller: Caller, count: int) -> None:
        """Keep submissions within the organisation's rate.

        Raises:
            ProblemError: ``rate-limited``.
        """
        self._transactions.take(caller.name, count)

    def _identify(self, request: Request, access: Access) -> Caller:
        headers = _single_headers(request)
        bearer = headers.get("authorization")
        if bearer is not None:
            return self._reader(bearer, access)
        try:
            signature = verify_request_head(
                self._node.chain_id,
                request.method,
                request.scope["raw_path"].decode("ascii"),
                request.scope["query_string"].decode("ascii"),
                headers,
            )
        except DecodeError as error:
            raise _unauthenticated(error.detail, "sign requests as docs/spec/api.md says, or with the SDK") from error
        except SignatureError as error:
            raise _unauthenticated(str(error), "check the chain id, the key and what was signed") from error
        except UnicodeDecodeError as error:
            raise _unauthenticated("path or query is not ASCII", "percent-encode it") from error
        if abs(signature.created_s - self._wall_s()) > WINDOW_S:
            raise _unauthenticated(
                f"signed more than {WINDOW_S} s from this node's time, {int(self._wall_s())} s since 1970",
                "set the clock, and sign every request anew",
            )
        return Caller(self._organisation_of(signature.key, access), signature)

    def _reader(self, authorization: str, access: Access) -> Caller:
        scheme, _, token = authorization.partition(" ")
        name = self._tokens.reader(token) if scheme.lower() == "bearer" else None
        if name is None:
            raise _unauthenticated("the token is unknown here", "use a token of this node's read_tokens file")
        if access is Access.SUBMIT:
            raise ProblemError("forbidden", "a read token submits nothing", "sign the request with a registered key")
        return Caller(f"reader:{name}", None)

    def _organisation_of(self, public_key: bytes, access: Access) -> str:
        record = self._node.record(member_key(public_key))
        if record is None:
            raise ProblemError("forbidden", "the key is not registered", "have your root key register it")
        key = read_public(record, Key)
        if key.status is not KeyStatus.ACTIVE:
            raise ProblemError("forbidden", "the key was revoked", "sign with an active key")
        organisation = self._node.record(organisation_key(key.organisation))
        if organisation is None or read_public(organisation, Organisation).status is not OrganisationStatus.ACTIVE:
            raise ProblemError("forbidden", f"{key.organisation} is suspended", "ask the governors")
        if access is Access.READ and KeyUse.READ not in key.uses:
            raise ProblemError("forbidden", "the key may not read members' data", "register a key for the use READ")
        if set(key.uses) == {KeyUse.VALIDATOR}:
            raise ProblemError("forbidden", "a validator key signs no requests", "use a key for capture, trade or READ")
        return key.organisation


def _single_headers(request: Request) -> Mapping[str, str]:
    """Headers by lower-case name; one that decides about a request must not come twice."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if name in headers and name in ("authorization", "signature", "signature-input", "content-digest"):
            raise _unauthenticated(f"the header {name} comes twice", "send it once")
        headers[name] = value
    return headers


def _unauthenticated(detail: str, remedy: str) -> ProblemError:
    return ProblemError("unauthenticated", detail, remedy, headers=CHALLENGE)
