"""The tree of logistic units that this node's seals certify, kept in step with the heights that it executes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from node.ledger import Ledger
from node.state import State
from tallystick.encoding import ZERO32
from tallystick.records.base import Record, key_hash, read_public
from tallystick.records.goods import ItemPublic, item_key, session_key
from tallystick.trie import Trie
from tallystick.units import UNIT_PREFIX, empty_units, unit_leaf, unit_of


class Units:
    """The tree as of a height, and which units changed after it.

    Attributes:
        newest: the newest height that it was told of, which is executed and durable.
    """

    def __init__(self, ledger: Ledger, state: State) -> None:
        self._ledger = ledger
        self._state = state
        self._changed: set[str] = set()
        self._lost = False
        self.newest = state.height
        self._trie = self._build()

    def take(self, height: int) -> None:
        """Note what a height changed; it must be told of every height, once it is executed and durable."""
        keys = self._state.changed_at(height)
        self.newest = height
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

        self._trie = self._trie.update(_leaves(self._changed, record))
        self._changed.clear()
        return self._trie

    def of(self, height: int) -> Trie | None:
        """The tree after the newest height that ``take`` was told of, or one not long before; None where it is lost."""
        newest = self.at(self.newest)
        if newest is None or height > self.newest or self._state.trie_at(height) is None:
            return None
        changed: set[str] = set()
        for later in range(height + 1, self.newest + 1):
            keys = self._state.changed_at(later)
            if keys is None:
                return None
            changed.update(subject for key in keys if (subject := unit_of(key)) is not None)
        return newest.update(_leaves(changed, lambda key: self._state.record_at(key, height)))

    def before(self, height: int) -> Trie | None:
        """The tree after an earlier height, from what the heights since then overwrote; None where that is not kept."""
        overwritten: dict[bytes, Record | None] = {}
        for later in range(height + 1, self._state.height + 1):
            row = self._ledger.replaced(later)
            if row is None:
                return None
            for key in row:
                overwritten.setdefault(key, row[key])

        def record(key: bytes) -> Record | None:
            return overwritten[key] if key in overwritten else self._ledger.record(key)

        changed = {subject for key in overwritten if (subject := unit_of(key)) is not None}
        return self._trie.update(_leaves(changed, record))

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


def _leaves(subjects: Iterable[str], record: Callable[[bytes], Record | None]) -> dict[bytes, bytes | None]:
    """The leaves of units, None where one is gone, by place in the tree."""
    leaves: dict[bytes, bytes | None] = {}
    for subject in subjects:
        item = record(item_key(subject))
        leaves[key_hash(item_key(subject))] = None if item is None else _leaf(subject, item, record)
    return leaves


def _leaf(subject: str, item: Record, record: Callable[[bytes], Record | None]) -> bytes:
    number = read_public(item, ItemPublic).session_count
    session = record(session_key(subject, number)) if number else None
    return unit_leaf(item.leaf_hash(), ZERO32 if session is None else session.leaf_hash())
