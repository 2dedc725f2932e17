"""The web application: pages and query API behind one set of headers. Reading only: GET and HEAD, no cookies, nothing
from anywhere else."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.answers import FOR_EVER, answer, message, problem
from explorer.assets import build_of
from explorer.i18n import LANGUAGES
from explorer.pages import page_routes
from explorer.query_api import QueryError, query_routes
from explorer.site import Site, words_of

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
ALL_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
FILE_HEADERS = [(b"x-content-type-options", b"nosniff")]  # a script or style sheet has no policy of its own
_API = ("/v1/", "/.well-known/", "/health", "/openapi.json")


def create_app(site: Site) -> FastAPI:
    """The application over a site."""
    app = FastAPI(
        title="Tallystick explorer",
        version="1",
        description="A read-only copy of the ledger, checked block by block; every answer names its height.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such an address would be built from whatever Host the request names
    )
    app.include_router(query_routes(site))
    app.include_router(page_routes(site))
    build = build_of(site.assets)

    @app.get("/static/{asked_build}/{name}", include_in_schema=False)
    def static(request: Request, asked_build: str, name: str) -> Response:
        asset = site.assets.get(name)
        if asset is None or asked_build != build:
            return problem(404, "not-found", "no such file")
        return answer(request, asset.data, asset.media_type, cache=FOR_EVER)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if _is_api(request) or error.status_code != 404:
            return problem(error.status_code, "not-found" if error.status_code == 404 else "refused", str(error.detail))
        return message(site, request, words_of(request), "problem.not_found", status=404)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return problem(422, "malformed", "a parameter is not well formed", f"{where}: {first['msg']}", path=f"/{where}")

    @app.exception_handler(QueryError)
    def misnamed(request: Request, error: QueryError) -> Response:
        return problem(400, "query", "a parameter of the request is wrong", error.detail, error.remedy, error.path)

    @app.exception_handler(SQLAlchemyError)
    def failed(request: Request, error: SQLAlchemyError) -> Response:
        if _is_api(request):
            return problem(503, "read-model", "the read model does not answer", remedy="try again in a moment")
        return message(site, request, words_of(request), "problem.unavailable", status=503)

    app.add_middleware(GZipMiddleware, minimum_size=600)
    app.add_middleware(Frontier)
    return app


class Frontier:
    """The outermost layer: methods, language prefixes, headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_head = scope["method"] == "HEAD"
        is_file = str(scope["path"]).startswith("/static/")

        async def send_with_headers(answer: Message) -> None:
            if answer["type"] == "http.response.start":
                answer["headers"] = [*answer["headers"], *(FILE_HEADERS if is_file else ALL_HEADERS)]
            elif is_head:
                answer = {"type": "http.response.body", "body": b"", "more_body": answer.get("more_body", False)}
            await send(answer)

        if scope["method"] not in ("GET", "HEAD"):
            refusal = problem(405, "method", "this site is read-only", "only GET and HEAD are answered")
            refusal.headers["allow"] = "GET, HEAD"
            await refusal(scope, receive, send_with_headers)
            return
        await self._app({**_without_language(scope), "method": "GET"}, receive, send_with_headers)


def _without_language(scope: Scope) -> Scope:
    """``/zh/01/…`` is the page ``/01/…`` in Chinese."""
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or path.encode()
    for language in LANGUAGES:
        prefix = f"/{language}"
        if path == prefix or path.startswith(prefix + "/"):
            return {
                **scope,
                "path": path[len(prefix) :] or "/",
                "raw_path": raw[len(prefix) :] or b"/",
                "explorer.language": language,
            }
    return scope


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(_API)
