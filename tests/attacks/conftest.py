"""One network under attack: three honest nodes run, the fourth founder's keys are in hostile hands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.story.cast import CARRIER, FOUNDERS, GROWER, PROCESSOR, Cast
from scripts.story.network import Network

HONEST = (GROWER, PROCESSOR, CARRIER)
RATES = ("requests_per_second", "burst", "public_requests_per_second", "public_burst")


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """The honest members; the first node's HTTP doors have no rate, so that noise is not merely sent away."""
    network = Network(tmp_path_factory.mktemp("attacked") / "network", FOUNDERS)
    cast = Cast(network)
    try:
        network.found("attacked")
        config = network.nodes[GROWER].folder / "node.toml"
        assert "[api]" not in config.read_text()
        config.write_text(config.read_text() + "\n[api]\n" + "".join(f"{name} = 1000000\n" for name in RATES))
        for organisation in HONEST:
            network.start(organisation)
        network.wait_for_height(1, HONEST)
        cast.open_founders()
        yield cast
    finally:
        cast.close()
        network.stop()
