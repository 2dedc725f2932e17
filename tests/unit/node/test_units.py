"""The node's tree of units stays in step with the records, and the newest seal outlives the process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.bls_store import SealStore
from node.units import Units
from tallystick.errors import DecodeError
from tallystick.records.base import Record
from tallystick.records.goods import item_key, session_key
from tallystick.trie import Trie
from tests import compact_world as w

RECORDS = w.world().state.records
ITEM, SESSION = item_key(w.PALLET), session_key(w.PALLET, 2)


class Fake:
    """Ledger and state in one: records of two heights, and what the second changed."""

    def __init__(self, before: dict[bytes, Record], after: dict[bytes, Record], changed: Any) -> None:
        self._before, self._after, self._changed = before, after, changed
        self.durable = before

    def records_below(self, prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        yield from ((key, record) for key, record in sorted(self.durable.items()) if key.startswith(prefix))

    def record(self, key: bytes) -> Record | None:
        return self.durable.get(key)

    height = 2

    def replaced(self, height: int) -> dict[bytes, Record | None] | None:
        return None if self._changed is None else {key: self._before.get(key) for key in self._changed}

    def changed_at(self, height: int) -> Any:
        return self._changed

    def trie_at(self, height: int) -> Trie:
        return Trie()

    def record_at(self, key: bytes, height: int) -> Record | None:
        return (self._before, self._after)[height - 1].get(key)


def units_of(records: dict[bytes, Record]) -> Trie:
    fake: Any = Fake(records, records, ())
    units = Units(fake, fake).at(1)
    assert units is not None
    return units


def followed(before: dict[bytes, Record], after: dict[bytes, Record], changed: Any) -> tuple[Units, Trie | None]:
    fake: Any = Fake(before, after, changed)
    units = Units(fake, fake)
    units.take(2)
    fake.durable = after
    return units, units.at(2)


def test_the_tree_holds_every_unit_with_its_newest_session() -> None:
    assert len(units_of(RECORDS)) == 1
    assert len(units_of({})) == 0


@pytest.mark.parametrize("gone", [(SESSION,), (ITEM, SESSION)])
def test_what_a_height_changed_is_followed_and_nothing_else(gone: tuple[bytes, ...]) -> None:
    earlier = {key: record for key, record in RECORDS.items() if key not in gone}
    if ITEM not in gone:
        earlier[ITEM] = RECORDS[item_key(w.PACKS[0])]  # of one session less
    _, tree = followed(earlier, RECORDS, (*gone, ITEM, item_key(w.PACKS[1])))
    assert tree is not None and tree.root == units_of(RECORDS).root != units_of(earlier).root
    _, back = followed(RECORDS, earlier, (ITEM, SESSION))
    assert back is not None and back.root == units_of(earlier).root


@pytest.mark.parametrize("gone", [(SESSION,), (ITEM, SESSION)])
def test_a_node_that_starts_again_lays_the_tree_back_to_the_sealed_height(gone: tuple[bytes, ...]) -> None:
    earlier = {key: record for key, record in RECORDS.items() if key not in gone}
    fake: Any = Fake(earlier, RECORDS, (*gone, item_key(w.PACKS[1])))
    fake.durable = RECORDS
    units = Units(fake, fake)
    back, newest = units.before(1), units.before(2)
    assert back is not None and back.root == units_of(earlier).root
    assert newest is not None and newest.root == units_of(RECORDS).root
    fake = Fake(earlier, RECORDS, None)
    assert Units(fake, fake).before(1) is None


def test_where_changes_came_too_late_the_tree_is_built_anew() -> None:
    units, tree = followed({}, RECORDS, None)
    assert tree is None
    units.catch_up()
    again = units.at(2)
    assert again is not None and again.root == units_of(RECORDS).root


def test_the_tree_of_a_height_somewhat_earlier_is_laid_back_and_of_a_later_one_there_is_none() -> None:
    earlier = {key: record for key, record in RECORDS.items() if key != SESSION}
    fake: Any = Fake(earlier, RECORDS, (SESSION, ITEM))
    units = Units(fake, fake)
    units.take(2)
    fake.durable = RECORDS
    newest, back = units.of(2), units.of(1)
    assert newest is not None and newest.root == units_of(RECORDS).root
    assert back is not None and back.root == units_of(earlier).root
    assert units.of(3) is None


def test_a_seal_is_kept_whole_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SealStore(tmp_path / "seal", tmp_path / "closing")
    assert store.newest() is None and store.closing(0) is None
    store.check()
    store.keep(w.certificate())
    store.keep_closing(w.certificate())
    assert store.newest() == store.closing(0) == w.certificate() and store.closing(1) is None
    store.check()
    for path in (tmp_path / "seal", tmp_path / "closing" / "0000000000"):
        written = path.read_bytes()
        for at in (0, 40, len(written) - 1):
            path.write_bytes(written[:at] + bytes((written[at] ^ 1,)) + written[at + 1 :])
            with pytest.raises(DecodeError, match="not what was written"):
                store.check()
        path.write_bytes(written)
    (tmp_path / "closing" / "0000000000").rename(tmp_path / "closing" / "0000000003")
    with pytest.raises(DecodeError, match="of epoch 0"):
        store.check()
    (tmp_path / "file").touch()
    SealStore(tmp_path / "file" / "seal", tmp_path / "file").keep(w.certificate())
    assert "not kept" in caplog.text
