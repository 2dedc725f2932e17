"""A node that is to join says on the chain that it has the state, again and again until it sits.

Without that the switch is made without it: an absent newcomer would raise the quorum and stop the chain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from contracts.switch import KNOWN_ROOTS_KEY, planned_change
from node.ledger import Ledger
from node.logs import log_fields
from node.state import State
from tallystick.encoding import Message
from tallystick.payloads.membership import Ready
from tallystick.records.base import read_public
from tallystick.records.membership import KnownRoots

RENEWALS_PER_HEARTBEAT = 4  # how often the word is renewed; it counts for two heartbeats

logger = logging.getLogger("tallystick.node")


class Joiner:
    """Says ``READY`` for this node's own planned seat."""

    def __init__(
        self,
        state: State,
        ledger: Ledger,
        heartbeat_ms: int,
        own_keys: Callable[[], Collection[bytes]],
        send: Callable[[Message, bytes], None],
    ) -> None:
        """``send`` signs a payload with one of our validator keys and admits it."""
        self._state = state
        self._view = state
        self._ledger = ledger
        self._heartbeat_ms = heartbeat_ms
        self._own_keys = own_keys
        self._send = send
        self._said_height = 0

    def consider(self, now_ms: int) -> None:
        """Say it when a join of ours is planned, our state is one that the chain knows, and the last word grows old.

        Args:
            now_ms: block time as far as we know it.
        """
        plan = planned_change(self._view)
        if plan is None or plan.next_validators is not None:
            return
        join = next((join for join in plan.joins if join.key in self._own_keys()), None)
        record = self._state.get(KNOWN_ROOTS_KEY)
        if join is None or record is None:
            return
        root = read_public(record, KnownRoots).roots[-1]
        row = self._ledger.block(root.height)
        fresh = now_ms - root.time_ms < self._heartbeat_ms  # else we are far behind, and so is our word
        due = root.time_ms - join.ready_ms >= self._heartbeat_ms // RENEWALS_PER_HEARTBEAT
        if row is None or row.executed.state_root != root.state_root or not fresh or not due:
            return
        if root.height > max(join.ready_height, self._said_height):
            self._said_height = root.height
            logger.info("ready to join", extra=log_fields(height=root.height, switch=plan.switch_height))
            self._send(Ready(root.height, root.state_root), join.key)
