"""Letting go of old transactions and receipts; headers, certificates and the history tree stay for ever.

Where snapshots are made nothing above the newest one is pruned: whoever joins from it finds the blocks that follow.
docs/spec/storage.md, section 6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from node.ledger import Ledger, floor_row
from node.logs import log_fields
from node.storage import Put
from node.tables import Table, number_key
from tallystick.errors import StorageError

STEP_HEIGHTS = 64  # pruned at once, in a batch of its own: less than a millisecond beside the sync
COMPACT_HEIGHTS = 1_024  # after so many the room is given back to the disk

logger = logging.getLogger("tallystick.node")


class Pruner:
    """Prunes a node's database behind its newest height.

    Args:
        keep: heights whose bodies stay, the newest one included; None: all.
        up_to: answers the height above which nothing may be pruned, or None where there is no such bound.
    """

    def __init__(
        self, ledger: Ledger, keep: int | None, up_to: Callable[[], int | None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._ledger = ledger
        self._keep = keep
        self._up_to = up_to
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pruning")
        self._since_compacted = 0
        self._compacting: asyncio.Future[None] | None = None

    def stored(self, height: int) -> None:
        """The database is at this height; prune a step if one is due.

        Raises:
            StorageError: the database cannot be written.
        """
        first = self._ledger.floor.bodies_from
        end = min(self._floor_for(height), first + STEP_HEIGHTS)
        if end - first < STEP_HEIGHTS:
            return
        puts: list[Put] = []
        for pruned in range(first, end):
            puts += [(number_key(Table.BODIES, pruned), None), (number_key(Table.RECEIPTS, pruned), None)]
        floor = replace(self._ledger.floor, bodies_from=end)
        self._ledger.write([*puts, floor_row(floor)])
        self._ledger.floor = floor
        self._since_compacted += end - first
        if self._since_compacted >= COMPACT_HEIGHTS and self._compacting is None:
            self._since_compacted = 0
            self._compacting = self._loop.run_in_executor(self._thread, self._compact, end)
            self._compacting.add_done_callback(self._compacted)
            logger.info("old blocks are pruned", extra=log_fields(oldest=end))

    def close(self) -> None:
        """Wait for the disk."""
        self._thread.shutdown(wait=True)

    def _floor_for(self, height: int) -> int:
        """The oldest height whose body is to stay."""
        if self._keep is None:
            return 0
        floor = height - self._keep + 1
        bound = self._up_to()
        return floor if bound is None else min(floor, bound + 1)

    def _compact(self, end: int) -> None:
        for table in (Table.BODIES, Table.RECEIPTS):
            self._ledger.compact(number_key(table, 0), number_key(table, end))

    def _compacted(self, done: asyncio.Future[None]) -> None:
        self._compacting = None
        error = None if done.cancelled() else done.exception()
        if isinstance(
            error, StorageError
        ):  # nothing is lost; what cannot be read any more will say so where it is read
            logger.warning("the room of old blocks was not given back", extra=log_fields(error=str(error)))
