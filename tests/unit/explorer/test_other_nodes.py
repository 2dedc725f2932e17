"""A node that pruned, is silent, or shows what does not hold: the explorer asks others, and says what is the matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from client_sdk.transport import Request, Response
from explorer.config import load_config
from explorer.database import open_database
from explorer.follower import Follower
from explorer.founding import founding_of
from explorer.head_source import HeadSource
from explorer.node_client import NodeClient, NodePrunedError, NodeRefusedError
from tallystick import api
from tallystick.api import HeadAnswer
from tallystick.errors import ConfigError, ProofError, UnavailableError
from tallystick.proofs import Trust
from tests.unit.explorer.chain import PRODUCT, FakeNode


def trust_of(node: FakeNode) -> Trust:
    genesis = node.chain.world.genesis
    return Trust(genesis.chain_id(), {0: genesis.validators().digest()})


def test_a_proof_that_the_node_pruned_comes_from_another_one(story_node: FakeNode) -> None:
    height = story_node.chain.headers[-1].executed.height
    pruned = replace(story_node, oldest=height, name="http://pruned.test")
    with pytest.raises(NodePrunedError):
        NodeClient(pruned).item_proof(PRODUCT, height - 1)
    asked: list[Request] = []

    class Other(FakeNode):
        def send(self, request: Request) -> Response:
            asked.append(request)
            return super().send(request)

    other = Other(story_node.chain, story_node.state)
    assert NodeClient(pruned, "secret", [other]).item_proof(PRODUCT, height - 1)
    assert "authorization" not in asked[0].headers  # the token is for the node beside alone
    silent = replace(story_node, silent=True)
    assert NodeClient(silent, "", [silent, other]).item_proof(PRODUCT)
    with pytest.raises(UnavailableError, match=r"no answer in time; .*no answer in time"):
        NodeClient(silent, "", [silent]).item_proof(PRODUCT)


def test_what_no_node_knows_is_not_asked_of_all(story_node: FakeNode) -> None:
    with pytest.raises(NodeRefusedError):
        NodeClient(story_node, "", [replace(story_node, silent=True)]).event_proof("00" * 32, PRODUCT)


def test_a_copy_whose_node_pruned_the_blocks_that_it_needs_says_what_to_do(
    story_node: FakeNode, tmp_path: Path
) -> None:
    node = replace(story_node, bodies_from=5)
    founding = founding_of(node.chain.world.genesis)
    engine = open_database(f"sqlite:///{tmp_path / 'e.db'}", founding.chain_id, founding.genesis.network)
    with pytest.raises(NodePrunedError) as caught:
        Follower(founding, engine, NodeClient(node)).step()
    for words in ("height 1 is no longer kept", "org:grower, which keeps it", "every block from height 1", "'node'"):
        assert words in str(caught.value)


def test_a_head_is_checked_kept_and_never_goes_back(story_node: FakeNode) -> None:
    node = replace(story_node)
    source = HeadSource(NodeClient(node), trust_of(node))
    newest = source.newest()
    node.silent = True
    assert source.newest() == newest
    with pytest.raises(UnavailableError):
        HeadSource(NodeClient(node), trust_of(node)).newest()

    class Liar(FakeNode):
        def send(self, request: Request) -> Response:
            head = msgspec.json.decode(super().send(request).body, type=HeadAnswer)
            other = head.certificate[:-9] + ("A" if head.certificate[-9] != "A" else "B") + head.certificate[-8:]
            return Response(200, {}, msgspec.json.encode(msgspec.structs.replace(head, certificate=other)))

    with pytest.raises(ProofError) as caught:
        HeadSource(NodeClient(Liar(node.chain, node.state)), trust_of(node)).newest()
    assert caught.value.code == "bad-vote-signature"
    source._kept_height += 1
    node.silent = False
    with pytest.raises(ProofError) as caught:
        source.newest()
    assert caught.value.code == "rolled-back"
    assert NodeClient(node)._get(api.HEAD, {}, "application/json").status == 200


def test_other_nodes_are_addresses(tmp_path: Path) -> None:
    lines = 'node = "http://127.0.0.1:1"\ngenesis = "g"\ndatabase = "d"\nlisten = "127.0.0.1:0"\n'
    file = tmp_path / "explorer.toml"
    file.write_text(lines + 'other_nodes = ["https://node.carrier.example/"]\n')
    assert load_config(file).other_nodes == ("https://node.carrier.example",)
    file.write_text(lines + 'other_nodes = ["carrier"]\n')
    with pytest.raises(ConfigError, match="other_nodes"):
        load_config(file)
