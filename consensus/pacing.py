"""When things are due: the view's time-out, our own proposal, re-sends. Pure functions of times and counts."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.config import EngineConfig


@dataclass(slots=True)
class Timers:
    """The times of the current view, monotonic milliseconds.

    Attributes:
        entered_ms: when the view was entered.
        busy_since_ms: since when something is expected of the view; None at rest.
        block_ms: when the newest block was accepted (voted for, or learnt to be notarised); ``block_view`` its view.
        own_ms: when we last proposed, so that a leader whose proposals fail does not spin.
        deadline_ms: when the view is given up.
        resend_ms: when votes and certificates are sent again; set when the view timed out.
        propose_ms: when our own proposal is due; None when nothing but an input can change that.
        clock_ms: when our clock reaches the proposal's time, or None.
    """

    entered_ms: int = 0
    busy_since_ms: int | None = 0
    block_ms: int = 0
    block_view: int = 0
    own_ms: int | None = None
    deadline_ms: int | None = None
    resend_ms: int | None = None
    propose_ms: int | None = None
    clock_ms: int | None = None


def timeout_ms(config: EngineConfig, view: int, final_view: int) -> int:
    """Time-out of a view: x1.5 for each view without finality, up to the cap; reset by finality.

    The last two views are not counted: in the good case their finalize votes are still on the way.
    """
    timeout = config.view_timeout_ms
    for _ in range(view - final_view - 2):
        if timeout >= config.view_timeout_cap_ms:
            break
        timeout = timeout * 3 // 2
    return min(timeout, config.view_timeout_cap_ms)


def deadline_ms(config: EngineConfig, timers: Timers, timeout: int) -> int:
    """When the view is given up. At rest the leader may first wait for the idle time to pass."""
    rest_ms = max(timers.entered_ms, timers.block_ms + config.idle_block_ms) + config.spacing_ms + timeout
    if timers.busy_since_ms is None:
        return rest_ms
    return min(rest_ms, timers.busy_since_ms + config.spacing_ms + timeout)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a leader decides its moment by.

    Attributes:
        forced: so many views were nullified in a row that the always votable block is due.
        rest: everything that happened is certified and nothing is pending.
        pending: transactions or due work wait.
        crowded: the block would be too far above its executed tuple to carry anything.
        awaited: our own execution of final blocks is behind and would help: nothing to carry but something to certify,
            or a crowded block on a final parent.
    """

    forced: bool
    rest: bool
    pending: bool
    crowded: bool
    awaited: bool


def proposal_ms(config: EngineConfig, timers: Timers, occasion: Occasion, timeout: int) -> int:
    """When the leader proposes; an input that changes the occasion may make it earlier."""
    earliest = max(timers.block_ms, timers.own_ms or timers.block_ms) + config.spacing_ms
    if occasion.forced:
        return earliest
    if occasion.rest:
        return max(earliest, timers.block_ms + config.idle_block_ms)
    if occasion.awaited and (occasion.crowded or not occasion.pending):
        return max(earliest, timers.entered_ms + timeout // 2)  # never longer: half the time-out is for the votes
    return earliest
