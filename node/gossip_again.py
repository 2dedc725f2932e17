"""Gossip is sent once and may be dropped: what has waited since the last beat is passed on again.

Otherwise a transaction that one node alone knows would wait for that node's own turn to lead.
"""

from __future__ import annotations

from node.admission import gossip_frames
from node.mempool import Mempool
from node.network.messages import TransactionFrame
from node.network.peers import Peers
from tallystick.limits import FRAME_TRANSACTIONS_MAX


class GossipAgain:
    """Remembers what was oldest at the last beat."""

    def __init__(self, mempool: Mempool, peers: Peers) -> None:
        self._mempool = mempool
        self._peers = peers
        self._waited: set[bytes] = set()  # ids of the oldest transactions at the last beat

    def beat(self) -> None:
        """Pass on what was there at the last beat, too."""
        oldest = self._mempool.oldest(FRAME_TRANSACTIONS_MAX)
        again = [transaction.signed.raw for transaction in oldest if transaction.id in self._waited]
        self._waited = {transaction.id for transaction in oldest}
        for frame in gossip_frames(again):
            self._peers.broadcast(TransactionFrame(frame), droppable=True)
