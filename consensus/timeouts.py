"""Rules X and S: when a view is given up, and what is sent again when nothing moves."""

from __future__ import annotations

from consensus.core import Core
from consensus.effects import Broadcast, PeerMessage, Send
from consensus.fetches import Need
from consensus.pacing import deadline_ms
from consensus.views import KINDS, Round
from tallystick.votes import Vote, VoteKind

RESEND_VIEWS_MAX = 8  # older views whose votes and certificates one re-send repeats; the next one goes on from there


def expire(core: Core, held: Round) -> None:
    """Rule X: nullify when the time is up, the proposal can never be voted for, the leader gave up or is not there.

    Never after our finalize in this view (I2). An early nullify does not stop the view: certificates do.
    """
    timers, now_ms = core.timers, core.now.monotonic_ms
    if core.reached > core.view:  # the view is over
        return
    if core.at_rest():
        timers.busy_since_ms = None
    elif timers.busy_since_ms is None:
        timers.busy_since_ms = now_ms
    timers.deadline_ms = deadline_ms(core.config, timers, core.timeout_ms())
    late = now_ms >= timers.deadline_ms
    hopeless = held.fault is not None or core.leader in held.votes[VoteKind.NULLIFY] or core.skips(core.leader)
    if not late and not hopeless:
        return
    if VoteKind.NULLIFY not in held.own and VoteKind.FINALIZE not in held.own:
        core.building = None
        core.cast(VoteKind.NULLIFY, core.view)
    if timers.resend_ms is None:
        timers.resend_ms = now_ms + core.config.resend_ms
    elif now_ms >= timers.resend_ms:
        timers.resend_ms = now_ms + core.config.resend_ms
        resend(core)


def resend(core: Core) -> None:
    """Rule S: say again to all what lets others go on."""
    for message in _words(core):
        core.emit(Broadcast(message))


def greet(core: Core, validator: int) -> None:
    """Rule S: the same to one that has just connected and may have missed all of it."""
    if validator != core.config.me:
        for message in _words(core):
            core.emit(Send(validator, message))


def _words(core: Core) -> list[PeerMessage]:
    """The newest finality, what lets others into this view, our own words in it, and a slice of older views.

    The slice is bounded and moves on, so that a long stall does not turn into a flood.
    """
    pinned, view = core.views.pinned, core.view
    entry = core.views.entry(view)
    words: list[PeerMessage] = [pinned.certificate] if pinned.certificate is not None else []
    if entry is not None and entry is not pinned.certificate:
        words.append(entry)
    held = core.views.at(view)
    if held.proposed is not None and held.proposal is not None and VoteKind.NULLIFY not in held.own:
        words.append(held.proposal)
    words += _of_view(held)
    older = sorted(known for known in core.views.rounds if known < view)
    start = core.resend_cursor if core.resend_cursor < len(older) else 0
    for known in older[start : start + RESEND_VIEWS_MAX]:
        words += _of_view(core.views.at(known))
    core.resend_cursor = start + RESEND_VIEWS_MAX
    return words


def _of_view(held: Round) -> list[PeerMessage]:
    """Certificates of a view where they are here, our own vote where the certificate is missing."""
    found = [held.certificates.get(kind) or held.own.get(kind) for kind in KINDS]
    return [message for message in found if message is not None]


def help_due(core: Core, validator: int) -> bool:
    """Whether this validator may be answered again: once per re-send time, so that nobody can make us talk."""
    last_ms = core.helped_ms.get(validator)
    return last_ms is None or core.now.monotonic_ms - last_ms >= core.config.resend_ms


def help_on(core: Core, vote: Vote) -> None:
    """Rule S: who nullifies a view is stuck in it; send what takes it on."""
    if not help_due(core, vote.validator):
        return
    if vote.statement.view == core.view:  # so that nobody keeps a network awake for more than a block a second
        core.woken_view = core.view
    core.helped_ms[vote.validator] = core.now.monotonic_ms
    pinned, entry = core.views.pinned, core.views.entry(core.view)
    if pinned.certificate is not None:
        core.emit(Send(vote.validator, pinned.certificate))
    if pinned.view < vote.statement.view < core.view and entry is not None:
        core.emit(Send(vote.validator, entry))


def follow_heads(core: Core) -> None:
    """Rule S: peers are in later views, and the certificate that let them in has not come: ask them for it."""
    core.heads = {validator: view for validator, view in core.heads.items() if view > core.view}
    if core.heads:
        last = max(core.heads.values()) - 1
        core.needs.append(Need((core.view, last), last, tuple(sorted(core.heads)), core.config.resend_ms))
