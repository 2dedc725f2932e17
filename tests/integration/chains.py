"""Looking at a whole chain from outside: blocks of one node, and whether all nodes hold the same."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from client_sdk.nodes import MSGPACK, Nodes, RequestKey
from client_sdk.transport import HttpTransport
from scripts.story.cast import Cast
from scripts.story.network import Network, NetworkError, http_json
from tallystick.api import BLOCKS, BlockAnswer
from tallystick.blocks import Header
from tallystick.encoding import decode
from tallystick.records.members import KeyUse

ANSWER_SIZE_MAX = 32 * 1_048_576


def nodes_of(cast: Cast, organisation: str, reader: str) -> Nodes:
    """One organisation's node alone, read with a member's key."""
    key = RequestKey(cast[reader].seed_for(KeyUse.READ), cast.chain_id)
    return Nodes([HttpTransport(cast.network.nodes[organisation].url)], key)


def blocks_of(cast: Cast, organisation: str, reader: str, last: int) -> list[BlockAnswer]:
    """Blocks 1 to ``last`` as one node answers them."""
    nodes, blocks = nodes_of(cast, organisation, reader), list[BlockAnswer]()
    while len(blocks) < last:
        query = {"from": str(len(blocks) + 1), "limit": "200"}
        body = nodes.get(BLOCKS, query, members=True, accept=MSGPACK).body
        page = [
            decode(bytes(item), BlockAnswer, size_max=ANSWER_SIZE_MAX)
            for item in msgspec.msgpack.decode(body, type=list[msgspec.Raw])
        ]
        assert page, f"{organisation} has no block {len(blocks) + 1}"
        blocks += page
    nodes.close()
    return blocks[:last]


def header_of(block: BlockAnswer) -> Header:
    """The decoded header."""
    return decode(block.header, Header, size_max=65_536)


def executed_heights(network: Network) -> dict[str, int]:
    """Executed height of every node that answers."""
    heights = {}
    for organisation, node in network.nodes.items():
        try:
            heights[organisation] = int(http_json(node.url, "/health")["executed_height"])
        except (OSError, NetworkError, ValueError):
            continue
    return heights


def wait_for_equal_heads(
    network: Network, patience_s: float, organisations: Sequence[str] = (), *, certified: int = 0
) -> Mapping[str, object]:
    """Wait until the heads of these nodes (all by default) are of one height; return their one executed tuple.

    An idle chain makes a block a second, so the four are asked until they are seen at one height.

    Args:
        certified: height that the tuple must have reached; a head certifies a height or more below its own.
    """
    nodes = [network.nodes[name] for name in organisations or network.nodes]
    end = time.monotonic() + patience_s
    while True:
        heads = [http_json(node.url, "/.well-known/head") for node in nodes]
        if len({head["height"] for head in heads}) == 1:
            tuples = [head["executed"] for head in heads]
            assert all(one == tuples[0] for one in tuples), tuples
            assert len({head["header"] for head in heads}) == 1
            executed: Mapping[str, object] = tuples[0]
            if int(str(executed["height"])) >= certified:
                return executed
        assert time.monotonic() < end, [head["height"] for head in heads]
        time.sleep(0.05)
