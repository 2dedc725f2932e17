"""What a turn has to say leaves before the next piece of work begins: others wait for it, nobody waits for the work."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from consensus.effects import Broadcast, Persist
from consensus.engine import Engine
from consensus.inputs import TimePassed
from node.clock import ChainClock, SystemClock
from node.commit import Committer
from node.counters import Counters
from node.executor import Executor, FinalBlock
from node.ledger import Ledger
from node.metrics import Metrics
from node.runner import Runner


def test_who_waits_for_finality_is_answered_before_the_block_is_executed() -> None:
    done: list[str] = []

    def execute(block: Any) -> Any:
        done.append("executed")
        return SimpleNamespace(executed=SimpleNamespace(height=block.header.height))

    async def story() -> None:
        loop = asyncio.get_running_loop()
        executor = SimpleNamespace(
            tip=SimpleNamespace(executed=SimpleNamespace(height=4)),
            execute=execute,
            take_batch=lambda row: [row],
            state=SimpleNamespace(written=lambda: None),
        )
        committer = Committer(
            cast(Executor, executor),
            cast(Ledger, SimpleNamespace(write=lambda rows: done.append("written"))),
            loop,
            Metrics(),
            signer_row=lambda: (b"", b""),
            stored=lambda group: done.append("stored"),
            fatal=lambda error: done.append(str(error)),
        )
        for height in (5, 6):  # in one turn, as when finality brings several
            committer.push(cast(FinalBlock, SimpleNamespace(header=SimpleNamespace(height=height), transactions=())))
        loop.call_soon(done.append, "answered")  # as the tracker wakes who waits, in the same turn
        await asyncio.wait_for(committer.idle(), 120.0)
        committer.close()

    asyncio.run(story())
    assert done == ["answered", "executed", "executed", "written", "stored"]


def test_what_a_turn_says_is_durable_then_sent_then_written_to_the_sockets() -> None:
    done: list[str] = []

    class Inside:
        def __getattr__(self, name: str) -> Any:
            return lambda *effects: done.append(name)

    async def story() -> None:
        runner = Runner(
            ChainClock(SystemClock()), Counters(), asyncio.get_running_loop(), lambda: done.append("turned")
        )
        runner.inside = Inside()
        effects = iter(([Persist(cast(Any, None), lazy=False), Broadcast(cast(Any, None))], []))
        runner.replace(cast(Engine, SimpleNamespace(step=lambda input, now: next(effects))))
        for turns in (1, 2):
            runner.give(TimePassed())
            while done.count("turned") < turns:
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    asyncio.run(story())
    assert done == ["persist", "sync", "send", "flush", "turned", "sync", "turned"]
