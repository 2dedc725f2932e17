"""What belongs to no transaction: the ids of executed transactions, kept in the state until they expire.

So that a snapshot of the state can neither add an id nor leave one out: one record per hour of expiry holds count and
RFC 6962 root of the ids whose validity ends in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from contracts.genesis_state import EXPIRING_HOURS_KEY
from contracts.workspace import Workspace
from tallystick.merkle import append_all, leaf_hash
from tallystick.records.chain import HOUR_MS, ExpiringHours, ExpiringIds, expiring_ids_key


def keep_ids(work: Workspace, executed: Iterable[tuple[bytes, int]]) -> None:
    """Enter ids of transactions (id, valid_until_ms) by the hour of expiry, and delete the hours that have passed.

    Validity ends at most seven days after execution, so there are never more than 169 hours to look at.
    """
    hours = work.public(EXPIRING_HOURS_KEY, ExpiringHours)
    assert hours is not None
    first, last = hours.first, hours.last
    current = work.block.time_ms // HOUR_MS
    for hour in range(first, min(current, last + 1)):
        key = expiring_ids_key(hour * HOUR_MS)
        if work.record(key) is not None:
            work.delete(key)
    first = max(first, current)
    last = max(last, current)
    leaves: dict[int, list[bytes]] = {}
    for transaction_id, valid_until_ms in executed:
        leaves.setdefault(valid_until_ms // HOUR_MS, []).append(leaf_hash(transaction_id))
    for hour, added in sorted(leaves.items()):
        key = expiring_ids_key(hour * HOUR_MS)
        ids = work.public(key, ExpiringIds) or ExpiringIds(0, ())
        work.write(key, ExpiringIds(ids.count + len(added), append_all(ids.peaks, ids.count, added)))
        last = max(last, hour)
    if (first, last) != (hours.first, hours.last):
        work.write(EXPIRING_HOURS_KEY, ExpiringHours(first, last))
