"""A node in process for tests of the SDK: real signatures, admission, execution, state tree and certificates.

Only the network and the clock are not real. ``FakeNode`` is a ``Transport`` over a ``Ledger``; several nodes share one
ledger. Faults are put in by name: before a request is taken (it is lost), or after (its answer is lost).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs

import msgspec

from client_sdk.environment import Environment
from client_sdk.nodes import Nodes, RequestKey
from client_sdk.transport import Request, Response
from tallystick import api, keys
from tallystick.api import (
    BlockAnswer,
    BulkAnswer,
    BulkItem,
    ExecutedAnswer,
    HeadAnswer,
    HistoryAnswer,
    Problem,
    TransactionState,
    TransactionStatus,
    b64,
)
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf, transaction_root
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError, ProofError, SignatureError, UnavailableError
from tallystick.http_signatures import verify_request
from tallystick.merkle import EMPTY_ROOT, inclusion_path, leaf_hash, root_of
from tallystick.proofs import (
    build_block,
    build_event,
    build_evidence,
    build_item,
    build_receipt,
    build_receivable,
    build_record,
    show_anchor,
    show_height,
    write_bundle,
)
from tallystick.proofs.bundle import AnchorShown, HeightShown
from tallystick.proofs.written import write_out_anchor
from tallystick.receipts import Receipt, ReceiptKind, receipts_root
from tallystick.records.base import Record, key_hash, read_public
from tallystick.records.goods import HistoryEntry
from tallystick.records.members import Key, KeyStatus, KeyUse, member_key
from tallystick.records.membership import EvidenceRecord
from tallystick.records.reading import public_of
from tallystick.transactions import SignedTransaction, decode_transaction
from tallystick.trie import Trie
from tallystick.validators import ValidatorSet
from tallystick.votes import Statement, VoteKind, certificate_of
from tests.world import FOUNDERS, World, public_key, seed

MSGPACK, JSON = "application/msgpack", "application/json"


class Dice:
    """Random bytes that repeat from run to run, and a clock that moves only when somebody sleeps."""

    def __init__(self, name: str = "dice", now_ms: int = 1_767_225_700_000) -> None:
        self._name = name
        self._count = 0
        self.now_ms = now_ms
        self.elapsed_s = 0.0

    def random_bytes(self, size: int) -> bytes:
        self._count += 1
        return sha256(f"{self._name} {self._count}".encode()).digest()[:size]

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.now_ms += int(seconds * 1_000)

    def environment(self) -> Environment:
        return Environment(lambda: self.now_ms, lambda: self.elapsed_s, self.random_bytes, self.sleep)


@dataclass
class Ledger:
    """One chain: each transaction that arrives is executed in a block of its own and certified at once."""

    world: World = field(default_factory=World)
    statuses: dict[bytes, tuple[int, int, Receipt]] = field(default_factory=dict)
    raws: dict[int, list[bytes]] = field(default_factory=dict)
    state: TransactionState = TransactionState.PROVEN  # how far it says that transactions come
    _trie: Trie = field(default_factory=Trie)
    _trie_height: int = -1
    _roots: dict[int, bytes] = field(default_factory=dict)
    _headers: dict[int, Header] = field(default_factory=dict)

    @property
    def height(self) -> int:
        return len(self.world.results)

    def let_read(self, organisation: str) -> None:
        """Register the organisation's key for reading, unless that was done."""
        if self.record(member_key(public_key(organisation, "READ"))) is None:
            self.world.add_keys(organisation, KeyUse.READ)

    def submit(self, raw: bytes) -> TransactionStatus:
        transaction = decode_transaction(raw, self.world.chain_id)
        if transaction.id not in self.statuses:
            result = self.world.block(transaction)
            self._keep(transaction, result.receipts)
        return self.status(transaction.id)

    def _keep(self, transaction: SignedTransaction, receipts: tuple[Receipt, ...]) -> None:
        (receipt,) = [one for one in receipts if one.kind is ReceiptKind.TRANSACTION]
        self.statuses[transaction.id] = (self.height, 0, receipt)
        self.raws[self.height] = [transaction.raw]

    def status(self, id_: bytes) -> TransactionStatus:
        if id_ not in self.statuses:
            return TransactionStatus(id_.hex(), TransactionState.UNKNOWN)
        height, index, receipt = self.statuses[id_]
        if self.state is TransactionState.ADMITTED:
            return TransactionStatus(id_.hex(), self.state)
        return TransactionStatus(
            id_.hex(), self.state, height, index, receipt.reason.name, receipt.detail, b64(encode(receipt))
        )

    # --- CertifiedState -----------------------------------------------------------------------------------

    def header(self) -> Header:
        validators = self.world.genesis.validators().digest()
        receipts = self.world.results[-1].receipts if self.world.results else ()
        history_root = root_of([self.history_leaf(height).leaf_hash() for height in range(self.height + 1)])
        executed = Executed(self.height, self.world.time_ms, self.trie().root, receipts_root(receipts), history_root)
        return Header(
            PROTOCOL_VERSION, self.world.chain_id, 0, self.height + 2, self.height + 2, bytes(32), self.height + 1, 0,
            self.world.time_ms + 40, 0, EMPTY_ROOT, False, validators, validators, executed,
        )  # fmt: skip

    def anchor(self) -> AnchorShown:
        header, validators = self.header(), self.world.genesis.validators()
        statement = Statement(0, VoteKind.FINALIZE, header.view, header.block_hash())
        by_key = {keys.public_key_of(seed(name, "VALIDATOR")): seed(name, "VALIDATOR") for name in FOUNDERS}
        signatures = {
            index: keys.sign(by_key[member.key], keys.Purpose.VOTE, self.world.chain_id, statement.signing_bytes())
            for index, member in enumerate(validators.members[:3])
        }
        return show_anchor(self.world.chain_id, header, (), certificate_of(statement, signatures), validators)

    def trie(self) -> Trie:
        """Over all records; caught up with the blocks since it was last asked for."""
        if self._trie_height < 0:
            records = self.world.state.records
            self._trie = Trie().update({key_hash(key): record.leaf_hash() for key, record in records.items()})
        for result in self.world.results[max(0, self._trie_height) :] if self._trie_height >= 0 else ():
            changes = {key_hash(k): r.leaf_hash() if r is not None else None for k, r in result.writes.items()}
            self._trie = self._trie.update(changes)
            self._trie_height += 1
            self._roots[self._trie_height] = self._trie.root
        self._trie_height = self.height
        self._roots[self.height] = self._trie.root
        return self._trie

    # --- CertifiedHistory: state roots are known since the first that was asked for, zeros before -----------

    def history_leaf(self, height: int) -> HistoryLeaf:
        newest = self.trie().root
        root = newest if height == self.height else self._roots.get(height, bytes(32))
        receipts = self.receipts(height)
        time_ms = self.world.blocks[height - 1][0].time_ms if height else self.world.genesis.time_ms
        receipts_root = root_of([leaf_hash(receipt) for receipt in receipts])
        header = self.block_header(height)
        block_hash = header.block_hash() if header is not None else self.world.chain_id
        return HistoryLeaf(height, block_hash, time_ms, root, receipts_root, len(receipts))

    def history_path(self, height: int) -> tuple[bytes, ...]:
        return inclusion_path([self.history_leaf(one).leaf_hash() for one in range(self.height + 1)], height)

    def block_header(self, height: int) -> Header | None:
        """A header that binds the block's transactions; nothing else in it is looked at."""
        if height == 0:
            return None
        if height not in self._headers:
            context, transactions = self.world.blocks[height - 1]
            signed = [one.signed for one in transactions]
            self._headers[height] = msgspec.structs.replace(
                self._plain_header(), height=height, view=height, parent_view=height - 1, time_ms=context.time_ms,
                transaction_count=len(signed), transaction_root=transaction_root(signed),
            )  # fmt: skip
        return self._headers[height]

    def _plain_header(self) -> Header:
        validators = self.world.genesis.validators().digest()
        return Header(
            PROTOCOL_VERSION, self.world.chain_id, 0, 0, 0, bytes(32), 0, 0, 0, 0, EMPTY_ROOT, False, validators,
            validators, Executed(0, 0, bytes(32), bytes(32), bytes(32)),
        )  # fmt: skip

    def receipts(self, height: int) -> tuple[bytes, ...]:
        return tuple(encode(receipt) for receipt in self.world.results[height - 1].receipts) if height else ()

    def as_of(self, at: str | None) -> HeightShown | None:
        """Of the newest height alone, this twin keeps the state."""
        if at is not None and int(at) < self.height:
            raise ProofError("pruned", f"{self.height} is the oldest")
        if at is not None and int(at) > self.height:
            raise ProofError("not-in-history", f"height {at} is not certified")
        return show_height(self, int(at)) if at is not None else None

    def receipt_proof(self, transaction_id: bytes) -> object:
        for height, result in enumerate(self.world.results, 1):
            for index, receipt in enumerate(result.receipts):
                if receipt.kind is ReceiptKind.TRANSACTION and receipt.subject == transaction_id:
                    return build_receipt(height, index, self)
        raise ProofError("not-in-history", "no transaction of this id was executed here")

    def header_of_epoch(self, epoch: int) -> tuple[Header, ValidatorSet] | None:
        return None

    def evidence_proof(self, key: bytes, at: str | None) -> object:
        record = self.record(key)
        if record is None:
            raise ProofError("not-in-history", "nothing is recorded under this key")
        return build_evidence(read_public(record, EvidenceRecord).evidence, self, self.as_of(at))

    def block_proof(self, height: int) -> object:
        if height > self.height:
            raise ProofError("not-in-history", "not certified")
        return build_block(height, self)

    def record(self, key: bytes) -> Record | None:
        return self.world.state.get(key)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        return self.trie().prove(key_hashes)

    def entries(self, owner: bytes, count: int) -> list[HistoryEntry]:
        return self.world.state.histories.get(owner, [])[:count]

    def transaction(self, height: int, index: int) -> SignedTransaction:
        return self.world.blocks[height - 1][1][index].signed


Fault = Callable[[Request], "Response | None"]


@dataclass
class FakeNode:
    """A node's doors as a ``Transport``.

    Attributes:
        before: called with each request before it is taken; may raise, or answer instead.
        after: called with request and answer; may raise, or give another answer.
    """

    ledger: Ledger
    url: str = "http://node-1"
    before: Callable[[Request], Response | None] | None = None
    after: Callable[[Request, Response], Response] | None = None
    requests: list[Request] = field(default_factory=list)
    nonces: set[bytes] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.url

    def close(self) -> None:
        pass

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        if self.before is not None:
            answer = self.before(request)
            if answer is not None:
                return answer
        try:
            response = self._answer(request)
        except (DecodeError, SignatureError) as error:
            rule = error.rule if isinstance(error, DecodeError) else "signature"
            response = problem(400 if isinstance(error, DecodeError) else 403, rule, str(error))
        return self.after(request, response) if self.after is not None else response

    def _answer(self, request: Request) -> Response:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        ledger = self.ledger
        public = {
            api.HEAD: self._head,
            api.GENESIS: lambda: Response(200, {}, encode(ledger.world.genesis)),
            api.ITEM_PROOF: lambda: bundle(lambda: build_item(query["id"], ledger, ledger.as_of(query.get("at")))),
            api.EVENT_PROOF: lambda: bundle(
                lambda: build_event(
                    bytes.fromhex(query["commitment"]), query["item"], ledger, ledger.as_of(query.get("at"))
                )
            ),
            api.MEMBERS_RECORD_PROOF: lambda: bundle(lambda: self._record_proof(query)),
            api.BLOCK_PROOF: lambda: bundle(lambda: ledger.block_proof(int(query["height"]))),
            api.EVIDENCE_PROOF: lambda: bundle(
                lambda: ledger.evidence_proof(bytes.fromhex(query["key"]), query.get("at"))
            ),
            api.RECORD_PROOF: lambda: bundle(lambda: self._record_proof(query)),
        }
        if request.path in public:
            return public[request.path]()
        if request.path.startswith("/v1/epochs/"):
            return problem(404, "not-found", "the epoch goes on")
        refusal = self._authenticate(request)
        return refusal if refusal is not None else self._members(request, query)

    def _record_proof(self, query: dict[str, str]) -> object:
        return build_record(bytes.fromhex(query["key"]), self.ledger, self.ledger.as_of(query.get("at")))

    def _history(self, query: dict[str, str]) -> Response:
        first, limit = int(query["from"]), int(query["limit"])
        entries = self.ledger.entries(bytes.fromhex(query["key"]), first + limit)[first:]
        raws = [self.ledger.transaction(one.height, one.transaction_index).raw for one in entries]
        answers = [HistoryAnswer(encode(one), raw) for one, raw in zip(entries, raws, strict=True)]
        return Response(200, {}, encode(tuple(answers)))

    def _authenticate(self, request: Request) -> Response | None:
        signature = verify_request(
            self.ledger.world.chain_id, request.method, request.path, request.query, request.body, request.headers
        )
        if signature.nonce in self.nonces:
            return problem(401, "unauthenticated", "this nonce was used before")
        self.nonces.add(signature.nonce)

        def lookup(key: bytes) -> bytes | None:
            record = self.ledger.record(key)
            return record.public if record is not None else None

        key = public_of(lookup, member_key(signature.key), Key)
        if key is None or key.status is not KeyStatus.ACTIVE:
            return problem(403, "forbidden", "this key is not registered")
        if request.path in (api.RECORD, api.BLOCKS, api.HISTORY) and KeyUse.READ not in key.uses:
            return problem(403, "forbidden", "this key is not registered for reading")
        return None

    def _members(self, request: Request, query: dict[str, str]) -> Response:
        ledger = self.ledger
        if request.path == api.TRANSACTIONS:
            return answer(ledger.submit(request.body), 202)
        if request.path == api.TRANSACTIONS_BULK:
            return answer(
                BulkAnswer([self._one_of_many(raw) for raw in decode(request.body, tuple[bytes, ...], size_max=2**24)]),
                202,
            )
        if request.path.startswith(api.TRANSACTIONS + "/"):
            status = ledger.status(bytes.fromhex(request.path.rpartition("/")[2]))
            if status.state is TransactionState.UNKNOWN:
                return problem(404, "not-found", "no transaction of this id was seen here")
            return answer(status)
        if request.path == api.RECEIVABLE_PROOF:
            return bundle(
                lambda: build_receivable(bytes.fromhex(query["obligation"]), ledger, ledger.as_of(query.get("at")))
            )
        if request.path.startswith("/v1/receipts/") and request.path.endswith("/proof"):
            return bundle(lambda: ledger.receipt_proof(bytes.fromhex(request.path.split("/")[3])))
        if request.path.startswith("/v1/receipts/"):
            found = ledger.statuses.get(bytes.fromhex(request.path.rpartition("/")[2]))
            return Response(200, {}, encode(found[2])) if found else problem(404, "not-found", "no receipt")
        if request.path == api.RECORD:
            record = ledger.record(bytes.fromhex(query["key"]))
            return Response(200, {}, encode(record)) if record is not None else problem(404, "not-found", "no record")
        if request.path == api.HISTORY:
            return self._history(query)
        if request.path == api.BLOCKS:
            first, limit = int(query["from"]), int(query["limit"])
            blocks = [self._block(height) for height in range(first, min(first + limit, ledger.height + 1))]
            return Response(200, {}, encode(tuple(blocks)))
        return problem(404, "not-found", f"nothing at {request.path}")

    def _one_of_many(self, raw: bytes) -> BulkItem:
        status = self.ledger.submit(raw)
        return BulkItem(status.id, True)

    def _block(self, height: int) -> BlockAnswer:
        world = self.ledger.world
        transactions, header = world.blocks[height - 1][1], self.ledger.block_header(height)
        receipts = tuple(encode(receipt) for receipt in world.results[height - 1].receipts)
        return BlockAnswer(encode(header), None, tuple(one.signed.raw for one in transactions), receipts)

    def _head(self) -> Response:
        header, world = self.ledger.header(), self.ledger.world
        shown, executed = write_out_anchor(self.ledger.anchor()), header.executed
        return answer(
            HeadAnswer(
                world.chain_id.hex(), "test", "org:grower", header.height, header.time_ms, b64(shown.header),
                b64(shown.finalisation),
                ExecutedAnswer(
                    executed.height, executed.time_ms, executed.state_root.hex(), executed.receipts_root.hex(),
                    executed.history_root.hex(),
                ),
            )
        )  # fmt: skip


def answer(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, {"content-type": JSON}, msgspec.json.encode(value))


def problem(status: int, code: str, detail: str, remedy: str = "") -> Response:
    """A problem as a node's door words it."""
    return answer(Problem(f"urn:tallystick:problem:{code}", code, status, code, detail, "", remedy), status)


def bundle(build: Callable[[], object]) -> Response:
    """A proof bundle, or the problem that there is none."""
    try:
        return Response(200, {}, write_bundle(build()))  # type: ignore[arg-type]
    except ProofError as error:
        return problem(410 if error.code == "pruned" else 404, error.code, error.detail)


def lost(request: Request) -> Response | None:
    """A fault: the node does not answer."""
    raise UnavailableError(f"http://node: no answer to {request.method} {request.path}")


def nodes_for(organisation: str, *transports: FakeNode, key: str = "CAPTURE", dice: Dice | None = None) -> Nodes:
    """Nodes whose requests an organisation signs."""
    chain_id = transports[0].ledger.world.chain_id
    environment = (dice or Dice()).environment()
    return Nodes(transports, RequestKey(seed(organisation, key), chain_id), environment=environment)
