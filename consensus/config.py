"""What an engine is told once: chain, validator set, which of them it is, its waiting times, and where it starts."""

from __future__ import annotations

from dataclasses import dataclass

from tallystick import limits
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header
from tallystick.validators import ValidatorSet, faults_max
from tallystick.votes import Certificate


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The parameters of one engine in one epoch.

    Attributes:
        me: our index in ``validators``; None for an observer, which follows and never votes.
        spacing_ms: least time between a block and the next one.
        idle_block_ms: at rest, the time after which the next leader proposes a heartbeat.
        view_timeout_ms: time until a view is nullified, before growth; ``view_timeout_cap_ms`` ends the growth.
        resend_ms: between re-sends when a view does not end.
        fetch_retry_ms: until a fetch that was not answered is repeated, before growth.
        clock_drift_max_ms: how far ahead of our clock a header may be and still be waited for.
        execution_lag_max: heights a block may be above its executed tuple and still carry transactions or due work.
        view_window: views above the current one for which votes and proposals are kept.
    """

    chain_id: bytes
    validators: ValidatorSet
    me: int | None
    epoch: int = 0
    spacing_ms: int = limits.BLOCK_SPACING_MS
    idle_block_ms: int = limits.IDLE_BLOCK_MS
    view_timeout_ms: int = limits.VIEW_TIMEOUT_MS
    view_timeout_cap_ms: int = limits.VIEW_TIMEOUT_CAP_MS
    resend_ms: int = limits.RESEND_MS
    fetch_retry_ms: int = 300
    clock_drift_max_ms: int = limits.CLOCK_DRIFT_MAX_MS
    execution_lag_max: int = limits.EXECUTION_LAG_MAX
    view_window: int = limits.VIEW_WINDOW
    protocol_version: int = PROTOCOL_VERSION

    def __post_init__(self) -> None:
        assert self.me is None or 0 <= self.me < self.validators.count
        assert 0 < self.view_timeout_ms <= self.view_timeout_cap_ms
        assert self.spacing_ms >= 0 and self.resend_ms > 0 and self.fetch_retry_ms > 0

    @property
    def faults(self) -> int:
        """f, how many validators may be faulty."""
        return faults_max(self.validators.count)


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of validators that the state of an executed height has planned (section 7 of the specification).

    From the state of ``height`` on the plan stays as it is until the boundary block is executed.

    Attributes:
        height: ``switch_height``: the first block whose executed height reaches it is the boundary block.
        next_validators_hash: digest of the next epoch's set; never the present one's (then nothing is planned).
    """

    height: int
    next_validators_hash: bytes


@dataclass(frozen=True, slots=True)
class Floor:
    """Where an engine starts: the newest block that this node has finalised, executed and stored in one batch.

    A node must never start from an older floor than one it had before. The first floor of an epoch but genesis' is the
    boundary block of the epoch before, executed, with view 0 and without a certificate: the epoch proof is of the old
    set, and nothing of this epoch refers to it.

    Attributes:
        header: None for genesis.
        block_hash: the floor's; for genesis what height 1 names as its parent.
        view: the floor's in this epoch; 0 for genesis and for a boundary block of the epoch before.
        certificate: a finalisation of this block or of a descendant, of this epoch; None only where ``view`` is 0.
        executed: our own tuple of this height; for genesis height 0 and the genesis time and roots.
        earlier: our own tuples of the heights below, at least down to ``header.executed.height``. Without them a
            proposal that names one of those heights can only be waited for.
        switch: what the state of this height plans, or None.
    """

    header: Header | None
    block_hash: bytes
    view: int
    certificate: Certificate | None
    executed: Executed
    earlier: tuple[Executed, ...] = ()
    switch: Switch | None = None
