"""How far each transaction has come, and who waits for it: admitted → final → executed → proven."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from node.executor import ExecutedHeight, FinalBlock
from node.metrics import Metrics
from node.tables import Place
from tallystick.api import TransactionState

RANK = {
    TransactionState.UNKNOWN: 0,
    TransactionState.ADMITTED: 1,
    TransactionState.FINAL: 2,
    TransactionState.EXECUTED: 3,
    TransactionState.PROVEN: 4,
}
TIMED_MAX = 50_000  # admissions whose time to finality is measured; bounded, because some never become final


class Tracker:
    """Transactions between admission and proof.

    Attributes:
        proven_height: newest height that an executed header certifies.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, metrics: Metrics, proven_height: int) -> None:
        self._loop = loop
        self._metrics = metrics
        self.proven_height = proven_height
        self._final: dict[int, FinalBlock] = {}
        self._waiters: dict[bytes, list[tuple[int, asyncio.Future[None]]]] = {}
        self._unproven: deque[tuple[int, list[bytes]]] = deque()
        self._admitted_at: dict[bytes, float] = {}

    def final_place(self, transaction_id: bytes) -> Place | None:
        """Where a transaction stands that is final and not executed yet, or None."""
        for height, block in self._final.items():
            for index, transaction in enumerate(block.transactions):
                if transaction.id == transaction_id:
                    return Place(height, index)
        return None

    def admitted(self, transaction_ids: Sequence[bytes]) -> None:
        """These are in the mempool."""
        if len(self._admitted_at) < TIMED_MAX:
            self._admitted_at.update(dict.fromkeys(transaction_ids, self._loop.time()))
        self._wake_all(transaction_ids, TransactionState.ADMITTED)

    def final(self, block: FinalBlock) -> None:
        """A block is final."""
        self._final[block.header.height] = block
        now = self._loop.time()
        ids = [transaction.id for transaction in block.transactions]
        admitted_at = {self._admitted_at.pop(id_, now) for id_ in ids}
        for time in sorted(admitted_at - {now}):  # once for all that were admitted in one turn of the loop
            self._metrics.submit_to_final.observe(now - time)
        self._wake_all(ids, TransactionState.FINAL)

    def stored(self, executed: ExecutedHeight) -> None:
        """A height is executed and durable; its header may prove earlier ones."""
        self._final.pop(executed.executed.height, None)
        ids = [transaction.id for transaction in executed.block.transactions]
        self._wake_all(ids, TransactionState.EXECUTED)
        waited = [id_ for id_ in ids if id_ in self._waiters]
        if waited:
            self._unproven.append((executed.executed.height, waited))
        self.proven_height = max(self.proven_height, executed.block.header.executed.height)
        while self._unproven and self._unproven[0][0] <= self.proven_height:
            for id_ in self._unproven.popleft()[1]:
                self._wake(id_, TransactionState.PROVEN)

    def dropped(self, transaction_ids: Sequence[bytes]) -> None:
        """These expired in the mempool."""
        for id_ in transaction_ids:
            self._admitted_at.pop(id_, None)

    async def wait(self, transaction_id: bytes, state: TransactionState, timeout_ms: int) -> None:
        """Return when the state is reached, as far as it is reached from now on, or the time is over."""
        future: asyncio.Future[None] = self._loop.create_future()
        entry = (RANK[state], future)
        self._waiters.setdefault(transaction_id, []).append(entry)
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                await future
        except TimeoutError:
            pass
        finally:
            waiting = self._waiters.get(transaction_id)
            if waiting is not None and entry in waiting:
                waiting.remove(entry)
                if not waiting:
                    del self._waiters[transaction_id]

    def expect_proof(self, transaction_id: bytes, height: int) -> None:
        """Somebody begins to wait for the proof of a height that was executed before."""
        if height > self.proven_height:
            self._unproven.append((height, [transaction_id]))
            self._unproven = deque(sorted(self._unproven, key=lambda item: item[0]))

    def _wake_all(self, transaction_ids: Sequence[bytes], state: TransactionState) -> None:
        if self._waiters:
            for id_ in transaction_ids:
                self._wake(id_, state)

    def _wake(self, transaction_id: bytes, state: TransactionState) -> None:
        waiting = self._waiters.get(transaction_id)
        if waiting is None:
            return
        rank = RANK[state]
        left = [(wanted, future) for wanted, future in waiting if wanted > rank]
        for wanted, future in waiting:
            if wanted <= rank and not future.done():
                future.set_result(None)
        if left:
            self._waiters[transaction_id] = left
        else:
            del self._waiters[transaction_id]
