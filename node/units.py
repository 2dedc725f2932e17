"""The tree of logistic units that this node's seals certify, kept in step with the heights that it executes."""

from __future__ import annotations

from collections.abc import Callable

from node.ledger import Ledger
from node.state import State
from tallystick.encoding import ZERO32
from tallystick.records.base import Record, key_hash, read_public
from tallystick.records.goods import ItemPublic, item_key, session_key
from tallystick.trie import Trie
from tallystick.units import UNIT_PREFIX, empty_units, unit_leaf, unit_of


class Units:
    """The tree as of a height, and which units changed after it."""

    def __init__(self, ledger: Ledger, state: State) -> None:
        self._ledger = ledger
        self._state = state
        self._changed: set[str] = set()
        self._lost = False
        self._trie = self._build()

    def take(self, height: int) -> None:
        """Note what a height changed; it must be told of every height, once it is executed and durable."""
        keys = self._state.changed_at(height)
        if keys is None:
            self._lost = True
            return
        for key in keys:
            subject = unit_of(key)
            if subject is not None:
                self._changed.add(subject)

    def at(self, height: int) -> Trie | None:
        """The tree after the newest height that ``take`` was told of; None when its changes came too late."""
        state = self._state
        if self._lost or state.trie_at(height) is None:
            return None

        def record(key: bytes) -> Record | None:
            return state.record_at(key, height)

        changes: dict[bytes, bytes | None] = {}
        for subject in self._changed:
            item = record(item_key(subject))
            changes[key_hash(item_key(subject))] = None if item is None else _leaf(subject, item, record)
        self._changed.clear()
        self._trie = self._trie.update(changes)
        return self._trie

    def catch_up(self) -> None:
        """Build the tree anew where changes were lost; the newest height that was taken is the newest durable one."""
        if self._lost:
            self._trie, self._lost = self._build(), False
            self._changed.clear()

    def _build(self) -> Trie:
        """From all records of units: a second or two for a hundred thousand of them."""
        leaves: dict[bytes, bytes | None] = {}
        for key, item in self._ledger.records_below(item_key(UNIT_PREFIX)):
            subject = unit_of(key)
            assert subject is not None
            leaves[key_hash(key)] = _leaf(subject, item, self._ledger.record)
        return empty_units().update(leaves)


def _leaf(subject: str, item: Record, record: Callable[[bytes], Record | None]) -> bytes:
    number = read_public(item, ItemPublic).session_count
    session = record(session_key(subject, number)) if number else None
    return unit_leaf(item.leaf_hash(), ZERO32 if session is None else session.leaf_hash())
