"""The pages for people. Every fact is in the HTML; the script only adds the reader's own check."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from explorer.answers import message, page
from explorer.codes import MistypedCodeError, NotOurCodeError, read_code, read_path
from explorer.facts import ItemFacts, StepFact
from explorer.facts_from_proof import facts_from_proof
from explorer.facts_from_rows import correction_fact, facts_from_rows
from explorer.item_page import (
    Voice,
    file_name,
    item_page,
    pinned_of,
    step_view,
    title_of,
    verdict_of,
    voice_of,
)
from explorer.paper_page import paper_page
from explorer.proof_source import ProofAnswer
from explorer.read_model import Fact, ReadModel
from explorer.site import Site, folded, key_path, page_path, words_of
from tallystick.compact import LINK_PATH
from tallystick.encoding import decode
from tallystick.epcis import Identifier, parse_key
from tallystick.reasons import Reason
from tallystick.records.goods import EventStatus, HistoryKind
from tallystick.votes import Certificate

BLOCKS_PER_PAGE = 40
# Signs that no reader sees, or that turn what follows round: in JSON they have another spelling.
_SPELT_OUT = {sign: f"\\u{sign:04x}" for sign in (*range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F),
                                                  *range(0x2060, 0x2070), 0x61C, 0xFEFF)}  # fmt: skip
_STATUS = {EventStatus.EFFECTIVE: "effective", EventStatus.STATED: "stated", EventStatus.REFUSED: "refused"}
_STATUS_MARKS = {"effective": "✓", "stated": "“", "refused": "✕"}


def page_routes(site: Site) -> APIRouter:
    """All pages."""
    router = APIRouter(include_in_schema=False)

    def add(path: str, endpoint: Any) -> None:
        def handler(request: Request) -> Response:
            try:
                answer: Response = endpoint(site, request)
            except _NotAHeightError as error:
                return message(site, request, words_of(request), "problem.bad", status=400, given=str(error))
            return answer

        router.add_api_route(path, handler, response_class=Response)

    add("/", _home)
    add("/01/{rest:path}", _item)
    add("/00/{rest:path}", _item)
    add("/event/{commitment}", _event)
    add("/blocks", _blocks)
    add("/block/{height}", _block)
    add("/about/checking", _about)
    add(f"{LINK_PATH}{{text}}", paper_page)
    return router


class _NotAHeightError(Exception):
    """A parameter of a page's address that must be a height; the message repeats it."""


def read_at(request: Request) -> int | None:
    """The height of ``?at=``, or None. What is no height is refused: the newest state is not what was asked for."""
    return _height(request, "at")


def _height(request: Request, name: str) -> int | None:
    texts = request.query_params.getlist(name)
    if not texts:
        return None
    if len(texts) > 1 or not (texts[0].isascii() and texts[0].isdigit() and len(texts[0]) <= 15):
        raise _NotAHeightError("&".join(f"{name}={text[:50]}" for text in texts[:2]))
    return int(texts[0])


def _home(site: Site, request: Request) -> Response:
    words, given = words_of(request), request.query_params.get("q", "")
    problem, status = None, 200
    if given.strip():
        hosts = {request.url.netloc.lower(), *site.config.code_hosts}
        hosts |= {site.config.public_address.partition("://")[2].lower()} - {""}
        try:
            key = read_code(given, hosts).key
            return RedirectResponse(f"/{words.language}{key_path(key)}", 303, {"cache-control": "no-store"})
        except NotOurCodeError:
            problem, status = "code.not_our_code", 404
        except MistypedCodeError:
            problem, status = "code.mistyped", 400
    with site.engine.connect() as connection:
        counts = ReadModel(connection).counts()
    validators = site.validators.newest
    told = problem and {"title": words(problem), "text": words(f"{problem}_text")}
    return page(
        site, request, words, "home.html", status=status, q=given[:500], problem=told, counts=counts,
        validators=[member.organisation for member in validators.members], quorum=validators.quorum,
    )  # fmt: skip


def _item(site: Site, request: Request) -> Response:
    words, path, at = words_of(request), page_path(request), read_at(request)
    try:
        identifier = read_path(path)
    except MistypedCodeError:
        return message(site, request, words, "code.mistyped", status=404, given=path[1:])
    except NotOurCodeError:
        return message(site, request, words, "code.not_our_code", status=404, given=path[1:])
    if key_path(identifier.key) != path:
        query = f"?{request.url.query}" if request.url.query else ""
        prefix = f"/{words.language}" if request.scope.get("explorer.language") else ""
        return RedirectResponse(f"{prefix}{key_path(identifier.key)}{query}", 308)
    with site.engine.connect() as connection:
        model = ReadModel(connection, at)
        facts, proof = gather(site, model, identifier, at)
        voice = voice_of(site, model, words)
        if facts.known or facts.statements:
            return _known(site, request, voice, facts, proof, at)
        return _unknown(site, request, voice, facts, identifier, proof, at)


def gather(site: Site, model: ReadModel, identifier: Identifier, at: int | None) -> tuple[ItemFacts, ProofAnswer]:
    """The facts of a page: those of the proof where there is one that holds, else those of checked rows."""
    proof = site.proofs.item(identifier.key, at)
    from_rows = facts_from_rows(model, identifier)
    if proof.verified is None:
        return from_rows, proof
    facts = facts_from_proof(proof.verified, identifier)
    # What the closure of a proof does not hold, because it grows without end: what was made of it, what is inside.
    shown = ItemFacts(**{name: getattr(facts, name) for name in ItemFacts.__slots__ if name not in _FROM_ROWS},
                      **{name: getattr(from_rows, name) for name in _FROM_ROWS})  # fmt: skip
    return shown, proof


_FROM_ROWS = ("used_for", "contents")


def _known(
    site: Site, request: Request, voice: Voice, facts: ItemFacts, proof: ProofAnswer, at: int | None
) -> Response:
    return page(
        site, request, voice.words, "item.html", height=voice.model.at, page=item_page(voice, facts), at=at,
        verdict=verdict_of(voice.words, facts, proof, at), checkable=bool(proof.data), proof=folded(proof.data),
        pinned=pinned_of(site, voice.words, facts, proof, at), elsewhere=site.config.elsewhere,
    )  # fmt: skip


def _unknown(
    site: Site,
    request: Request,
    voice: Voice,
    facts: ItemFacts,
    identifier: Identifier,
    proof: ProofAnswer,
    at: int | None,
) -> Response:
    words, model = voice.words, voice.model
    class_key = identifier.class_key or ""
    issued = model.issued_under(identifier.gtin) if identifier.gtin else 0
    if issued and identifier.key == class_key:
        return page(
            site, request, words, "class.html", height=model.at, at=at, title=title_of(voice, identifier),
            gtin=identifier.gtin, issued=issued, recalls=item_page(voice, facts)["recalls"],
            lots=[(lot, parse_key(lot).lot) for lot in model.lots_under(identifier.gtin or "")],
        )  # fmt: skip
    if model.issuer_of(identifier.key) is None:
        return message(site, request, words, "code.not_our_code", status=404, given=identifier.key)
    text = words("unknown.text") if at is None else words("unknown.at", height=model.at)
    return page(
        site, request, words, "unknown.html", status=404, height=model.at, title=words("unknown.title"), text=text,
        key=identifier.key, file_name=file_name(identifier.key), near=class_key if issued else None, at=at,
        verdict=verdict_of(words, facts, proof, at), checkable=bool(proof.data), proof=folded(proof.data),
        pinned=pinned_of(site, words, facts, proof, at),
    )  # fmt: skip


def _event(site: Site, request: Request) -> Response:
    words, at = words_of(request), read_at(request)
    text = str(request.path_params["commitment"])
    if len(text) != 64 or any(character not in "0123456789abcdef" for character in text):
        return message(site, request, words, "problem.bad", status=404, given=text[:100])
    with site.engine.connect() as connection:
        model = ReadModel(connection, at)
        row = model.event(bytes.fromhex(text))
        if row is None:
            return message(site, request, words, "event.missing", status=404, given=text, height=model.at)
        shown = _event_view(voice_of(site, model, words), row)
        return page(site, request, words, "event.html", height=model.at, event=shown, at=at)


def _event_view(voice: Voice, row: Fact) -> dict[str, Any]:
    words, model, commitment = voice.words, voice.model, row["commitment"]
    status = EventStatus(row["status"])
    public = json.loads(row["public"])
    recorder = row["organisation"]
    correction, corrects = model.correction_of(commitment, recorder), model.corrected_by(commitment, recorder)
    place = (row["height"], row["transaction_index"], row["event_index"])
    step = StepFact(
        commitment.hex(), "", "own", HistoryKind.OBSERVE, place, row["event_time_ms"], public, recorder, recorder,
        None if correction is None else correction_fact(correction),
    )  # fmt: skip
    name = _STATUS[status]
    reason = words(f"reason.{Reason(row['reason']).name}")
    told = words(f"event.{name}_text", reason=reason)
    return {
        **step_view(voice, step),
        "type": words(f"type.{row['event_type']}"),
        "status": words(f"event.{name}"),
        "status_text": told,
        "css": name,
        "mark": _STATUS_MARKS[name],
        "corrects": None if corrects is None else corrects.hex(),
        "block_time_ms": row["block_time_ms"],
        "things": model.things_of(commitment),
        "json": json.dumps(public, ensure_ascii=False, indent=2).translate(_SPELT_OUT),
    }


def _blocks(site: Site, request: Request) -> Response:
    words, at = words_of(request), read_at(request)
    below = _height(request, "below")
    with site.engine.connect() as connection:
        model = ReadModel(connection, at)
        top = model.at + 1 if below is None else below
        rows = model.blocks(top, BLOCKS_PER_PAGE)
        blocks = [{**row, "hash": row["block_hash"].hex()} for row in rows]
        older = rows[-1]["height"] if rows and rows[-1]["height"] > 1 else None
        newer = min(top + BLOCKS_PER_PAGE, model.at + 1) if top <= model.at else None
        return page(
            site, request, words, "blocks.html", height=model.at, blocks=blocks, older=older, newer=newer, at=at
        )


def _block(site: Site, request: Request) -> Response:
    words, text = words_of(request), str(request.path_params["height"])
    with site.engine.connect() as connection:
        model = ReadModel(connection, None)
        row = model.block(int(text)) if text.isascii() and text.isdigit() and len(text) <= 15 else None
        if row is None:
            return message(site, request, words, "block.missing", status=404, given=text[:50], height=model.newest)
        voice = voice_of(site, model, words)
        transactions = _transaction_views(voice, row["height"])
        block = {
            **row,
            "hash": row["block_hash"].hex(),
            "parent": row["parent_hash"].hex(),
            "state_root": row["state_root"].hex(),
            "receipts_root": row["receipts_root"].hex(),
            "signers": signers_of(site, row["finalisation"]),
        }
        return page(site, request, words, "block.html", height=row["height"], block=block, transactions=transactions)


def signers_of(site: Site, finalisation: bytes | None) -> list[tuple[str, bool]]:
    """Each validator and whether it signed a block's own finalisation; empty where a later block brought it."""
    if finalisation is None:
        return []
    certificate = decode(finalisation, Certificate, size_max=8_192)
    signed = set(certificate.signer_indices())
    validators = site.validators.validators_of(certificate.statement.epoch)
    members = validators.members if validators is not None else ()
    return [(member.organisation, index in signed) for index, member in enumerate(members)]


def _transaction_views(voice: Voice, height: int) -> list[dict[str, Any]]:
    words = voice.words
    by_transaction: dict[int, list[dict[str, str]]] = {}
    for event in voice.model.events_in(height):
        name = _STATUS[EventStatus(event["status"])]
        by_transaction.setdefault(event["transaction_index"], []).append(
            {
                "commitment": event["commitment"].hex(),
                "title": voice.step_title(event["biz_step"], HistoryKind.OBSERVE),
                "status": words(f"event.{name}"),
                "mark": _STATUS_MARKS[name],
                "css": name,
            }
        )
    return [
        {
            "kind": words(f"contents.{row['kind']}"),
            "id": row["transaction_id"].hex(),
            "organisation": voice.organisation(row["organisation"]) if row["organisation"] else "",
            "events": by_transaction.get(row["transaction_index"], []),
        }
        for row in voice.model.transactions(height)
    ]


def _about(site: Site, request: Request) -> Response:
    genesis = site.founding.genesis
    return page(
        site, request, words_of(request), "about.html", chain_id=site.founding.chain_id.hex(),
        clock=genesis.clock_advance_allowed,
    )  # fmt: skip
