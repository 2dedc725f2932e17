"""Both doors' answers about seals: the newest, those of epochs' ends, consignments under it; and asking for one."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from node.api import openapi
from node.api.auth import Authenticator
from node.api.bodies import MSGPACK, submitted_body
from node.api.parameters import ClosingQuery, ItemQuery, strict_query
from node.api.public import FRESH, json_response
from node.api.rates import RateLimit
from tallystick import api
from tallystick.compact import CompactProof, write_compact
from tallystick.encoding import encode
from tallystick.errors import DecodeError, UnavailableError
from tallystick.seals import SealCertificate

NOTHING = encode(())  # body of a question that says nothing more


class CompactQueries(Protocol):
    """What this door asks of a node (``node.bls_sealer``)."""

    def certificate(self, closing_epoch: int | None = None) -> SealCertificate:
        """The newest seal, or that of an epoch's last block."""

    def request(self) -> int:
        """Ask the validators to seal the newest height; which one."""

    def consignment(self, identifier: str) -> CompactProof:
        """A logistic unit under the newest seal."""


class NoSeals:
    """A node that has nothing to do with seals."""

    def certificate(self, closing_epoch: int | None = None) -> SealCertificate:
        """See ``CompactQueries``."""
        raise UnavailableError("this node makes no seals")

    def request(self) -> int:
        """See ``CompactQueries``."""
        raise UnavailableError("this node makes no seals")

    def consignment(self, identifier: str) -> CompactProof:
        """See ``CompactQueries``."""
        raise UnavailableError(f"this node makes no seals, so it has no compact proof of {identifier}")


class CompactDoor:
    """Handlers; answers are bytes that verify themselves."""

    def __init__(self, seals: CompactQueries, limit: RateLimit) -> None:
        self._seals = seals
        self._limit = limit

    def router(self) -> APIRouter:
        """The routes, each with its description."""
        router = APIRouter(
            default_response_class=Response,
            tags=["public"],
            dependencies=[Depends(self._within_limit), Depends(strict_query)],
        )
        refused = openapi.refusals("query", "rate-limited", "unavailable", "not-found")
        for path, handler, name, summary, answer in (
            (api.SEAL, self.seal, "seal", "Newest seal: a quorum's aggregate signature", "SealCertificate"),
            (
                api.CONSIGNMENT_PROOF,
                self.consignment,
                "consignmentProof",
                "Compact proof of a container's newest session",
                "CompactProof with its magic",
            ),
        ):
            answered = openapi.other_answer(MSGPACK, f"Encoded `{answer}`; docs/spec/compact.md.", "93")
            router.add_api_route(
                path, handler, operation_id=name, summary=summary, responses={200: answered, **refused}
            )
        return router

    async def _within_limit(self, request: Request) -> None:
        self._limit.take(request.client.host if request.client else "")

    async def seal(self, closing: ClosingQuery = None) -> Response:
        """One every heartbeat, one at the end of each epoch, and when a member asks."""
        return _answer(encode(self._seals.certificate(None if closing is None else int(closing))))

    async def consignment(self, id: ItemQuery) -> Response:
        """As of the newest seal; a unit that has changed since must wait for the next one."""
        return _answer(write_compact(self._seals.consignment(id)))


class SealsDoor:
    """The members' question for a seal: a handler that makes validators sign, so it knows who asks, and how often."""

    def __init__(self, seals: CompactQueries, authenticator: Authenticator) -> None:
        self._seals = seals
        self._authenticator = authenticator

    def router(self) -> APIRouter:
        """The one route."""
        router = APIRouter(default_response_class=Response, tags=["members"], dependencies=[Depends(strict_query)])
        refused = openapi.refusals(*openapi.OF_SUBMISSIONS)
        router.add_api_route(
            api.SEALS,
            self.ask,
            methods=["POST"],
            status_code=202,
            operation_id="askForSeal",
            summary="Ask the validators to seal the newest height now",
            openapi_extra=openapi.msgpack_body("An empty array.", len(NOTHING)),
            responses={202: openapi.json_answer(api.SealAsked, "Which height.", api.SealAsked(42)), **refused},
        )
        return router

    async def ask(self, request: Request) -> Response:
        """Once in ten seconds, whoever asks; the seal is made some seconds later or, where validators are away, not."""
        _, body = await submitted_body(request, self._authenticator, len(NOTHING))
        if body != NOTHING:
            raise DecodeError("malformed", "the body of this request is an empty array")
        return json_response(api.SealAsked(self._seals.request()), 202, {"Cache-Control": "no-store"})


def _answer(data: bytes) -> Response:
    return Response(data, headers=FRESH, media_type=MSGPACK)
