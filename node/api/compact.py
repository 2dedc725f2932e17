"""The public door's answers about seals: the newest, the keys that it is checked with, consignments under it."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from node.api import openapi
from node.api.bodies import MSGPACK
from node.api.parameters import ItemQuery, strict_query
from node.api.public import FRESH
from node.api.rates import RateLimit
from tallystick import api
from tallystick.compact import CompactProof, write_compact
from tallystick.encoding import encode
from tallystick.errors import UnavailableError
from tallystick.seals import SealCertificate, SealKeySet


class CompactQueries(Protocol):
    """What this door asks of a node (``node.bls_sealer``)."""

    def key_set(self) -> SealKeySet:
        """Validators and their BLS keys."""

    def certificate(self) -> SealCertificate:
        """The newest seal."""

    def consignment(self, identifier: str) -> CompactProof:
        """A logistic unit under the newest seal."""


class NoSeals:
    """A node that has nothing to do with seals."""

    def key_set(self) -> SealKeySet:
        """See ``CompactQueries``."""
        raise UnavailableError("this node makes no seals")

    def certificate(self) -> SealCertificate:
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
            (api.SEAL_KEYS, self.seal_keys, "sealKeys", "Validators with their BLS keys", "SealKeySet"),
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

    async def seal(self) -> Response:
        """One every heartbeat."""
        return _answer(encode(self._seals.certificate()))

    async def seal_keys(self) -> Response:
        """To be pinned; the reader checks every signature and possession itself."""
        return _answer(encode(self._seals.key_set()))

    async def consignment(self, id: ItemQuery) -> Response:
        """As of the newest seal; a unit that has changed since must wait for the next one."""
        return _answer(write_compact(self._seals.consignment(id)))


def _answer(data: bytes) -> Response:
    return Response(data, headers=FRESH, media_type=MSGPACK)
