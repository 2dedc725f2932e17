"""A small twin of a node behind the HTTP doors, clocks that the test moves, and a client without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Literal

from node.api.compact import CompactQueries
from node.api.server import build_application
from node.config import ApiConfig, NodeConfig
from node.metrics import Metrics
from node.toml_reader import Address
from tallystick import keys
from tallystick.admission import verify_transaction
from tallystick.api import (
    BlockAnswer,
    BulkItem,
    CertifiedHeader,
    ExecutedAnswer,
    HeadAnswer,
    HistoryAnswer,
    PeerStatus,
    StatusAnswer,
    TransactionState,
    TransactionStatus,
)
from tallystick.epochs import EpochStep
from tallystick.errors import ProofError, StorageError, TallystickError, UnavailableError
from tallystick.genesis import CardBody, Genesis, merge_cards, sign_card
from tallystick.http_signatures import sign_request
from tallystick.payloads import encode_payload
from tallystick.payloads.governance import RevokeKey
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.base import Record, record_of
from tallystick.records.members import (
    Key,
    KeyStatus,
    KeyUse,
    Organisation,
    OrganisationStatus,
    member_key,
    organisation_key,
)
from tallystick.transactions import sign_transaction

NOW_S = 1_790_000_000
MSGPACK = "application/msgpack"


def seed_of(name: str) -> bytes:
    """A private seed that depends on nothing but its name."""
    return sha256(name.encode()).digest()


def small_genesis() -> Genesis:
    """One founder."""
    root, validator = seed_of("root"), seed_of("validator")
    body = CardBody(
        1, "org:grower", "Grower", ("governor",), ("9521234",), (), keys.public_key_of(root),
        keys.public_key_of(validator), b"der", "127.0.0.1:7101", "127.0.0.1:8101",
    )  # fmt: skip
    return merge_cards((sign_card(body, root, validator),), network="test", time_ms=NOW_S * 1000)


class TwinNode:
    """Answers what ``NodeQueries`` asks; holds what the test puts in."""

    def __init__(self) -> None:
        self.genesis = small_genesis()
        self.chain_id = self.genesis.chain_id()
        self.counters: dict[str, int] = {"blocks_executed": 7}
        self.records: dict[bytes, Record] = {}
        self.states: dict[bytes, TransactionStatus] = {}
        self.receipts: dict[bytes, Receipt] = {}
        self.certified: dict[int, CertifiedHeader] = {}
        self.epochs: dict[int, EpochStep] = {}
        self.block_list: list[BlockAnswer] = []
        self.entries: list[HistoryAnswer] = []
        self.newest: HeadAnswer | None = None
        self.fault: Exception | None = None
        self.full = False
        self.executed_height = 42
        self.waited: list[tuple[TransactionState, int]] = []

    def _maybe_fail(self) -> None:
        if self.fault is not None:
            raise self.fault

    def status(self) -> StatusAnswer:
        self._maybe_fail()
        peers = [PeerStatus("org:carrier", True, 42, 44), PeerStatus("org:retailer", False, None, None)]
        return StatusAnswer(
            "org:grower", self.chain_id.hex(), 44, "org:carrier", 42, self.executed_height, "votes of others",
            ["org:retailer"], 3, -40, peers,
        )  # fmt: skip

    def head(self) -> HeadAnswer | None:
        self._maybe_fail()
        return self.newest

    async def submit(self, raw: bytes) -> TransactionStatus:
        self._maybe_fail()
        transaction = verify_transaction(raw, self.chain_id)
        if self.full:
            raise UnavailableError("the mempool is full")
        status = TransactionStatus(transaction.id.hex(), TransactionState.ADMITTED)
        self.states[transaction.id] = status
        return status

    async def submit_many(self, raws: Sequence[bytes]) -> list[BulkItem]:
        items = []
        for raw in raws:
            try:
                items.append(BulkItem((await self.submit(raw)).id, True))
            except TallystickError as error:
                items.append(BulkItem("", False, getattr(error, "rule", "signature"), str(error)))
        return items

    def transaction_status(self, transaction_id: bytes) -> TransactionStatus:
        return self.states.get(transaction_id, TransactionStatus(transaction_id.hex(), TransactionState.UNKNOWN))

    async def wait(self, transaction_id: bytes, state: TransactionState, timeout_ms: int) -> TransactionStatus:
        self.waited.append((state, timeout_ms))
        await asyncio.sleep(0)
        return self.transaction_status(transaction_id)

    def receipt(self, transaction_id: bytes) -> Receipt | None:
        return self.receipts.get(transaction_id)

    def blocks(self, from_height: int, limit: int) -> list[BlockAnswer]:
        return self.block_list[from_height : from_height + limit]

    def certified_header(self, height: int) -> CertifiedHeader | None:
        return self.certified.get(height)

    def epoch_was_recovered(self, epoch: int) -> bool:
        return False

    def epoch(self, epoch: int) -> EpochStep | None:
        return self.epochs.get(epoch)

    def record(self, key: bytes) -> Record | None:
        return self.records.get(key)

    def history(self, key: bytes, from_index: int, limit: int) -> list[HistoryAnswer]:
        return self.entries[from_index : from_index + limit]


class TwinProofs:
    """Says what it was asked; a node's proofs have tests of their own."""

    def item(self, identifier: str, at: int | None = None) -> Any:
        if at == 1:
            raise ProofError("pruned", "the state of height 1 is not kept any more; 7 is the oldest")
        return {"item": identifier} | ({"at": at} if at is not None else {})

    def event(self, commitment: bytes, identifier: str, at: int | None = None) -> Any:
        return {"commitment": commitment.hex(), "item": identifier} | ({"at": at} if at is not None else {})

    def record(self, key: bytes, at: int | None = None) -> Any:
        return {"key": key.hex()} | ({"at": at} if at is not None else {})

    def block(self, height: int) -> Any:
        return {"height": height}

    def receipt(self, transaction_id: bytes) -> Any:
        return {"transaction": transaction_id.hex()}

    def evidence(self, key: bytes, at: int | None = None) -> Any:
        return {"evidence": key.hex()} | ({"at": at} if at is not None else {})

    def receivable(self, obligation: bytes, grant: bytes | None, organisation: str, at: int | None = None) -> Any:
        told = {"obligation": obligation.hex(), "grant": grant.hex() if grant else None, "for": organisation}
        return told | ({"at": at} if at is not None else {})


@dataclass
class Answer:
    """One HTTP answer, and the path of the route that gave it; empty where there was none."""

    status: int
    headers: dict[str, str]
    body: bytes
    route: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json
        assert problem["type"] == "urn:tallystick:problem:" + problem["code"]
        assert problem["status"] == self.status
        assert problem["title"]
        return str(problem["code"])


@dataclass(eq=False)
class World:
    """A node's doors, with everything that a test wants to change."""

    folder: Path
    api: ApiConfig = field(default_factory=ApiConfig)
    node: TwinNode = field(default_factory=TwinNode)
    proofs: TwinProofs = field(default_factory=TwinProofs)
    metrics: Metrics = field(default_factory=Metrics)
    fatal: list[StorageError] = field(default_factory=list)
    seals: CompactQueries | None = None
    wall_s: float = float(NOW_S)
    monotonic_s: float = 1_000.0
    token: str = "ab" * 32

    def __post_init__(self) -> None:
        tokens = self.folder / "read_tokens"
        tokens.write_text(f"# readers\n\nexplorer {self.token}\n")
        tokens.chmod(0o600)
        here = Address("127.0.0.1", 0)
        config = NodeConfig(
            self.folder / "node.toml", "org:grower", self.folder, self.folder, self.folder, here, here,
            read_tokens=tokens, api=self.api,
        )  # fmt: skip
        self.metrics.watch(self.node.status, lambda: self.node.counters)
        self.application = build_application(
            self.node, self.proofs, config, self.metrics, on_fatal=self.fatal.append, seals=self.seals,
            wall_s=lambda: self.wall_s, monotonic_s=lambda: self.monotonic_s,
        )  # fmt: skip
        self._nonces = count(1)
        self.register("reader", KeyUse.READ)
        self.register("capture", KeyUse.CAPTURE)

    def register(
        self,
        name: str,
        *uses: KeyUse,
        organisation: str = "org:grower",
        status: KeyStatus = KeyStatus.ACTIVE,
        organisation_status: OrganisationStatus = OrganisationStatus.ACTIVE,
    ) -> bytes:
        """Register the key of ``seed_of(name)``; returns the seed."""
        public = keys.public_key_of(seed_of(name))
        key = Key(organisation, status, tuple(uses), "", 1, 0)
        self.node.records[member_key(public)] = record_of(key, None, b"")
        value = Organisation("Grower", organisation_status, (), (), (), 0, 2, 1)
        self.node.records[organisation_key(organisation)] = record_of(value, None, b"")
        return seed_of(name)

    def sign(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        name: str = "reader",
        age_s: int = 0,
        nonce: int | None = None,
        chain_id: bytes | None = None,
    ) -> dict[str, str]:
        """Headers of a signed request."""
        path, _, query = target.partition("?")
        number = next(self._nonces) if nonce is None else nonce
        return sign_request(
            seed_of(name), chain_id or self.node.chain_id, method, path, query, body,
            created_s=int(self.wall_s) - age_s, nonce=number.to_bytes(16, "big"),
        )  # fmt: skip

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        """An unsigned GET, unless headers say more."""
        return self.call("GET", target, headers=headers or {})

    def read(self, target: str, name: str = "reader") -> Answer:
        """A signed GET."""
        return self.call("GET", target, headers=self.sign("GET", target, name=name))

    def post(self, target: str, body: bytes, *, name: str = "capture", content_type: str = MSGPACK) -> Answer:
        """A signed POST."""
        headers = self.sign("POST", target, body, name=name)
        return self.call("POST", target, body=body, headers={"content-type": content_type, **headers})

    def call(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        address: str = "192.0.2.1",
        chunk: int = 65_536,
    ) -> Answer:
        """One request through the whole application."""
        return asyncio.run(self.acall(method, target, body=body, headers=headers, address=address, chunk=chunk))

    async def acall(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        address: str = "192.0.2.1",
        chunk: int = 65_536,
        lacks: Literal["", "end", "client"] = "",
    ) -> Answer:
        """The same inside a running loop.

        Args:
            lacks: what does not come after the body: its end, for which the node waits, or, once the client has gone,
                anything at all.
        """
        path, _, query = target.partition("?")
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode("latin-1"), "query_string": query.encode("latin-1"),
            "root_path": "", "client": (address, 40_000), "server": ("127.0.0.1", 8101),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        }  # fmt: skip
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
        incoming = [
            {"type": "http.request", "body": piece, "more_body": index + 1 < len(pieces) or bool(lacks)}
            for index, piece in enumerate(pieces)
        ]
        outgoing: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not incoming and lacks == "end":
                await asyncio.Event().wait()
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            outgoing.append(message)

        await self.application(scope, receive, send)
        start = outgoing[0]
        answered = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        route = getattr(scope.get("route"), "path", "")
        return Answer(start["status"], answered, b"".join(part.get("body", b"") for part in outgoing[1:]), route)

    def transaction(self, number: int = 1, **changes: Any) -> bytes:
        """A well-formed transaction."""
        values: dict[str, Any] = {
            "chain_id": self.node.chain_id,
            "nonce": number.to_bytes(16, "big"),
            "valid_until_ms": NOW_S * 1000 + 60_000,
            "seeds": [seed_of("capture")],
            "payload": encode_payload(bytes(32), RevokeKey(keys.public_key_of(seed_of("old")))),
        }
        return sign_transaction(**(values | changes)).raw


def receipt_for(transaction_id: bytes) -> Receipt:
    """A receipt of a transaction that took effect."""
    return Receipt(ReceiptKind.TRANSACTION, 42, 0, transaction_id, Reason.NONE, "", (), ())


def head_answer(chain_id: bytes) -> HeadAnswer:
    """What a node with one final block would say."""
    executed = ExecutedAnswer(0, NOW_S * 1000, "00" * 32, "00" * 32, "00" * 32)
    return HeadAnswer(chain_id.hex(), "test", "org:grower", 1, NOW_S * 1000, "AA", "AA", executed)


def with_limits(**limits: int) -> ApiConfig:
    """The usual limits with some changed."""
    return replace(ApiConfig(), **limits)
