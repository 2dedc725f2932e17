"""The public door: heads, headers and proofs that anybody can verify; health and metrics for whoever runs the node."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from node.api import openapi
from node.api.bodies import MSGPACK
from node.api.examples import HEAD, HEALTH
from node.api.parameters import (
    EXAMPLE_ITEM,
    AtQuery,
    CommitmentQuery,
    EpochPath,
    HeightPath,
    HeightQuery,
    ItemQuery,
    KeyQuery,
    strict_query,
)
from node.api.problems import ProblemError
from node.api.rates import RateLimit
from node.api.source import NodeQueries, ProofQueries
from node.metrics import CONTENT_TYPE, Metrics
from tallystick import api
from tallystick.encoding import encode
from tallystick.records.base import MEMBERS_ONLY_SPACES

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-cache"}
JSON = "application/json"
REQUEST_S = 0.003  # processor time of making a proof that one request pays for: long histories cost more than one


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] = FRESH) -> Response:
    """Any shape of ``tallystick.api`` as JSON; bytes are JSON already."""
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Response(body, status, headers=headers, media_type=JSON)


def height_of(at: str | None) -> int | None:
    """The height of an ``at`` parameter."""
    return int(at) if at is not None else None


class PublicDoor:
    """Handlers of the public door."""

    def __init__(
        self, node: NodeQueries, proofs: ProofQueries, metrics: Metrics, limit: RateLimit, heartbeat_ms: int
    ) -> None:
        self._node = node
        self._proofs = proofs
        self._metrics = metrics
        self._limit = limit
        self._stale_ms = 3 * heartbeat_ms
        self._genesis = encode(node.genesis)

    def router(self) -> APIRouter:
        """The routes, each with its description."""
        router = APIRouter(
            default_response_class=Response,
            tags=["public"],
            dependencies=[Depends(self._within_limit), Depends(strict_query)],
        )
        limited = openapi.refusals("query", "rate-limited", "unavailable")
        add = router.add_api_route
        head_answer = openapi.json_answer(api.HeadAnswer, "The newest final header with its certificate.", HEAD)
        add(
            api.HEAD,
            self.head,
            operation_id="head",
            summary="Newest final header, with what certifies it",
            responses={200: head_answer, **limited, **openapi.refusals("starting")},
        )
        health_answer = openapi.json_answer(api.HealthAnswer, "Alive; `ok` says whether also well.", HEALTH)
        add(
            api.HEALTH,
            self.health,
            operation_id="health",
            summary="Whether the node is alive, and how far it is",
            responses={200: health_answer, **limited},
        )
        metrics_answer = openapi.other_answer("text/plain", "Metrics.", "tallystick_height 42.0")
        add(
            api.METRICS,
            self.metrics,
            operation_id="metrics",
            summary="Metrics in Prometheus' text format",
            responses={200: metrics_answer, **limited},
        )
        self._add_chain(router, limited)
        self._add_proofs(router, {**limited, **openapi.refusals("query", "forbidden")})
        return router

    def _add_chain(self, router: APIRouter, limited: openapi.Responses) -> None:
        router.add_api_route(
            api.GENESIS,
            self.genesis,
            operation_id="genesis",
            summary="The founding document; its hash is the chain id",
            responses={200: openapi.other_answer(MSGPACK, "Encoded `Genesis`.", "97"), **limited},
        )
        router.add_api_route(
            api.HEADER,
            self.header,
            operation_id="header",
            summary="One final header, with what certifies it",
            responses={
                200: openapi.other_answer(MSGPACK, "Encoded `CertifiedHeader`.", "93"),
                **limited,
                **openapi.refusals("not-found", "pruned"),
            },
        )

        router.add_api_route(
            api.EPOCH,
            self.epoch,
            operation_id="epoch",
            summary="How an epoch ended: who hands over to whom, proven",
            responses={
                200: openapi.other_answer(MSGPACK, "Encoded `EpochStep`.", "92"),
                **limited,
                **openapi.refusals("not-found"),
            },
        )

    def _add_proofs(self, router: APIRouter, refused: openapi.Responses) -> None:
        bundle = openapi.other_answer(JSON, "A proof bundle; docs/spec/proofs.md.", EXAMPLE_ITEM)
        for path, handler, name, summary in (
            (api.ITEM_PROOF, self.item_proof, "itemProof", "History of an item with its closure, proven"),
            (api.EVENT_PROOF, self.event_proof, "eventProof", "One event in an item's history, with any correction"),
            (api.BLOCK_PROOF, self.block_proof, "blockProof", "A block of an executed height belongs to the chain"),
            (api.EVIDENCE_PROOF, self.evidence_proof, "evidenceProof", "A validator contradicted itself, proven"),
            (api.RECORD_PROOF, self.record_proof, "recordProof", "The public half of a record, or its absence, proven"),
        ):
            missing = openapi.refusals("not-found", *(["pruned"] if handler != self.block_proof else []))
            router.add_api_route(
                path, handler, operation_id=name, summary=summary, responses={200: bundle, **refused, **missing}
            )

    async def _within_limit(self, request: Request) -> None:
        self._limit.take(_address(request))

    @contextmanager
    def _paid(self, request: Request) -> Iterator[None]:
        """A proof is made on the loop that also votes: who asks pays by the time it took, beyond the first part."""
        started_s = time.thread_time()
        try:
            yield
        finally:
            self._limit.charge(_address(request), max(0.0, (time.thread_time() - started_s) / REQUEST_S - 1.0))

    async def head(self) -> Response:
        """What a verifier starts from."""
        head = self._node.head()
        if head is None:
            raise ProblemError("starting", "no block is final yet", "try again shortly")
        return json_response(head)

    async def health(self) -> Response:
        """Answers 200 while the process lives: an orchestrator that restarts it must not mistake waiting for death."""
        status = self._node.status()
        ok = status.executed_height > 0 and abs(status.chain_minus_clock_ms) <= self._stale_ms
        peers = sum(peer.connected for peer in status.peers)
        return json_response(api.HealthAnswer(ok, status.height, status.executed_height, peers))

    async def metrics(self) -> Response:
        """Numbers only; names of peers are their organisation ids, which genesis shows anyway."""
        return Response(self._metrics.render(), headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE})

    async def genesis(self) -> Response:
        """The same bytes for ever."""
        return Response(self._genesis, headers=IMMUTABLE, media_type=MSGPACK)

    async def header(self, height: HeightPath) -> Response:
        """A header that is final stays so, hence immutable for caches."""
        certified = self._node.certified_header(int(height))
        if certified is None:
            raise ProblemError(
                "not-found",
                f"no final header of height {height} here",
                "ask for a height that is final, or another node",
                path="/path/height",
                height=self._node.status().executed_height,
            )
        return Response(encode(certified), headers=IMMUTABLE, media_type=MSGPACK)

    async def epoch(self, epoch: EpochPath) -> Response:
        """From pinned validators to the present ones: one of these for each epoch between."""
        step = self._node.epoch(int(epoch))
        if step is None and self._node.epoch_was_recovered(int(epoch)):
            raise ProblemError(
                "not-found",
                f"epoch {epoch} was ended by a recovery: no quorum of its validators hands over to the next",
                "have several members read N:HASH of the present epoch to you (tallystick trust), compare, remove your "
                "trust file, and run tallystick pin GENESIS --epoch N:HASH",
                path="/path/epoch",
            )
        if step is None:
            raise ProblemError(
                "not-found",
                f"epoch {epoch} has not ended here",
                "its validators are the present ones, or ask another node",
                path="/path/epoch",
            )
        return Response(encode(step), headers=IMMUTABLE, media_type=MSGPACK)

    async def item_proof(self, request: Request, id: ItemQuery, at: AtQuery = None) -> Response:
        """An identifier that was never issued gives a proof of its absence, not a 404."""
        with self._paid(request):
            return json_response(self._proofs.item(id, height_of(at)))

    async def event_proof(
        self, request: Request, commitment: CommitmentQuery, item: ItemQuery, at: AtQuery = None
    ) -> Response:
        """The commitment must be in that item's history."""
        with self._paid(request):
            return json_response(self._proofs.event(bytes.fromhex(commitment), item, height_of(at)))

    async def block_proof(self, height: HeightQuery) -> Response:
        """Of any executed height, however old, under the newest certified header."""
        return json_response(self._proofs.block(int(height)))

    async def evidence_proof(self, key: KeyQuery, at: AtQuery = None) -> Response:
        """By the key of the record: epoch, view, kind and the validator's key. 404 while nothing is recorded there."""
        return json_response(self._proofs.evidence(bytes.fromhex(key), height_of(at)))

    async def record_proof(self, key: KeyQuery, at: AtQuery = None) -> Response:
        """Never shows a members' half, only its hash; nor whether a key exists that names a party or can be guessed."""
        if bytes.fromhex(key)[0] in MEMBERS_ONLY_SPACES:
            raise ProblemError(
                "forbidden",
                "whether such a record exists is for members",
                f"ask with a signed request at {api.MEMBERS_RECORD_PROOF}",
                path="/query/key",
            )
        return json_response(self._proofs.record(bytes.fromhex(key), height_of(at)))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
