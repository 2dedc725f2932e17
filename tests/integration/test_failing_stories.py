"""A test that fails midway: the nodes that it started are stopped, and it fails at once instead of hanging its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.app import Node
from tests.integration.network import Network, play


def test_nodes_that_a_failing_test_had_taken_in_hand_are_stopped(tmp_path: Path) -> None:
    """A loop under which a node still lives may never end: what the node does makes ever more for the loop to do."""
    nodes: list[Node] = []

    async def story() -> None:
        network, other = Network(tmp_path / "one"), Network(tmp_path / "other")
        await network.start()
        await other.start("org:grower")
        nodes.extend((*network.nodes.values(), *other.nodes.values()))
        network.nodes.pop("org:retailer")
        raise AssertionError("midway")

    with pytest.raises(AssertionError, match="midway"):
        play(story())
    assert len(nodes) == 5
    assert all(node._stopping for node in nodes)


def test_a_node_that_does_not_stop_as_it_should_keeps_none_of_the_others_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(tmp_path)
    stopped: list[str] = []
    stop = Node.stop

    async def stopping(node: Node) -> None:
        await stop(node)
        stopped.append(node.config.organisation)
        if node.config.organisation == "org:grower":
            raise OSError("planted")

    async def story() -> None:
        await network.start()
        await network.stop()

    monkeypatch.setattr(Node, "stop", stopping)
    with pytest.raises(OSError, match="planted"):
        play(story())
    assert sorted(stopped) == sorted(network.organisations)


def test_what_a_story_says_comes_before_what_its_end_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(tmp_path)

    async def stopping(node: Node) -> None:
        await stop(node)
        raise OSError("planted")

    async def story() -> None:
        await network.start("org:grower")
        raise AssertionError("midway")

    stop = Node.stop
    monkeypatch.setattr(Node, "stop", stopping)
    with pytest.raises(AssertionError, match="midway"):
        play(story())
