"""The made-up ledger of simulated nodes: roots are hashes over everything that took effect so far.

One kind of transaction means something: a new set of validators, planned some heights ahead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from consensus.config import Switch
from tallystick.blocks import Executed, Header
from tallystick.votes import Certificate
from tests.simulation.signer import members_of
from tests.simulation.world import WALL_START_MS

GENESIS = Executed(0, WALL_START_MS, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
SWITCH_HEIGHTS = 4  # between the order of a change and the height whose execution asks for it; 16 in the product
_ORDER = b"set:"


@dataclass(frozen=True, slots=True)
class Membership:
    """The part of the state that agreement itself depends on.

    Attributes:
        members: holders of the epoch's seats, ascending.
        planned: switch height and next members, or None.
    """

    epoch: int
    members: tuple[int, ...]
    planned: tuple[int, tuple[int, ...]] | None = None

    def switch(self) -> Switch | None:
        """The plan as an engine is told of it."""
        if self.planned is None:
            return None
        height, members = self.planned
        return Switch(height, members_of(members).digest())

    def after(self, header: Header, fresh: Iterable[bytes]) -> Membership:
        """After executing a block: the boundary block begins the next epoch; an order plans a change."""
        if header.next_validators_hash != header.validators_hash:
            assert self.planned is not None, "a boundary block without a plan"
            return Membership(self.epoch + 1, self.planned[1])
        for leaf in fresh:
            if leaf.startswith(_ORDER) and self.planned is None:
                members = _members_in(leaf)
                if members != self.members:
                    return Membership(self.epoch, self.members, (header.height + SWITCH_HEIGHTS, members))
        return self


def order_of(members: Iterable[int], number: int) -> bytes:
    """The transaction that asks for a set of validators; the number makes it unique."""
    mask = sum(1 << member for member in members)
    return _ORDER + mask.to_bytes(4, "big") + number.to_bytes(24, "big")


def _members_in(leaf: bytes) -> tuple[int, ...]:
    mask = int.from_bytes(leaf[4:8], "big")
    return tuple(index for index in range(32) if mask >> index & 1)


class ReferenceLedger:
    """Executes the one final chain once, without ever having crashed: what everybody's ledger is compared with.

    Attributes:
        membership: after the newest height.
    """

    def __init__(self, founders: tuple[int, ...]) -> None:
        self.genesis = self._newest = GENESIS
        self.membership = Membership(0, founders)
        self._seen: set[bytes] = set()

    def execute(
        self, header: Header, block_hash: bytes, leaves: tuple[bytes, ...], certificate: Certificate
    ) -> tuple[Executed, list[bytes]]:
        """The next height: its tuple, and the transactions that took effect."""
        fresh = [leaf for leaf in leaves if leaf not in self._seen]
        self._seen.update(fresh)
        self._newest = execute(self._newest, header, block_hash, fresh)
        self.membership = self.membership.after(header, fresh)
        return self._newest, fresh


def execute(before: Executed, header: Header, block_hash: bytes, fresh: Iterable[bytes]) -> Executed:
    """The tuple after a block of which ``fresh`` transactions took effect for the first time."""
    effects = b"".join(fresh)
    state = sha256(b"state" + before.state_root + effects).digest()
    receipts = sha256(b"receipts" + block_hash + effects).digest()
    history = sha256(b"history" + before.history_root + block_hash).digest()
    return Executed(header.height, header.time_ms, state, receipts, history)
