"""From final to stored: execution in order, one synced batch for a group of heights, then everybody is told.

Blocks are executed in turns of the loop, so that votes get in between, and after what their finality had us say: to
peers, and to clients that wait for it. Small batches are written on the loop (a hop
to a thread costs more than the write); large ones in one storage thread, and the next group waits for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from node.executor import ExecutedHeight, Executor, FinalBlock
from node.ledger import Ledger
from node.metrics import Metrics
from node.storage import Put

GROUP_WORK_MAX = 500  # events and payloads executed in one turn of the loop, in one batch, unless one block has more
GROUP_HEIGHTS_MAX = 32  # heights of one batch
THREAD_ABOVE_ROWS = 600  # rows of about 50 captures; measured: smaller batches are written on the loop


class Committer:
    """The queue of final blocks of one node.

    Attributes:
        queued_height: newest height that was handed over.
    """

    def __init__(
        self,
        executor: Executor,
        ledger: Ledger,
        loop: asyncio.AbstractEventLoop,
        metrics: Metrics,
        *,
        signer_row: Callable[[], Put],
        stored: Callable[[list[ExecutedHeight]], None],
        fatal: Callable[[BaseException], None],
        ends_batch: Callable[[int], bool] = lambda height: False,
    ) -> None:
        """``signer_row`` answers what to store of the signer's log at the new floor; ``stored`` is told what is
        durable; ``fatal`` ends the process; ``ends_batch`` answers whether the store must come to rest at a height."""
        self._executor = executor
        self._ledger = ledger
        self._loop = loop
        self._metrics = metrics
        self._signer_row = signer_row
        self._stored = stored
        self._fatal = fatal
        self._ends_batch = ends_batch
        self._queue: deque[FinalBlock] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._busy = self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.queued_height = executor.tip.executed.height

    def push(self, block: FinalBlock) -> None:
        """Hand a final block over; one that was handed over before is ignored."""
        if block.header.height <= self.queued_height:
            return
        assert block.header.height == self.queued_height + 1
        self.queued_height = block.header.height
        self._queue.append(block)
        self._idle.clear()
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._loop.call_soon, self._run)  # in the next turn everybody is told, then this

    @property
    def busy(self) -> bool:
        """Whether something was handed over that is not stored yet."""
        return not self._idle.is_set()

    async def idle(self) -> None:
        """Wait until everything handed over is stored."""
        await self._idle.wait()

    def close(self) -> None:
        """Take nothing more; wait for a batch that is being written, and tell nobody: the database is closed next."""
        self._closed = True
        self._queue.clear()
        self._thread.shutdown(wait=True)

    def _run(self) -> None:
        """Execute one group and write it."""
        if not self._queue:  # closed meanwhile
            return
        group: list[ExecutedHeight] = []
        work = 0
        started = perf_counter()
        while self._queue and len(group) < GROUP_HEIGHTS_MAX:
            work += sum(max(1, item.signed.head.event_count) for item in self._queue[0].transactions)
            if group and work > GROUP_WORK_MAX:
                break
            group.append(self._executor.execute(self._queue.popleft()))
            if self._ends_batch(group[-1].executed.height):
                break
        self._metrics.block_execution.observe(perf_counter() - started)
        rows = self._executor.take_batch(self._signer_row())
        started = perf_counter()
        if len(rows) <= THREAD_ABOVE_ROWS:
            self._ledger.write(rows)
            self._done(group, started)
        else:
            future = self._loop.run_in_executor(self._thread, self._ledger.write, rows)
            future.add_done_callback(lambda done: self._written(done, group, started))

    def _written(self, done: asyncio.Future[None], group: list[ExecutedHeight], started: float) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if self._closed:
            return
        if error is not None:
            self._fatal(error)
            return
        self._done(group, started)

    def _done(self, group: list[ExecutedHeight], started: float) -> None:
        self._metrics.block_storage.observe(perf_counter() - started)
        self._executor.state.written()
        self._stored(group)
        self._busy = bool(self._queue)
        if self._busy:
            self._loop.call_soon(self._run)
        else:
            self._idle.set()
