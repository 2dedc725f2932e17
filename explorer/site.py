"""What every page needs: languages, assets, the frame around it, and the state of the copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from sqlalchemy import Engine

from explorer.assets import Asset, build_of, fits, left_for_html, read_assets
from explorer.config import ExplorerConfig
from explorer.follower import Follower, FollowerStatus, now_ms
from explorer.founding import Founding
from explorer.head_source import HeadSource
from explorer.i18n import HTML_LANGUAGE, LANGUAGES, Words, choose_language, iso
from explorer.node_client import NodeClient
from explorer.proof_source import ProofSource
from explorer.validator_book import ValidatorBook
from tallystick.api import unb64
from tallystick.epcis import parse_key
from tallystick.errors import DecodeError, EventError

INLINED_MAX = 98_304  # bytes of a proof that is looked at for its place in a page; none so long fits


class Site:
    """The parts of a running explorer that answers need.

    Attributes:
        engine: the pages' engine, which cannot see members' tables.
        status: how far the follower is; asked anew for every page.
        html_max: compressed bytes that a product page may have beside its scripts and style.
    """

    def __init__(
        self, config: ExplorerConfig, founding: Founding, engine: Engine, node: NodeClient, follower: Follower
    ) -> None:
        self.config = config
        self.founding = founding
        self.engine = engine
        self.node = node
        self._follower = follower
        self.trust = follower.validators.trust
        self.proofs = ProofSource(node, self.trust)
        self.heads = HeadSource(node, self.trust)
        self.assets = read_assets()
        self.html_max = left_for_html(self.assets)
        self._templates = _templates(self.assets)

    @property
    def validators(self) -> ValidatorBook:
        """Who votes, and who did."""
        return self._follower.validators

    @property
    def status(self) -> FollowerStatus:
        """How far the copy is, and what is wrong."""
        return self._follower.status

    def is_stale(self) -> bool:
        """Whether the newest checked block is older than an idle chain would let it become."""
        offset_unknown = self.founding.genesis.clock_advance_allowed  # block time may run ahead of any clock
        return not offset_unknown and self.status.stale(now_ms(), self.founding.genesis.heartbeat_ms)

    def product_name(self, *keys: str, language: str) -> str:
        """Display name of the first key text that has one, in the language or any other; or empty."""
        return _display(self.config.products, keys, language)

    def place_name(self, uri: str, language: str) -> str:
        """Display name of a place, or what its URI says: a location number as such, another URI as it is."""
        try:
            key = parse_key(uri.removeprefix("https://id.gs1.org/")).key
        except EventError:
            key = uri
        named = _display(self.config.places, (uri, key), language)
        return named or (f"GLN {key[4:]}" if key.startswith("414/") else uri)

    def render(self, template: str, request: Request, words: Words, **values: Any) -> str:
        """One page."""
        frame = {
            "t": words,
            "lang": HTML_LANGUAGE[words.language],
            "other_lang": next(language for language in LANGUAGES if language != words.language),
            "html_languages": HTML_LANGUAGE,
            "network": self.founding.genesis.network,
            "status": self.status,
            "stale": self.is_stale(),
            "path": page_path(request),
            "at_query": {key: value for key, value in request.query_params.items() if key == "at"},
            "q": "",
            "at": None,
        }
        values = frame | values
        html = self._templates.get_template(template).render(values)
        if values.get("proof") and not fits(html, self.html_max):
            html = self._templates.get_template(template).render(values | {"proof": ""})
        return html


def words_of(request: Request) -> Words:
    """The language of an answer: address first, then the reader's browser."""
    asked = request.query_params.get("lang") or request.scope.get("explorer.language")
    return Words(choose_language(asked, request.headers.get("accept-language", "")))


def page_path(request: Request) -> str:
    """The path of a page without its language prefix, percent-encoded as it came."""
    raw: bytes = request.scope.get("raw_path") or quote(request.url.path).encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def key_path(key: str) -> str:
    """Address of the page of a key text."""
    return f"/{key}"


def script_json(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">``: nothing in it can end the element."""
    text = (
        value.decode(errors="replace")
        if isinstance(value, bytes)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def folded(bundle: bytes) -> Markup | str:
    """A proof as it stands in a page: events as text instead of base64url, which compresses better. Empty for one
    that is too large for any page; the script then asks for it, as it does where a page would grow beyond its limit.

    Whatever the node gave is passed on, also what is no proof: the reader's browser is to judge it by itself.
    """
    if len(bundle) > INLINED_MAX:
        return ""
    try:
        value = json.loads(bundle)
        for event in value["events"]:
            event["text"] = unb64(event["public"]).decode()
            del event["public"]
    except (ValueError, KeyError, TypeError, DecodeError):
        return script_json(bundle)
    return script_json(value)


def _display(names: Mapping[str, Mapping[str, str]], keys: tuple[str, ...], language: str) -> str:
    for key in keys:
        found = names.get(key)
        if found:
            return found.get(language) or next(iter(found.values()))
    return ""


def _templates(assets: dict[str, Asset]) -> Environment:
    environment = Environment(
        loader=PackageLoader("explorer"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def href(path: str, words: Words, **query: object) -> str:
        """An address on this site in the language of the page."""
        asked = {name: value for name, value in query.items() if value is not None}
        return f"/{words.language}{path}{'?' + urlencode(asked) if asked else ''}"

    environment.globals.update(
        href=href,
        iso=iso,
        key_path=key_path,
        script_json=script_json,
        asset=lambda name: f"/static/{build_of(assets)}/{name}",
        scripts=("binding.js", "compare.js", "encoding.js", "hashing.js", "verify.js"),
    )
    return environment
