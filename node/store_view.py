"""The view of the state that contracts get: ``contracts.interface.StateView`` over the node's state."""

from __future__ import annotations

from collections.abc import Iterable

from node.state import State
from tallystick.records.base import Record


class StoreView:
    """The state after the newest executed height."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, key: bytes) -> Record | None:
        """See ``StateView``."""
        return self._state.get(key)

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """See ``StateView``."""
        return self._state.due(until_ms)

    def executed(self, transaction_id: bytes, valid_until_ms: int) -> bool:
        """See ``StateView``; the index by id alone answers, since an id's head names its own expiry."""
        return self._state.executed(transaction_id)
