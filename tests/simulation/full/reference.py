"""The judges' own ledger of a run with full nodes."""

from __future__ import annotations

from contracts.execution import execute_block
from node.executor import Executor, FinalBlock
from node.ledger import Ledger
from tallystick.blocks import Executed, Header
from tallystick.votes import Certificate
from tests.simulation.full.catalogue import catalogue
from tests.simulation.full.store import founded
from tests.simulation.reference import Membership


class FullReference:
    """The judges' own ledger: the same contracts over a store that never fails, executed once."""

    def __init__(self, founders: tuple[int, ...]) -> None:
        self.membership = Membership(0, founders)
        self._executor = Executor(Ledger(founded()), execute_block)
        self.genesis = self._executor.tip.executed

    def execute(
        self, header: Header, block_hash: bytes, leaves: tuple[bytes, ...], certificate: Certificate
    ) -> tuple[Executed, list[bytes]]:
        """The next height: its tuple, and the transactions that were executed for the first time."""
        transactions = catalogue().of(leaves)
        height = self._executor.execute(FinalBlock(header, block_hash, transactions, certificate))
        first = set(height.first_executed)
        return height.executed, [item.signed.witness_leaf for item in transactions if item.id in first]
