"""Explorers that the tests share: the whole story, once as it is and once with the recall at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.explorer.chain import FakeNode, node_of, story
from tests.unit.explorer.sites import Explorer, explorer_over


@pytest.fixture(scope="session")
def story_node() -> FakeNode:
    """A node that tells the story without the recall. Tests must not change it."""
    return node_of(story())


@pytest.fixture(scope="session")
def recalled_node() -> FakeNode:
    """The same with the recall."""
    return node_of(story(recall=True))


@pytest.fixture(scope="session")
def explorer(story_node: FakeNode, tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer beside the story's node."""
    return explorer_over(story_node, tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="session")
def recalled(recalled_node: FakeNode, tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """An explorer beside the node with the recall."""
    return explorer_over(recalled_node, tmp_path_factory.mktemp("recalled"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path
