"""A consortium's blocks as a node would serve them: real transactions, rules and receipts; headers and votes made here.

The fakes answer as a node does and verify nothing: that is the business of what is tested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from client_sdk.transport import Request, Response
from tallystick import api, keys
from tallystick.api import BlockAnswer, ExecutedAnswer, HeadAnswer, Problem, b64
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header, HistoryLeaf, transaction_root
from tallystick.encoding import ZERO32, encode
from tallystick.errors import UnavailableError
from tallystick.genesis import Genesis
from tallystick.merkle import EMPTY_ROOT, append_all, inclusion_path, peaks_root
from tallystick.payloads.goods import RecallItems
from tallystick.proofs import build_item, show_anchor, write_bundle
from tallystick.proofs.bundle import AnchorShown, HeightShown
from tallystick.receipts import receipts_root
from tallystick.records.base import Record, key_hash
from tallystick.records.goods import HistoryEntry
from tallystick.transactions import SignedTransaction
from tallystick.trie import Trie
from tallystick.votes import Certificate, Statement, VoteKind, certificate_of
from tests.world import World, founding, gtin, seed, sscc

LOT_A = f"{gtin('952111101')}/10/H1"
LOT_B = f"{gtin('952111101')}/10/H2"
PRODUCT = gtin("952123451")
BATCH = f"{PRODUCT}/10/B7"
PACK = f"{PRODUCT}/21/P1"
OTHER_PACK = f"{PRODUCT}/21/P2"
PALLET = sscc("952123450")
FOREIGN = f"{gtin('952199991')}/21/X1"
NEVER = f"{PRODUCT}/21/NEVER"
COPIED = f"{gtin('952111101')}/21/COPIED"
EVENT_ID = "urn:uuid:11111111-2222-4333-8444-555555555555"
CORRECTED_ID = "urn:uuid:22222222-2222-4333-8444-555555555555"
SECRET_WORDS = ("po:SECRET-ORDER-77", "9521234000099")  # in members' parts only


def vote(genesis: Genesis, header: Header, signers: int = 3) -> Certificate:
    """A finalisation of a header by the first validators of the set."""
    members = genesis.validators().members
    statement = Statement(header.epoch, VoteKind.FINALIZE, header.view, header.block_hash())
    message, chain_id = statement.signing_bytes(), genesis.chain_id()
    return certificate_of(
        statement,
        {
            index: keys.sign(seed(members[index].organisation, "VALIDATOR"), keys.Purpose.VOTE, chain_id, message)
            for index in range(signers)
        },
    )


def founding_trie(world: World) -> Trie:
    """The state of height 0."""
    from contracts.genesis_state import genesis_writes

    return Trie().update({key_hash(key): record.leaf_hash() for key, record in genesis_writes(world.genesis).items()})


@dataclass
class Chain:
    """Blocks over a finished world; each header certifies the height before it.

    Attributes:
        answers: what ``GET /v1/blocks`` gives, from height 1.
        tries: state after each height, from 0.
        leaves: what the history tree holds of each.
    """

    world: World
    answers: list[BlockAnswer] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    tries: list[Trie] = field(default_factory=list)
    leaves: list[HistoryLeaf] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        trie = founding_trie(world)
        leaf = HistoryLeaf(0, world.chain_id, world.genesis.time_ms, trie.root, EMPTY_ROOT, 0)
        peaks = append_all((), 0, (leaf.leaf_hash(),))
        executed = Executed(0, world.genesis.time_ms, trie.root, EMPTY_ROOT, peaks_root(peaks))
        parent, self.tries, self.leaves = world.chain_id, [trie], [leaf]
        for (context, verified), result in zip(world.blocks, world.results, strict=True):
            header = self._header(context.height, context.time_ms, parent, executed, [v.signed for v in verified])
            parent = header.block_hash()
            raw = tuple(encode(receipt) for receipt in result.receipts)
            # Every third block is finalised only through a later one.
            direct = context.height % 3 != 0 or context.height == len(world.blocks)
            certificate = vote(world.genesis, header) if direct else None
            transactions = tuple(transaction.signed.raw for transaction in verified)
            self.answers.append(BlockAnswer(encode(header), certificate, transactions, raw))
            self.headers.append(header)
            changes = {key_hash(c.key): c.leaf for receipt in result.receipts for c in receipt.changes}
            trie = trie.update({key: None if leaf == ZERO32 else leaf for key, leaf in changes.items()})
            self.tries.append(trie)
            root = receipts_root(result.receipts)
            history = HistoryLeaf(context.height, parent, context.time_ms, trie.root, root, len(raw))
            self.leaves.append(history)
            peaks = append_all(peaks, context.height, (history.leaf_hash(),))
            executed = Executed(context.height, context.time_ms, trie.root, root, peaks_root(peaks))

    def _header(
        self, height: int, time_ms: int, parent: bytes, executed: Executed, transactions: list[SignedTransaction]
    ) -> Header:
        digest = self.world.genesis.validators().digest()
        return Header(
            protocol_version=PROTOCOL_VERSION, chain_id=self.world.chain_id, epoch=0, height=height, view=height + 2,
            parent_hash=parent, parent_view=height + 1 if height > 1 else 0, proposer=height % 4, time_ms=time_ms,
            transaction_count=len(transactions), transaction_root=transaction_root(transactions), due_work=False,
            validators_hash=digest, next_validators_hash=digest, executed=executed,
        )  # fmt: skip


@dataclass
class State:
    """The state that the newest header of a chain certifies, or an earlier one; a ``CertifiedState`` for proofs.

    Attributes:
        height: whose state it is; None: the newest one that is certified.
    """

    chain: Chain
    records: dict[bytes, Record]
    histories: dict[bytes, list[HistoryEntry]]
    height: int | None = None

    def at(self, height: int) -> State:
        """The state of an earlier height."""
        from contracts.genesis_state import genesis_writes

        world = self.chain.world
        written: dict[bytes, Record | None] = dict(genesis_writes(world.genesis))
        for result in world.results[:height]:
            written |= result.writes
        records = {key: record for key, record in written.items() if record is not None}
        return State(self.chain, records, self.histories, height)

    def shown(self) -> HeightShown:
        """That this is the state of its height."""
        assert self.height is not None
        leaves = self.chain.leaves[: self.chain.headers[-1].executed.height + 1]
        path = inclusion_path([leaf.leaf_hash() for leaf in leaves], self.height)
        return HeightShown(encode(leaves[self.height]), list(path))

    def anchor(self) -> AnchorShown:
        """See ``CertifiedState``."""
        world, header = self.chain.world, self.chain.headers[-1]
        certificate = self.chain.answers[-1].finalisation
        assert certificate is not None
        return show_anchor(world.chain_id, header, (), certificate, world.genesis.validators())

    def record(self, key: bytes) -> Record | None:
        """See ``CertifiedState``."""
        return self.records.get(key)

    def prove(self, key_hashes: list[bytes]) -> bytes:
        """See ``CertifiedState``."""
        return self.chain.tries[-2 if self.height is None else self.height].prove(key_hashes)

    def entries(self, owner: bytes, count: int) -> list[HistoryEntry]:
        """See ``CertifiedState``."""
        return self.histories.get(owner, [])[:count]

    def transaction(self, height: int, index: int) -> SignedTransaction:
        """See ``CertifiedState``."""
        return self.chain.world.blocks[height - 1][1][index].signed


@dataclass
class FakeNode:
    """A node's doors over a chain: a ``Transport``.

    Attributes:
        proofs: bundles given instead of the true ones, by identifier.
        silent: answers nothing.
        oldest: height whose state it keeps; ``bodies_from``: the first whose block it keeps.
    """

    chain: Chain
    state: State
    proofs: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    oldest: int = 0
    bodies_from: int = 0
    name: str = "http://node.test"

    def send(self, request: Request) -> Response:
        """Answer as a node does."""
        if self.silent:
            raise UnavailableError(f"{self.name}: no answer in time")
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        match request.path:
            case api.BLOCKS:
                first, limit = int(query["from"]), int(query["limit"])
                if first < self.bodies_from:
                    detail, remedy = f"height {first} is no longer kept", "ask the node of org:grower, which keeps it"
                    gone = Problem("urn:tallystick:problem:pruned", "pruned", 410, "pruned", detail, "", remedy)
                    return Response(410, {}, msgspec.json.encode(gone))
                return Response(200, {}, encode(tuple(self.chain.answers[first - 1 : first - 1 + limit])))
            case api.ITEM_PROOF:
                return self._item_proof(query["id"], int(query["at"]) if "at" in query else None)
            case api.HEAD:
                return Response(200, {}, msgspec.json.encode(self._head()))
        return Response(404, {}, b"{}")

    def _item_proof(self, identifier: str, at: int | None) -> Response:
        if at is not None and not self.oldest <= at <= self.chain.headers[-1].executed.height:
            return Response(410, {}, b"{}")
        if at is not None:
            earlier = self.state.at(at)
            return Response(200, {}, write_bundle(build_item(identifier, earlier, earlier.shown())))
        return Response(200, {}, self.proofs.get(identifier) or write_bundle(build_item(identifier, self.state)))

    def close(self) -> None:
        """Nothing is open."""

    def _head(self) -> HeadAnswer:
        header, certificate = self.chain.headers[-1], self.chain.answers[-1].finalisation
        executed = header.executed
        roots = (executed.state_root.hex(), executed.receipts_root.hex(), executed.history_root.hex())
        return HeadAnswer(
            header.chain_id.hex(), "test", "org:retailer", header.height, header.time_ms, b64(encode(header)),
            b64(encode(certificate)), ExecutedAnswer(executed.height, executed.time_ms, *roots),
            validators=b64(encode(self.chain.world.genesis.validators())),
        )  # fmt: skip


def node_of(world: World) -> FakeNode:
    """A node over a world, with one empty block more that certifies its newest state."""
    records = dict(world.state.records)
    histories = {owner: list(entries) for owner, entries in world.state.histories.items()}
    world.block()
    chain = Chain(world)
    return FakeNode(chain, State(chain, records, histories))


def write_genesis(world: World, folder: Path) -> Path:
    """The genesis file of a world."""
    file = folder / "genesis.bin"
    file.write_bytes(encode(world.genesis))
    return file


def temperatures(world: World, *celsius: float, alarm: bool = False) -> list[dict[str, object]]:
    """A sensor element list of readings ten minutes apart."""
    from tallystick.epcis import format_timestamp

    reports = [
        {
            "type": "Temperature",
            "value": value,
            "uom": "CEL",
            "time": format_timestamp(world.time_ms - 600_000 * (8 - i)),
        }
        | ({"exception": "ALARM_CONDITION"} if alarm and value > 8 else {})
        for i, value in enumerate(celsius)
    ]
    return [{"sensorReport": reports}]


def copied() -> World:
    """A reading that a carrier records again, byte for byte, once it has the thing, and then declares erroneous."""
    world = World(founding(clock_advance_allowed=False))
    world.make("org:grower", COPIED)
    event = world.event(
        action="OBSERVE", bizStep="storing", epcList=[COPIED], eventID=EVENT_ID,
        sensorElementList=temperatures(world, 3.2),
    )  # fmt: skip
    original = world.capture("org:grower", event)
    world.must(original)
    world.hand_over("org:grower", "org:carrier", COPIED)
    world.must(world.capture("org:carrier", *original.events))
    erroneous = {"declarationTime": event["eventTime"], "reason": "did_not_occur"}
    world.must(world.capture("org:carrier", {**event, "errorDeclaration": erroneous}))
    return world


def story(*, recall: bool = False, pause: bool = False, reason: str = "Salmonella found in lot H1") -> World:
    """From field to shelf: lots, packs, a laboratory, a pallet with temperatures, an error, a refusal, a statement.

    With ``pause`` it takes one block more near its end: another history of the same network.
    """
    world = World(founding(clock_advance_allowed=False))
    world.admit_laboratory(PRODUCT)
    world.make("org:grower", lots={LOT_A: (100, "KGM"), LOT_B: (40, "KGM")})
    lots = {LOT_A: (100, "KGM"), LOT_B: (40, "KGM")}
    leaving = world.event(action="OBSERVE", bizStep="shipping", quantityList=lots, receiver="org:processor")
    world.must(world.capture("org:grower", leaving))
    world.must(world.capture("org:processor", world.event(action="OBSERVE", bizStep="receiving", quantityList=lots)))
    field_ = {"id": "https://id.gs1.org/414/9521234000013"}
    making = world.event(
        "TransformationEvent", bizStep="creating_class_instance", readPoint=field_,
        inputQuantityList={LOT_A: (60, "KGM"), LOT_B: (20, "KGM")}, outputEPCList=[PACK, OTHER_PACK],
        outputQuantityList={BATCH: (10, "KGM")}, bizLocation={"id": "https://id.gs1.org/414/9521234000013"},
    )  # fmt: skip
    world.must(world.capture("org:processor", making))
    inspected = world.event(
        action="OBSERVE", bizStep="inspecting", disposition="conformant", epcList=[PACK, OTHER_PACK],
        quantityList={BATCH: None},
    )  # fmt: skip
    world.must(world.capture("org:laboratory", inspected))
    world.make("org:processor", PALLET)
    world.must(world.capture("org:processor", world.packing(PALLET, PACK, OTHER_PACK)))
    order = [{"type": "po", "bizTransaction": f"https://example.org/{SECRET_WORDS[0]}"}]
    world.must(
        world.capture(
            "org:processor", world.shipping("org:carrier", PALLET, bizTransactionList=order, readPoint=field_)
        )
    )
    world.must(world.capture("org:carrier", world.receiving(PALLET)))
    wrong = world.event(
        action="OBSERVE", bizStep="transporting", epcList=[PALLET], eventID=EVENT_ID,
        sensorElementList=temperatures(world, 14.5, 15.0),
    )  # fmt: skip
    world.must(world.capture("org:carrier", wrong))
    right = world.event(
        action="OBSERVE", bizStep="transporting", epcList=[PALLET], eventID=CORRECTED_ID,
        sensorElementList=temperatures(world, 3.2, 3.6, 4.1, 4.4, 3.9, 8.6, 5.0, 4.2, alarm=True),
    )  # fmt: skip
    world.must(world.capture("org:carrier", right))
    declaration = {
        **wrong,
        "errorDeclaration": {
            "declarationTime": wrong["eventTime"], "reason": "incorrect_data", "correctiveEventIDs": [CORRECTED_ID],
        },
    }  # fmt: skip
    world.must(world.capture("org:carrier", declaration))
    stolen = world.event(action="OBSERVE", bizStep="shipping", epcList=[PALLET], receiver="org:processor")
    assert world.reason(world.capture("org:retailer", stolen)).name == "NOT_HOLDER"
    world.hand_over("org:carrier", "org:retailer", PALLET)
    world.must(world.capture("org:retailer", world.packing(PALLET, action="DELETE")))
    if pause:
        world.block()
    stated = world.event(action="OBSERVE", bizStep="receiving", epcList=[FOREIGN])
    world.must(world.capture("org:retailer", stated))
    if recall:
        world.must(world.trade("org:grower", RecallItems("recall-1", (LOT_A,), reason, 1)))
        world.work_off()
    return world


def altered(bundle: bytes, edit: object) -> bytes:
    """A bundle after an edit of its JSON in place."""
    value = json.loads(bundle)
    assert callable(edit)
    edit(value)
    return json.dumps(value).encode()


def retold(answer: BlockAnswer, **changes: object) -> BlockAnswer:
    """A block told with changed fields."""
    return BlockAnswer(**{name: getattr(answer, name) for name in BlockAnswer.__struct_fields__} | changes)  # type: ignore[arg-type]
