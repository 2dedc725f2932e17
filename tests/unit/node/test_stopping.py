"""What still runs beside the loop when a node stops: it is waited for, and nobody reads a closed database after it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import commit
from node.app import Node
from node.commit import Committer
from node.executor import Executor, FinalBlock
from node.ledger import Ledger
from node.metrics import Metrics
from node.proofs import ProofService
from tests.integration.network import PATIENCE_S, Network, play


def test_a_batch_that_is_written_while_the_node_stops_is_told_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told looks into the database, which is closed as soon as the batch is written."""
    monkeypatch.setattr(commit, "THREAD_ABOVE_ROWS", 0)
    done: list[str] = []
    writing = threading.Event()

    def write(rows: object) -> None:
        writing.set()
        done.append("written")

    async def story() -> None:
        executor = SimpleNamespace(
            tip=SimpleNamespace(executed=SimpleNamespace(height=4)),
            execute=lambda block: SimpleNamespace(executed=SimpleNamespace(height=5)),
            take_batch=lambda row: [row],
            state=SimpleNamespace(written=lambda: done.append("state")),
        )
        committer = Committer(
            cast(Executor, executor),
            cast(Ledger, SimpleNamespace(write=write)),
            asyncio.get_running_loop(),
            Metrics(),
            signer_row=lambda: (b"", b""),
            stored=lambda group: done.append("stored"),
            fatal=lambda error: done.append(str(error)),
        )
        committer.push(cast(FinalBlock, SimpleNamespace(header=SimpleNamespace(height=5), transactions=())))
        while not writing.is_set():
            await asyncio.sleep(0)
        committer.close()
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(story())
    assert done == ["written"]


def test_a_state_that_is_being_laid_back_is_waited_for() -> None:
    reading, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def rewinding(at: int) -> Any:
        def work() -> object:
            reading.set()
            go_on.wait(PATIENCE_S)
            done.append("read")
            return object()

        return work

    async def story() -> None:
        service = ProofService.__new__(ProofService)
        service._state = cast(Any, SimpleNamespace(rewinding=rewinding, keep=lambda past: done.append("kept")))
        service._laying = None
        await service.close()  # nothing to wait for
        service._lay_back(7)
        while not reading.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        await service.close()
        done.append("closed")

    asyncio.run(story())
    assert done.index("read") < done.index("closed")


def test_a_fault_in_what_a_node_does_every_second_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose heartbeat has died in silence would be cut off by its peers again and again."""

    def broken(self: Node) -> None:
        raise LookupError("planted")

    async def story() -> None:
        network = Network(tmp_path)
        await network.start("org:grower")
        node = network.node()
        monkeypatch.setattr(type(node._parts.catch_up), "consider", broken)
        error = await asyncio.wait_for(node.failure(), PATIENCE_S)
        assert isinstance(error, LookupError)

    play(story())
