"""The newest head of the node beside, checked before it is passed on, and kept for when the node does not answer."""

from __future__ import annotations

import threading

from explorer.node_client import NodeClient
from tallystick.api import HeadAnswer
from tallystick.errors import ProofError, UnavailableError
from tallystick.proofs import ProofCode, Trust, verify_anchor
from tallystick.proofs.anchor import show_head


class HeadSource:
    """Asks the node for its head. Safe to use from several threads.

    A head says its own time, so one that is kept is older and nothing worse; who reads it judges its age by that.
    """

    def __init__(self, node: NodeClient, trust: Trust) -> None:
        self._node = node
        self._trust = trust
        self._kept: HeadAnswer | None = None
        self._kept_height = 0
        self._lock = threading.Lock()

    def newest(self) -> HeadAnswer:
        """The newest head that the node proved.

        Raises:
            UnavailableError: the node does not answer, and never did.
            ProofError: what it shows does not hold, or goes back behind what it showed before.
            DecodeError: it is no head.
        """
        try:
            head = self._node.head()
        except UnavailableError:
            if self._kept is not None:
                return self._kept
            raise
        shown = show_head(head)
        height = verify_anchor(shown, self._trust).executed.height
        with self._lock:
            if height < self._kept_height:
                raise ProofError(ProofCode.ROLLED_BACK, f"shows height {height}, showed {self._kept_height} before")
            self._kept, self._kept_height = head, height
        return head
