"""One replay of the stored golden chain for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.golden.coverage import Coverage, coverage_of
from tests.golden.replay import Height, replay
from tests.golden.stored import StoredChain, read_chain


@pytest.fixture(scope="session")
def chain() -> StoredChain:
    """The stored chain."""
    return read_chain()


@pytest.fixture(scope="session")
def heights(chain: StoredChain) -> list[Height]:
    """What each of its heights gave."""
    return [height for _, height in replay(chain)]


@pytest.fixture(scope="session")
def coverage(heights: list[Height]) -> Coverage:
    """What the chain covers."""
    return coverage_of(heights)
