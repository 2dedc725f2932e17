"""Real transactions, signed and verified once; what travels and waits in the simulator is their witness leaf."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tallystick.admission import VerifiedTransaction, verify_transaction
from tests.world import World, gtin

LOTS = 120  # transactions of the catalogue that make goods; as many again move them


class Catalogue:
    """Real transactions in the order in which they are submitted, and by witness leaf."""

    def __init__(self) -> None:
        self.world = World()
        self.genesis = self.world.genesis
        self.chain_id = self.world.chain_id
        raws = [item.signed.raw for _, items in self.world.blocks for item in items]
        owners = ("org:grower", "org:processor")
        prefixes = {"org:grower": "95211110", "org:processor": "95212345"}
        for number in range(LOTS):
            owner = owners[number % 2]
            item = f"{gtin(prefixes[owner] + '1')}/21/S{number}"
            raws.append(self.world.capture(owner, self.world.commissioning(item)).raw)
            raws.append(self.world.capture(owner, self.world.shipping("org:carrier", item)).raw)
        self.transactions = [verify_transaction(raw, self.chain_id) for raw in raws]
        self.by_leaf = {item.signed.witness_leaf: item for item in self.transactions}

    def of(self, leaves: Iterable[bytes]) -> tuple[VerifiedTransaction, ...]:
        """The transactions of these leaves."""
        return tuple(self.by_leaf[leaf] for leaf in leaves)


@cache
def catalogue() -> Catalogue:
    """The one of this process."""
    return Catalogue()


def leaf_of(raw: bytes) -> bytes:
    """The witness leaf of a transaction of the catalogue."""
    return _leaves()[raw]


@cache
def _leaves() -> dict[bytes, bytes]:
    return {item.signed.raw: item.signed.witness_leaf for item in catalogue().transactions}
