"""The whole story, played once for every test that looks at what it leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.story.acts import Story
from scripts.story.cast import FOUNDERS
from scripts.story.display import Display
from scripts.story.network import Network


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story on four nodes with the explorer, all of them still running."""
    network = Network(tmp_path_factory.mktemp("story") / "network", FOUNDERS, seals=True)
    story = Story(network, Display(quiet=True))
    try:
        story.play()
        yield story
    finally:
        story.cast.close()
        network.stop()
