"""Due work: what the state owes to time, worked off in order of (due time, serial number), bounded per block."""

from __future__ import annotations

from itertools import islice

from contracts.interface import BlockContext
from contracts.overlay import BlockOverlay
from tallystick.limits import DUE_WORK_PER_BLOCK_MAX, DUE_WORK_PER_ORGANISATION_MAX, TIME_MAX_MS
from tallystick.records.base import read_stored
from tallystick.records.chain import DueItem, due_ms_of

# Items looked at per block: when one organisation has more than its share at the head of the queue, those of others
# behind it are still found, up to here.
DUE_WORK_SCAN_MAX = 1_024


def choose_due_work(overlay: BlockOverlay, block: BlockContext) -> list[tuple[bytes, DueItem]]:
    """The items that this block works off, in working order; the state before the block's own writes decides."""
    chosen: list[tuple[bytes, DueItem]] = []
    taken: dict[str, int] = {}
    for key, record in islice(overlay.due(block.time_ms), DUE_WORK_SCAN_MAX):
        item = read_stored(record.public, DueItem)
        share = taken.get(item.organisation, 0)
        if item.organisation and share >= DUE_WORK_PER_ORGANISATION_MAX:
            continue
        taken[item.organisation] = share + 1
        chosen.append((key, item))
        if len(chosen) == DUE_WORK_PER_BLOCK_MAX:
            break
    return chosen


def next_due_ms(overlay: BlockOverlay) -> int | None:
    """The time of the earliest item that is left, or None; parked items lie at the end of time and do not count."""
    for key, _ in overlay.due(TIME_MAX_MS - 1):
        return due_ms_of(key)
    return None
