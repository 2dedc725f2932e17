"""Answers: bodies with their validators, pages with their languages, problems in both their shapes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from fastapi import Request
from fastapi.responses import Response

from explorer.i18n import HTML_LANGUAGE, Words
from explorer.site import Site
from tallystick.api import Problem

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def answer(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    cache: str = ASK_AGAIN,
    headers: dict[str, str] | None = None,
) -> Response:
    """A body with a strong ETag; 304 without a body when the reader has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    all_headers = {"etag": tag, "cache-control": cache, **(headers or {})}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if status == 200 and (tag in known or "*" in known):
        return Response(status_code=304, headers=all_headers)
    return Response(body, status_code=status, media_type=media_type, headers=all_headers)


def page(
    site: Site,
    request: Request,
    words: Words,
    template: str,
    *,
    status: int = 200,
    height: int | None = None,
    **values: Any,
) -> Response:
    """A page in the reader's language."""
    body = site.render(template, request, words, **values).encode()
    headers = {"content-language": HTML_LANGUAGE[words.language], "vary": "Accept-Language"}
    headers |= height_headers(site, height)
    return answer(request, body, HTML, status=status, headers=headers)


def message(
    site: Site, request: Request, words: Words, name: str, *, status: int, given: str = "", **values: Any
) -> Response:
    """A page that says what is the matter, and what to do."""
    title, text = words(name), words(f"{name}_text", **values)
    return page(site, request, words, "message.html", status=status, title=title, text=text, given=given)


def data(site: Site, request: Request, value: object, *, height: int | None = None, cache: str = ASK_AGAIN) -> Response:
    """A JSON answer."""
    return answer(request, msgspec.json.encode(value), JSON, cache=cache, headers=height_headers(site, height))


def problem(status: int, code: str, title: str, detail: str = "", remedy: str = "", path: str = "") -> Response:
    """An RFC 9457 problem; ``path`` points to what is wrong in the request, for instance ``/query/at``."""
    value = Problem(f"urn:tallystick:problem:{code}", title, status, code, detail, path, remedy)
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(value), status_code=status, media_type=PROBLEM, headers=headers)


def height_headers(site: Site, height: int | None) -> dict[str, str]:
    """As of which height an answer is."""
    return {"ledger-height": str(site.status.height if height is None else height)}
