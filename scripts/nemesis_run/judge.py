"""At the end: is everything that was answered on every node, once, at its place, with equal roots, and nobody lied?"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from client_sdk.nodes import MSGPACK, Nodes, RequestKey
from client_sdk.transport import HttpTransport
from scripts.nemesis_run.cluster import Cluster
from scripts.nemesis_run.history import History
from scripts.nemesis_run.watch import POLL_S, Watch
from scripts.story.cast import PROCESSOR, Cast
from scripts.story.network import NetworkError, http_json
from tallystick.api import BLOCKS, BlockAnswer
from tallystick.blocks import Header
from tallystick.encoding import decode, encode
from tallystick.errors import TallystickError
from tallystick.reasons import Reason
from tallystick.receipts import Receipt, ReceiptKind
from tallystick.records.members import KeyUse
from tallystick.transactions import decode_transaction

ANSWER_SIZE_MAX = 64 * 1_048_576
MUST_STAY_ZERO = ("evidence_total", "uncertified_root_mismatches_total", "rule_faults_total", "http_faults_total")


@dataclass(slots=True)
class Chain:
    """What one node holds.

    Attributes:
        digests: of each height's header, transactions and receipts.
        places: of each transaction that was executed for the first time.
        outcomes: reason of each of them.
    """

    digests: list[bytes] = field(default_factory=list)
    places: dict[bytes, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[bytes, Reason] = field(default_factory=dict)


def wait_for_equal_heads(cluster: Cluster, certified: int, patience_s: float) -> int:
    """The height of one certified executed tuple that all nodes name, at or above ``certified``.

    Raises:
        NetworkError: they do not come together, or name different roots.
    """
    end = time.monotonic() + patience_s
    while True:
        heads = {}
        for name, node in cluster.nodes.items():
            try:
                heads[name] = http_json(node.url, "/.well-known/head")
            except (OSError, NetworkError, ValueError):
                continue
        tuples = [head["executed"] for head in heads.values()]
        by_height: dict[int, set[str]] = defaultdict(set)
        for one in tuples:
            by_height[one["height"]].add(str(one))
        if any(len(found) > 1 for found in by_height.values()):
            raise NetworkError(f"nodes name different roots at one height: {dict(by_height)}")
        if len(heads) == len(cluster.nodes) and len(by_height) == 1 and tuples[0]["height"] >= certified:
            return int(tuples[0]["height"])
        if time.monotonic() > end:
            raise NetworkError(
                f"the nodes do not come to one head: { {name: h['height'] for name, h in heads.items()} }"
            )
        time.sleep(POLL_S)


def chain_of(cast: Cast, organisation: str, last: int) -> Chain:
    """Blocks 1 to ``last`` as one node alone holds them."""
    chain = Chain()
    for block in _blocks(cast, organisation, last):
        header = decode(block.header, Header, size_max=65_536)
        whole = encode((block.header, block.transactions, block.receipts))
        chain.digests.append(hashlib.sha256(whole).digest())
        receipts = [decode(data, Receipt, size_max=ANSWER_SIZE_MAX) for data in block.receipts]
        mine = [receipt for receipt in receipts if receipt.kind is ReceiptKind.TRANSACTION]
        if len(mine) != len(block.transactions):
            raise NetworkError(f"{organisation} has {len(mine)} receipts for {len(block.transactions)} transactions")
        for index, (raw, receipt) in enumerate(zip(block.transactions, mine, strict=True)):
            id_ = decode_transaction(raw, cast.chain_id).id
            if receipt.subject != id_ or receipt.height != header.height:
                raise NetworkError(f"{organisation}: a receipt of height {header.height} is about something else")
            if receipt.reason is not Reason.REPLAYED:  # ordered again after a crash, and skipped
                chain.places[id_].append((header.height, index))
                chain.outcomes[id_] = receipt.reason
    return chain


def _blocks(cast: Cast, organisation: str, last: int) -> Iterator[BlockAnswer]:
    key = RequestKey(cast[PROCESSOR].seed_for(KeyUse.READ), cast.chain_id)
    nodes = Nodes([HttpTransport(cast.network.nodes[organisation].url)], key)
    height = 0
    while height < last:
        query = {"from": str(height + 1), "limit": "200"}
        body = nodes.get(BLOCKS, query, members=True, accept=MSGPACK).body
        page = msgspec.msgpack.decode(body, type=list[msgspec.Raw])
        if not page:
            raise NetworkError(f"{organisation} has no block {height + 1}")
        for item in page[: last - height]:
            height += 1
            yield decode(bytes(item), BlockAnswer, size_max=ANSWER_SIZE_MAX)
    nodes.close()


def compare(cast: Cast, cluster: Cluster, history: History, patience_s: float) -> tuple[list[str], int]:
    """Every broken promise in words, and the height up to which was looked."""
    try:
        needed = max((answer.height for answer in history.answers), default=1)
        height = wait_for_equal_heads(cluster, needed, patience_s)
        chains = {name: chain_of(cast, name, height) for name in cluster.nodes}
    except (NetworkError, TallystickError) as error:
        return [str(error)], 0
    broken = [f"client failed: {failure}" for failure in history.failures]
    for name, chain in chains.items():
        first = next(iter(chains.values()))
        differing = [
            at for at, pair in enumerate(zip(chain.digests, first.digests, strict=True), 1) if len({*pair}) > 1
        ]
        if differing:
            broken.append(f"{name} differs from the others at height {differing[0]}")
        for answer in history.answers:
            places = chain.places.get(answer.id, [])
            where = f"{answer.id.hex()[:16]} was answered at {answer.height}/{answer.index}, {name} has it at {places}"
            if places != [(answer.height, answer.index)]:
                broken.append(where)
            elif chain.outcomes[answer.id] is not Reason.NONE:
                broken.append(f"{where} with {chain.outcomes[answer.id].name}")
        twice = [id_ for id_, places in chain.places.items() if len(places) > 1]
        broken += [f"{id_.hex()[:16]} took effect more than once on {name}" for id_ in twice]
    return broken, height


def alarms(watch: Watch, cluster: Cluster) -> list[str]:
    """Counters that must stay zero and do not, over all nodes that answer."""
    found = []
    for name in cluster.nodes:
        counters = watch.counters(name)
        found += [f"{name}: {metric} is {counters[metric]:.0f}" for metric in MUST_STAY_ZERO if counters.get(metric)]
    return found
