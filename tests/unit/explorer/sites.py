"""Explorers over test chains, and a way to ask them without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from sqlalchemy import Engine

from explorer.app import create_app
from explorer.config import ExplorerConfig
from explorer.database import open_database, open_public
from explorer.follower import Follower
from explorer.founding import founding_of
from explorer.node_client import NodeClient
from explorer.site import Site
from tests.unit.explorer.chain import PRODUCT, FakeNode

NAMES = {PRODUCT: {"en": "Strawberry jam, 250 g", "zh": "草莓果酱 250 克"}}
PLACES = {"https://id.gs1.org/414/9521234000013": {"en": "Suzhou kitchen", "zh": "苏州工厂"}}


@dataclass
class Explorer:
    """A whole explorer whose follower has caught up."""

    app: FastAPI
    site: Site
    engine: Engine
    follower: Follower
    node: FakeNode

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask for a path; header names with underscores for hyphens."""
        return ask(self.app, path, method, {name.replace("_", "-"): value for name, value in headers.items()})


def explorer_over(node: FakeNode, folder: Path) -> Explorer:
    """An explorer beside a node, its database in a folder."""
    founding = founding_of(node.chain.world.genesis)
    address = f"sqlite:///{folder / 'explorer.db'}"
    config = ExplorerConfig(
        node=node.name, read_token="", genesis=folder / "genesis.bin", database=address, public_database=address,
        host="127.0.0.1", port=0, code_hosts=("id.example.com",), products=NAMES, places=PLACES,
        elsewhere={"Grower": "https://grower.example"},
    )  # fmt: skip
    engine = open_database(address, founding.chain_id, founding.genesis.network)
    follower = Follower(founding, engine, NodeClient(node))
    while follower.step():
        pass
    site = Site(config, founding, open_public(address), NodeClient(node), follower)
    return Explorer(create_app(site), site, engine, follower, node)


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def ask(app: FastAPI, target: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """One request to an ASGI application."""
    parts = urlsplit(target)
    sent: list[dict[str, object]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": _decoded(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("explorer.test", 80),
        "headers": [(b"host", b"explorer.test"), *((n.encode(), v.encode()) for n, v in (headers or {}).items())],
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start = sent[0]
    body = b"".join(bytes(message.get("body", b"")) for message in sent[1:])  # type: ignore[call-overload]
    found = {name.decode(): value.decode() for name, value in start["headers"]}  # type: ignore[attr-defined]
    return Answer(int(start["status"]), found, body)  # type: ignore[call-overload]


def _decoded(path: str) -> str:
    from urllib.parse import unquote

    return unquote(path)
