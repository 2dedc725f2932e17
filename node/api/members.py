"""The members' door: submit, follow, and read what members may read. Every request is signed or carries a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from node.api import openapi
from node.api.auth import Access, Authenticator, Caller
from node.api.bodies import MSGPACK, split_bulk, submitted_body
from node.api.examples import ADMITTED, BULK, STATUS, TRANSACTION
from node.api.parameters import (
    PAGE_MAX,
    WAIT_MAX_MS,
    AtQuery,
    FromQuery,
    GrantQuery,
    IdPath,
    KeyQuery,
    LimitQuery,
    ObligationQuery,
    TimeoutQuery,
    WaitQuery,
    bounded,
    strict_query,
)
from node.api.problems import ProblemError
from node.api.public import height_of, json_response
from node.api.source import NodeQueries, ProofQueries
from tallystick import api
from tallystick.encoding import encode
from tallystick.limits import BULK_SIZE_MAX, BULK_TRANSACTIONS_MAX, TRANSACTION_SIZE_MAX, VIEW_MAX

PRIVATE = {"Cache-Control": "no-store"}
ANSWER_SIZE_MAX = 16 * 1_048_576  # bytes of one page of blocks or entries; at least one is always given


class MembersDoor:
    """Handlers of the members' door.

    Args:
        waiting_max: long-polls of one caller at a time.
    """

    def __init__(self, node: NodeQueries, proofs: ProofQueries, authenticator: Authenticator, waiting_max: int) -> None:
        self._node = node
        self._proofs = proofs
        self._authenticator = authenticator
        self._waiting_max = waiting_max
        self._waiting: dict[str, int] = {}

    def router(self) -> APIRouter:
        """The routes, each with its description."""
        router = APIRouter(default_response_class=Response, tags=["members"], dependencies=[Depends(strict_query)])
        self._add_submissions(router)
        self._add_following(router)
        self._add_reading(router)
        return router

    # --- submit -------------------------------------------------------------------------------------------

    def _add_submissions(self, router: APIRouter) -> None:
        refused = openapi.refusals(*openapi.OF_SUBMISSIONS, "internal")
        router.add_api_route(
            api.TRANSACTIONS,
            self.submit,
            methods=["POST"],
            status_code=202,
            operation_id="submit",
            summary="Submit one transaction",
            openapi_extra=openapi.msgpack_body("One signed transaction, as it travels.", TRANSACTION_SIZE_MAX),
            responses={
                202: openapi.json_answer(api.TransactionStatus, "Where it is.", ADMITTED),
                **refused,
                **openapi.refusals("pruned"),
            },
        )
        router.add_api_route(
            api.TRANSACTIONS_BULK,
            self.submit_many,
            methods=["POST"],
            status_code=202,
            operation_id="submitMany",
            summary=f"Submit up to {BULK_TRANSACTIONS_MAX} transactions",
            openapi_extra=openapi.msgpack_body("An array of byte strings, one per transaction.", BULK_SIZE_MAX),
            responses={202: openapi.json_answer(api.BulkAnswer, "Each judged alone, in order.", BULK), **refused},
        )

    async def submit(self, request: Request) -> Response:
        """Answers as soon as it is admitted; one that was sent before answers where it is."""
        body = await self._body(request, TRANSACTION_SIZE_MAX, transactions=1)
        return json_response(await self._node.submit(body), 202, PRIVATE)

    async def submit_many(self, request: Request) -> Response:
        """One transaction that is refused does not touch the others."""
        raws = split_bulk(await self._body(request, BULK_SIZE_MAX))
        return json_response(api.BulkAnswer(await self._node.submit_many(raws)), 202, PRIVATE)

    async def _body(self, request: Request, size_max: int, transactions: int = 0) -> bytes:
        caller, body = await submitted_body(request, self._authenticator, size_max)
        self._authenticator.count_transactions(caller, transactions or _bulk_count(body))
        return body

    # --- follow -------------------------------------------------------------------------------------------

    def _add_following(self, router: APIRouter) -> None:
        refused = openapi.refusals("query", "unauthenticated", "forbidden", "rate-limited", "unavailable", "internal")
        missing = openapi.refusals("not-found", "pruned")
        router.add_api_route(
            api.TRANSACTION,
            self.transaction,
            operation_id="transaction",
            summary="Where a transaction is; may wait for a state",
            openapi_extra=openapi.members_read(),
            responses={
                200: openapi.json_answer(api.TransactionStatus, "Where it is.", TRANSACTION),
                **refused,
                **missing,
            },
        )
        router.add_api_route(
            api.RECEIPT,
            self.receipt,
            operation_id="receipt",
            summary="Receipt of an executed transaction",
            openapi_extra=openapi.members_read(),
            responses={200: openapi.other_answer(MSGPACK, "Encoded `Receipt`.", "98"), **refused, **missing},
        )
        router.add_api_route(
            api.RECEIPT_PROOF,
            self.receipt_proof,
            operation_id="receiptProof",
            summary="Receipt of an executed transaction, proven",
            openapi_extra=openapi.members_read(),
            responses={
                200: openapi.other_answer(
                    "application/json", "A proof bundle; docs/spec/proofs.md.", '{"kind":"receipt"}'
                ),
                **refused,
                **missing,
            },
        )
        router.add_api_route(
            api.STATUS,
            self.status,
            operation_id="status",
            summary="What the node is doing and what it waits for",
            openapi_extra=openapi.members_read(),
            responses={200: openapi.json_answer(api.StatusAnswer, "One moment of the node.", STATUS), **refused},
        )

    async def transaction(
        self,
        request: Request,
        id: IdPath,
        wait: WaitQuery = None,
        timeout_ms: TimeoutQuery = "10000",
    ) -> Response:
        """With ``wait``, answers when the state is reached or the time is over, whichever comes first."""
        caller = self._authenticator.caller(request, Access.FOLLOW)
        wait_ms = bounded(timeout_ms, "timeout_ms", 0, WAIT_MAX_MS)
        transaction_id = bytes.fromhex(id)
        if wait is None or wait is api.TransactionState.UNKNOWN or wait_ms == 0:
            status = self._node.transaction_status(transaction_id)
        else:
            with self._one_more_waiting(caller):
                status = await self._node.wait(transaction_id, wait, wait_ms)
        if status.state is api.TransactionState.UNKNOWN:
            raise self._not_found("no transaction of this id was seen here", "/path/id")
        return json_response(status, headers=PRIVATE)

    async def receipt(self, request: Request, id: IdPath) -> Response:
        """For members: a receipt lists the keys of every record that was changed."""
        self._authenticator.caller(request, Access.FOLLOW)
        receipt = self._node.receipt(bytes.fromhex(id))
        if receipt is None:
            raise self._not_found("no receipt of this id: not executed here, or unknown", "/path/id")
        return Response(encode(receipt), headers=PRIVATE, media_type=MSGPACK)

    async def receipt_proof(self, request: Request, id: IdPath) -> Response:
        """The same receipt, with what anybody needs who checks it against the pinned validators."""
        self._authenticator.caller(request, Access.FOLLOW)
        return json_response(self._proofs.receipt(bytes.fromhex(id)), headers=PRIVATE)

    async def status(self, request: Request) -> Response:
        """The same answer that `tallystick-node status` prints."""
        self._authenticator.caller(request, Access.FOLLOW)
        return json_response(self._node.status(), headers=PRIVATE)

    @contextmanager
    def _one_more_waiting(self, caller: Caller) -> Iterator[None]:
        count = self._waiting.get(caller.name, 0)
        if count >= self._waiting_max:
            raise ProblemError("rate-limited", "too many requests of yours are waiting", headers={"Retry-After": "1"})
        self._waiting[caller.name] = count + 1
        try:
            yield
        finally:
            left = self._waiting.pop(caller.name) - 1
            if left:
                self._waiting[caller.name] = left

    # --- read ---------------------------------------------------------------------------------------------

    def _add_reading(self, router: APIRouter) -> None:
        refused = openapi.refusals("query", "unauthenticated", "forbidden", "rate-limited", "unavailable", "internal")
        blocks, entries = "Array of encoded `BlockAnswer`.", "Array of encoded `HistoryAnswer`."
        for path, handler, name, summary, answer, missing in (
            (api.BLOCKS, self.blocks, "blocks", "Executed blocks with receipts", blocks, ("pruned",)),
            (api.RECORD, self.record, "record", "One record with both halves", "Encoded `Record`.", ("not-found",)),
            (api.HISTORY, self.history, "history", "Entries of a history", entries, ()),
        ):
            router.add_api_route(
                path,
                handler,
                operation_id=name,
                summary=summary,
                openapi_extra=openapi.members_read(),
                responses={
                    200: openapi.other_answer(MSGPACK, answer, "90"),
                    **refused,
                    **openapi.refusals(*missing),
                },
            )

        router.add_api_route(
            api.MEMBERS_RECORD_PROOF,
            self.record_proof,
            operation_id="membersRecordProof",
            summary="The public half of any record, or its absence, proven",
            openapi_extra=openapi.members_read(),
            responses={
                200: openapi.other_answer(
                    "application/json", "A proof bundle; docs/spec/proofs.md.", '{"kind":"record"}'
                ),
                **refused,
                **openapi.refusals("not-found", "pruned"),
            },
        )

        router.add_api_route(
            api.RECEIVABLE_PROOF,
            self.receivable_proof,
            operation_id="receivableProof",
            summary="An obligation with every lien on it, proven, for who may see it",
            openapi_extra=openapi.members_read(),
            responses={
                200: openapi.other_answer(
                    "application/json", "A proof bundle; docs/spec/proofs.md.", '{"kind":"receivable"}'
                ),
                **refused,
                **openapi.refusals("refused", "not-found", "pruned"),
            },
        )

    async def blocks(self, request: Request, from_: FromQuery = "1", limit: LimitQuery = "50") -> Response:
        """For followers. Empty when nothing is executed there yet; shorter than ``limit`` when blocks are large."""
        self._authenticator.caller(request, Access.READ)
        first = bounded(from_, "from", 0, VIEW_MAX)
        blocks = self._node.blocks(first, bounded(limit, "limit", 1, PAGE_MAX))
        return _page([encode(block) for block in blocks])

    async def record(self, request: Request, key: KeyQuery) -> Response:
        """The newest executed value; the proof of its public half is at the public door."""
        self._authenticator.caller(request, Access.READ)
        record = self._node.record(bytes.fromhex(key))
        if record is None:
            raise self._not_found("no record has this key", "/query/key")
        return Response(encode(record), headers=PRIVATE, media_type=MSGPACK)

    async def record_proof(self, request: Request, key: KeyQuery, at: AtQuery = None) -> Response:
        """Of any record: also where the key alone says who deals with whom."""
        self._authenticator.caller(request, Access.READ)
        return json_response(self._proofs.record(bytes.fromhex(key), height_of(at)), headers=PRIVATE)

    async def receivable_proof(
        self, request: Request, obligation: ObligationQuery, grant: GrantQuery = None, at: AtQuery = None
    ) -> Response:
        """For its parties, and for whom an owner granted it to; a reader with a token asks for the node's member."""
        caller = self._authenticator.caller(request, Access.READ)
        organisation = caller.name if caller.signature is not None else self._node.status().organisation
        granted = bytes.fromhex(grant) if grant is not None else None
        bundle = self._proofs.receivable(bytes.fromhex(obligation), granted, organisation, height_of(at))
        return json_response(bundle, headers=PRIVATE)

    async def history(
        self, request: Request, key: KeyQuery, from_: FromQuery = "0", limit: LimitQuery = "50"
    ) -> Response:
        """In order; empty when there is no such history."""
        self._authenticator.caller(request, Access.READ)
        first = bounded(from_, "from", 0, VIEW_MAX)
        entries = self._node.history(bytes.fromhex(key), first, bounded(limit, "limit", 1, PAGE_MAX))
        return _page([encode(entry) for entry in entries])

    def _not_found(self, detail: str, path: str) -> ProblemError:
        height = self._node.status().executed_height
        return ProblemError("not-found", detail, "check it, or ask again later", path=path, height=height)


def _page(items: list[bytes]) -> Response:
    """A MessagePack array of encoded items: as many from the first on as fit into an answer."""
    size = 0
    for count, item in enumerate(items):
        size += len(item)
        if size > ANSWER_SIZE_MAX and count:
            items = items[:count]
            break
    return Response(_array_head(len(items)) + b"".join(items), headers=PRIVATE, media_type=MSGPACK)


def _array_head(count: int) -> bytes:
    return bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def _bulk_count(body: bytes) -> int:
    """How many elements a MessagePack array claims, without reading them; 1 when it is none."""
    if body[:1] == b"\xdc" and len(body) >= 3:
        return min(int.from_bytes(body[1:3], "big"), BULK_TRANSACTIONS_MAX)
    return max(1, body[0] & 0x0F) if body and body[0] & 0xF0 == 0x90 else 1
