"""The query API: the same facts as the pages in JSON, each answer with the height it is as of.

Specification: docs/spec/explorer.md, section 5.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BeforeValidator

from explorer.answers import FOR_EVER, JSON, answer, data, problem
from explorer.codes import MistypedCodeError, NotOurCodeError, read_path
from explorer.facts_from_rows import facts_from_rows
from explorer.i18n import iso
from explorer.item_page import file_name
from explorer.pages import signers_of
from explorer.read_model import PAGE_MAX, Fact, ReadModel
from explorer.site import Site, page_path
from tallystick import api
from tallystick.epcis import Identifier
from tallystick.errors import DecodeError, ProofError, UnavailableError
from tallystick.reasons import Reason
from tallystick.records.goods import EventStatus

_DIGITS = re.compile("0|[1-9][0-9]{0,15}")


def _plain(value: object) -> object:
    """A number in plain digits; underscores, signs, blanks and fractions would give one question many spellings."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("write plain digits without leading zeros")
    return value


Number = Annotated[int, BeforeValidator(_plain)]
AT = Annotated[Number | None, Query(ge=0, le=10**15, description="As of this height; the newest checked one if absent")]
COMMITMENT = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="Event commitment, lower-case hex")]
HEIGHT = Annotated[Number, Path(ge=1, le=10**15)]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"description": "A parameter that is not known or given twice", "content": {"application/problem+json": {}}},
    404: {"description": "Nothing of this name as of this height", "content": {"application/problem+json": {}}},
    422: {"description": "A parameter is not well formed", "content": {"application/problem+json": {}}},
    503: {"description": "The node does not answer", "content": {"application/problem+json": {}}},
}


class QueryError(Exception):
    """A query parameter that the route does not know, or that is given twice: a misspelt one would do nothing."""

    def __init__(self, name: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.path = f"/query/{name[:64]}"
        self.detail = detail
        self.remedy = remedy


async def strict_query(request: Request) -> None:
    """Refuse parameters that the route does not know, and any that comes twice. Raises: QueryError."""
    given = Counter(name for name, _ in parse_qsl(request.url.query, keep_blank_values=True))
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    for name, count in given.items():
        if name not in known:
            hint = f"known here: {', '.join(sorted(known))}" if known else "none is known here"
            raise QueryError(name, "unknown parameter", hint)
        if count > 1:
            raise QueryError(name, "given twice", "give it once")


def query_routes(site: Site) -> APIRouter:
    """All JSON answers."""
    router = APIRouter(dependencies=[Depends(strict_query)])

    def get(path: str, name: str, summary: str) -> Callable[[Any], Any]:
        return router.get(path, response_class=Response, operation_id=name, summary=summary, responses=PROBLEMS)

    @get("/v1/items/{key:path}", "item", "A thing: facts and history, as of a height")
    def item(request: Request, at: AT = None) -> Response:
        identifier = _identifier(page_path(request).removeprefix("/v1/items"))
        if identifier is None:
            return _not_a_key()
        with site.engine.connect() as connection:
            model = ReadModel(connection, at)
            facts = facts_from_rows(model, identifier)
            if not facts.known and not facts.statements:
                return problem(404, "unknown-item", "this code is not on record", f"as of height {model.at}")
            shown = asdict(facts) | {"as_of": model.at, "proof": f"/v1/proofs/item?id={facts.identifier}"}
            return data(site, request, shown, height=model.at)

    @get("/v1/events/{commitment}", "event", "An event and what became of it")
    def event(request: Request, commitment: COMMITMENT, at: AT = None) -> Response:
        with site.engine.connect() as connection:
            model = ReadModel(connection, at)
            row = model.event(bytes.fromhex(commitment))
            if row is None:
                return problem(404, "unknown-event", "no such event is on record", f"as of height {model.at}")
            return data(site, request, _event(model, row), height=model.at)

    @get("/v1/blocks", "blocks", "Checked blocks, newest first")
    def blocks(
        request: Request,
        below: Annotated[Number | None, Query(ge=1, le=10**15)] = None,
        limit: Annotated[Number, Query(ge=1, le=PAGE_MAX)] = 20,
        at: AT = None,
    ) -> Response:
        with site.engine.connect() as connection:
            model = ReadModel(connection, at)
            rows = model.blocks(model.at + 1 if below is None else below, limit)
            shown = {"as_of": model.at, "blocks": [_block(site, row) for row in rows]}
            return data(site, request, shown, height=model.at)

    @get("/v1/blocks/{height}", "block", "One checked block")
    def block(request: Request, height: HEIGHT) -> Response:
        with site.engine.connect() as connection:
            model = ReadModel(connection)
            row = model.block(height)
            if row is None:
                return problem(404, "unknown-block", "no such block", f"the newest checked one is {model.newest}")
            shown = _block(site, row) | {"transactions": [_transaction(each) for each in model.transactions(height)]}
            return data(site, request, shown, height=height, cache=FOR_EVER)

    @get(api.ITEM_PROOF, "itemProof", "The proof of a thing's closure, or of its absence")
    def item_proof(
        request: Request, id: Annotated[str, Query(min_length=1, max_length=500)], at: AT = None
    ) -> Response:
        identifier = _identifier("/" + id)
        if identifier is None or identifier.key != id:
            return _not_a_key()
        proof = site.proofs.item(identifier.key, at)
        if proof.refused:
            remedy = "ask without at, or for a height that the node has reached and still keeps"
            return problem(404, "no-proof", "the node has no proof as of that height", remedy=remedy)
        if not proof.data:
            return problem(503, "unavailable", "the node gives no proof right now", remedy="try again in a moment")
        disposition = {"content-disposition": f'attachment; filename="{file_name(identifier.key)}"'}
        return answer(request, proof.data, JSON, headers=disposition)

    @get(api.HEAD, "head", "The node's newest final header, checked and passed on for others to check")
    def head(request: Request) -> Response:
        try:
            shown = site.heads.newest()
        except (UnavailableError, DecodeError, ProofError) as error:
            return problem(503, "unavailable", "the node gives no head that holds", str(error), "try again in a moment")
        return answer(request, msgspec.json.encode(shown), JSON, headers={"access-control-allow-origin": "*"})

    @get("/health", "health", "How far the copy is, and what is wrong, if anything; always 200 while the process lives")
    def health(request: Request) -> Response:
        status, stale = site.status, site.is_stale()
        shown = {
            "ok": not status.trouble and not stale,
            "height": status.height,
            "time": iso(status.time_ms),
            "stale": stale,
            "trouble": status.trouble,
            "detail": status.detail,
        }
        return answer(request, msgspec.json.encode(shown), JSON, cache="no-store")

    return router


def _identifier(path: str) -> Identifier | None:
    try:
        return read_path(path)
    except (NotOurCodeError, MistypedCodeError):
        return None


def _not_a_key() -> Response:
    title = "not the key text of a product or logistic unit"
    return problem(404, "not-a-key", title, remedy="write it like 01/09521234543213/21/A1")


def _event(model: ReadModel, row: Fact) -> dict[str, Any]:
    correction = model.correction_of(row["commitment"], row["organisation"])
    return {
        "commitment": row["commitment"].hex(),
        "status": EventStatus(row["status"]).name.lower(),
        "reason": Reason(row["reason"]).name,
        "height": row["height"],
        "transaction_index": row["transaction_index"],
        "event_index": row["event_index"],
        "event_time": iso(row["event_time_ms"]),
        "block_time": iso(row["block_time_ms"]),
        "organisation": row["organisation"],
        "things": model.things_of(row["commitment"]),
        "correction": correction
        and {
            "declared_by": correction["declared_by"].hex(),
            "reason": correction["reason"],
            "corrective_event_ids": correction["corrective_event_ids"],
            "height": correction["from_height"],
        },
        "public": row["public"].decode(),
        "as_of": model.at,
    }


def _block(site: Site, row: Fact) -> dict[str, Any]:
    return {
        "height": row["height"],
        "hash": row["block_hash"].hex(),
        "parent": row["parent_hash"].hex(),
        "view": row["view"],
        "epoch": row["epoch"],
        "time": iso(row["time_ms"]),
        "proposer": row["proposer"],
        "transaction_count": row["transaction_count"],
        "receipt_count": row["receipt_count"],
        "state_root": row["state_root"].hex(),
        "receipts_root": row["receipts_root"].hex(),
        "header": api.b64(row["header"]),
        "finalisation": None if row["finalisation"] is None else api.b64(row["finalisation"]),
        "signers": [name for name, signed in signers_of(site, row["finalisation"]) if signed],
    }


def _transaction(row: Fact) -> dict[str, Any]:
    return {
        "index": row["transaction_index"],
        "id": row["transaction_id"].hex(),
        "contents": row["kind"],
        "event_count": row["event_count"],
        "organisation": row["organisation"],
    }
