"""Four nodes that go on from a state of as many records as one asks for.

One folder is filled (``filled_node``) and stays as it was filled; every run takes a copy for each node, and is thrown
away. So each run begins with exactly the records asked for, and none with what an earlier load left behind.

What each node signed is its own affair. The first one's record lies beside the database that grew with it, and is
copied with it. The three others never ran: they find a database without a word of their keys and begin their records at
its tip, as a member does whose seat began after genesis. That holds, for their keys signed nothing but certificates of
what lies at or below the tip, where no signer signs; and each node asks the others, as always, before it votes.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.config import load_config
from node.folder import DATABASE, LOCK, SIGNER_LOG
from node.tree_file import TREE_FILE
from scripts.benchmark.filled_node import FilledNode
from scripts.story.network import START_S, Network, NetworkError, cpu_seconds, http_json, last_words

ASKED_EVERY_S = 0.01  # whether a node answers yet


class FilledNetwork:
    """Four founders' folders, stopped, one of them with a state; ``close`` it at the end.

    Attributes:
        network: its processes run only within ``running``.
    """

    def __init__(self, folder: Path, setting: str = "") -> None:
        """Args: setting: a line for every node's configuration."""
        self._filled = FilledNode(folder, setting)
        self.network: Network = self._filled.network
        organisations = list(self.network.nodes)
        for organisation in organisations[1:]:  # the first has it already
            self.network.configure(organisation, setting)
        configurations = [load_config(node.folder / "node.toml") for node in self.network.nodes.values()]
        self._data = [configuration.data for configuration in configurations]
        self._kept = folder / "filled"

    @property
    def key_count(self) -> int:
        """Records in the state that every run begins with."""
        return self._filled.key_count

    @property
    def database(self) -> Path:
        """The first node's database, to be read while ``running`` once the nodes are stopped."""
        return self._data[0] / DATABASE

    @property
    def saved_tree(self) -> Path:
        """The file to which the first node saves its whole tree now and then; may be missing in a small state."""
        return self._data[0] / TREE_FILE

    def grow(self, key_count: int) -> None:
        """Fill the state up to so many records, or one more."""
        self._filled.grow(key_count)
        self._filled.disk.ledger.compact(b"", b"\xff")  # growing so fast leaves LevelDB work for minutes

    def close(self) -> None:
        """Release the folder."""
        self._filled.close()

    @contextmanager
    def running(self) -> Iterator[tuple[float, float]]:
        """The four nodes at work on copies of the filled folder; what they wrote is gone afterwards.

        The first starts alone, with nothing else to do for the machine; then the others do.

        Yields:
            Seconds until the first one answered at its door: of the clock, and of its processor time.
        Raises:
            NetworkError: a node ended or did not start.
        """
        height = self._filled.disk.executor.tip.executed.height
        self._filled.close()
        self._data[0].rename(self._kept)
        try:
            for number, data in enumerate(self._data):
                left_out = (LOCK, f"{SIGNER_LOG}*") if number else (LOCK,)
                shutil.copytree(self._kept, data, ignore=shutil.ignore_patterns(*left_out))
            first, *others = self.network.nodes
            started = self._start_alone(first)
            for organisation in others:
                self.network.start(organisation)
            self.network.wait_for_height(height)
            yield started
        finally:
            self.network.stop()
            for data in self._data:
                shutil.rmtree(data, ignore_errors=True)
            self._kept.rename(self._data[0])
            self._filled.open()

    def _start_alone(self, organisation: str) -> tuple[float, float]:
        node = self.network.nodes[organisation]
        started = time.monotonic()
        self.network.start(organisation)
        assert node.process is not None
        while True:
            try:
                http_json(node.url, "/health")
                return time.monotonic() - started, cpu_seconds(node.process.pid)
            except (OSError, NetworkError) as error:
                if node.process.poll() is not None or time.monotonic() - started > START_S:
                    raise NetworkError(f"{organisation} does not serve: {last_words(node.log)}") from error
                time.sleep(ASKED_EVERY_S)
