"""Rules A and Z: certificates move us on, and a finalisation makes a block and all its ancestors final."""

from __future__ import annotations

from consensus.core import Core
from consensus.effects import EpochEnded, Finalised, Halt
from consensus.fetches import Need
from consensus.status import Waiting
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.votes import VoteKind


def advance(core: Core) -> None:
    """Rule A: a certificate of any kind for view v lets us into v + 1, wherever we were. Nothing else does."""
    if core.reached <= core.view:
        return
    held = core.views.rounds.get(core.view)
    passed = held is not None and held.proposal is None and held.certificates.keys() == {VoteKind.NULLIFY}
    if passed and core.leader != core.config.me:
        core.missed[core.leader] = core.missed.get(core.leader, 0) + 1
    core.views.thin(core.view - core.config.view_window)
    core.view, core.leader = core.reached, core.config.validators.leader_of(core.reached)
    core.building = None
    timers = core.timers
    timers.entered_ms = core.now.monotonic_ms
    timers.busy_since_ms = timers.deadline_ms = timers.resend_ms = timers.propose_ms = timers.clock_ms = None
    core.changes += 1


def deliver(core: Core) -> None:
    """Rule Z: hand over everything from our final tip up to the newest finalised block once all of it is here.

    Some blocks never get a finalisation of their own; a descendant's serves for them.
    """
    pinned = core.views.pinned
    assert pinned.certificate is not None
    missing = core.chain.missing(pinned.block_hash)
    if missing:
        holders = pinned.certificate.signer_indices()
        core.needs += [Need(block_hash, pinned.view, holders) for block_hash in missing]
        return
    blocks = core.chain.hand_over(pinned.block_hash)
    if blocks is None:
        reason = f"a finalised block of view {pinned.view} does not stand on our final block"
        core.halt(Halt(reason, core.chain.final.height, None, None))
        return
    for block in blocks:
        core.note_certified(block)
    headers = tuple(block.header for block in blocks if isinstance(block.header, Header))
    core.emit(Finalised(tuple(block.block_hash for block in blocks), headers, pinned.certificate))
    core.changes += 1
    if core.chain.final.closes is not None:  # E4: who holds the proof says nothing more in this epoch
        named = core.chain.get(pinned.block_hash)
        closing = named.header if named is not None and isinstance(named.header, ClosingHeader) else None
        core.emit(EpochEnded(headers[-1], closing, pinned.certificate))
        core.ended = True
        core.waiting = (Waiting.EPOCH, f"epoch {core.config.epoch} ended with height {core.chain.final.height}")
