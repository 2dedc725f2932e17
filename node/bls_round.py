"""The sealing of one epoch's validators: what is to be signed, what is signed, whose shares are here."""

from __future__ import annotations

from dataclasses import dataclass, field

from tallystick.blocks import Executed
from tallystick.seals import Seal, SealShare
from tallystick.trie import Trie
from tallystick.validators import ValidatorSet


@dataclass(frozen=True, slots=True)
class Sealed:
    """A height that is to be sealed, or is, with its tree of units, which costs nothing to keep.

    Attributes:
        closing: the last block of its epoch.
    """

    seal: Seal
    units: Trie
    closing: bool = False

    @property
    def height(self) -> int:
        """Which one."""
        return self.seal.executed.height


@dataclass(slots=True)
class Round:
    """One epoch.

    Attributes:
        me: our index in ``validators``; None for an observer, who signs nothing.
        shares: the newest share of each validator, unchecked.
        bad: who sent a bad share of the pending seal: no second try.
        next: to be signed.
        pending: signed here, and not yet certified.
    """

    chain_id: bytes
    epoch: int
    validators: ValidatorSet
    me: int | None
    shares: dict[int, SealShare] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)
    next: Sealed | None = None
    pending: Sealed | None = None

    def plan(self, executed: Executed, units: Trie, *, closing: bool = False) -> bool:
        """Have a height sealed, unless it or a later one is already to be; whether there is something to do."""
        planned = self.next or self.pending
        if self.me is None or (planned is not None and planned.height >= executed.height):
            return False
        seal = Seal(self.chain_id, self.validators.digest(), self.epoch, executed, units.root)
        self.next = Sealed(seal, units, closing)
        return True

    @property
    def is_closing(self) -> bool:
        """Whether the epoch's last block is to be signed, or waits for shares."""
        planned = self.next or self.pending
        return planned is not None and planned.closing

    def signed(self, sealed: Sealed, share: SealShare) -> None:
        """Our own share is made."""
        self.pending = sealed
        self.bad.clear()
        self.shares[share.validator] = share

    def take(self, share: SealShare) -> bool:
        """A peer's share; whether it is worth a look."""
        index = share.validator
        if index >= self.validators.count or not self.validators.members[index].bls_key:
            return False
        if index in self.bad and self.pending is not None and share.seal == self.pending.seal:
            return False
        self.shares[index] = share
        return True

    def quorum(self) -> tuple[SealShare, ...]:
        """All shares over the pending seal, by validator; none while they are fewer than a quorum."""
        pending = self.pending
        if pending is None:
            return ()
        chosen = [self.shares[index] for index in sorted(self.shares) if self.shares[index].seal == pending.seal]
        return tuple(chosen) if len(chosen) >= self.validators.quorum else ()

    def drop(self, bad: tuple[int, ...]) -> None:
        """Leave out whose share of the pending seal did not hold."""
        self.bad.update(bad)
        for index in bad:
            self.shares.pop(index, None)
