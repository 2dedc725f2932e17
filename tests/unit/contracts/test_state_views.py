"""The overlay of a block, the state in memory, and workspaces on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.interface import BlockContext, Refusal
from contracts.memory_state import MemoryState
from contracts.overlay import BlockOverlay
from contracts.prefixes import prefix_holder
from contracts.workspace import Workspace
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.reasons import Reason
from tallystick.records.base import Record, record_of
from tallystick.records.chain import DueItem, due_key
from tallystick.records.goods import Descendants, DescendantsPublic, Transformation
from tests.world import World, gtin

ITEMS = st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 3)), st.booleans(), max_size=12)


@given(ITEMS, ITEMS, st.integers(0, 7))
def test_due_work_of_an_overlay_is_that_of_the_state_it_stands_for(
    old: dict[tuple[int, int], bool], changed: dict[tuple[int, int], bool], until_ms: int
) -> None:
    below = {due_key(*place): record_of(DueItem("old", b"x", ""), None, b"") for place in old}
    staged: dict[bytes, Record | None] = {
        due_key(*place): record_of(DueItem("new", b"x", ""), None, b"") if keep else None
        for place, keep in changed.items()
    }
    overlay = BlockOverlay(MemoryState(below))
    overlay.keep(staged)
    merged = {key: record for key, record in {**below, **staged}.items() if record is not None}
    assert list(overlay.due(until_ms)) == list(MemoryState(merged).due(until_ms))


def test_an_overlay_answers_with_what_was_kept_and_else_with_the_state_below() -> None:
    below = {b"a": Record(b"1"), b"b": Record(b"2")}
    overlay = BlockOverlay(MemoryState(below))
    assert overlay.get(b"a") == Record(b"1") and overlay.get(b"c") is None
    overlay.keep({b"a": None, b"c": Record(b"3")})
    assert [overlay.get(key) for key in (b"a", b"b", b"c")] == [None, Record(b"2"), Record(b"3")]
    overlay.mark_executed(b"id", 5)
    assert overlay.executed(b"id", 5) and not overlay.executed(b"other", 5)
    assert list(overlay.executed_ids()) == [(b"id", 5)]


def workspace(records: dict[bytes, Record] | None = None, **fields: bytes) -> Workspace:
    return Workspace(MemoryState(records or {}), BlockContext(1, 1_000), **fields)  # type: ignore[arg-type]


def test_a_half_that_is_too_large_is_refused() -> None:
    work = workspace(salt=b"s" * 32)
    names = tuple("n" * 100 for _ in range(RECORD_SIZE_MAX // 100 + 1))
    with pytest.raises(Refusal) as caught:
        work.write(b"k", Transformation("org:a", b"c" * 32, names, ()))
    assert caught.value.reason is Reason.RECORD_TOO_LARGE
    hashes = tuple(bytes((0,)) * 32 for _ in range(RECORD_SIZE_MAX // 32))
    with pytest.raises(Refusal):
        work.write(b"k", DescendantsPublic(0), Descendants(hashes))
    assert work.staged == {}


def test_a_workspace_reads_what_it_wrote_and_forgets_what_was_not_kept() -> None:
    overlay = BlockOverlay(MemoryState({b"k": record_of(DescendantsPublic(1), None, b"")}))
    first = Workspace(overlay, BlockContext(1, 1_000))
    first.write(b"k", DescendantsPublic(2))
    assert first.public(b"k", DescendantsPublic) == DescendantsPublic(2)
    second = Workspace(overlay, BlockContext(1, 1_000))
    assert second.public(b"k", DescendantsPublic) == DescendantsPublic(1)
    overlay.keep(first.staged)
    assert second.public(b"k", DescendantsPublic) == DescendantsPublic(2)
    second.delete(b"k")
    assert second.public(b"k", DescendantsPublic) is None
    with pytest.raises(Refusal) as caught:
        second.need(b"k", DescendantsPublic)
    assert caught.value.reason is Reason.NOT_FOUND


def test_a_public_half_can_change_without_the_members_half() -> None:
    work = workspace({b"k": record_of(DescendantsPublic(1), Descendants(()), b"s" * 32)})
    work.write_public(b"k", DescendantsPublic(2))
    record = work.record(b"k")
    assert record is not None and record.members_salt == b"s" * 32
    assert work.members(b"k", Descendants) == Descendants(())


def test_prefixes_lead_to_their_holder() -> None:
    world = World()
    work = Workspace(world.state, BlockContext(1, 1_000))
    digits = gtin("95211110")[4:]
    assert prefix_holder(work, digits) == "org:grower"
    for other in ("9521", "952", "95211112", "7777777"):
        assert prefix_holder(work, other) is None
