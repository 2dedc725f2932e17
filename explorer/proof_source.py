"""Proofs for pages: fetched from the node, verified here, kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from explorer.node_client import NodeClient, NodeRefusedError
from tallystick.errors import DecodeError, ProofError, UnavailableError
from tallystick.proofs import ItemBundle, ProofCode, Trust, VerifiedItem, read_bundle, verify_item

KEPT_MAX = 256  # proofs in memory: about 10 MB
KEPT_S = 2.0  # a page may be this much behind the node


@dataclass(frozen=True, slots=True)
class ProofAnswer:
    """What asking for a proof gave.

    Attributes:
        data: the bundle as the node wrote it, also when it does not hold; empty when there was none.
        verified: None unless it holds.
        code: why it does not hold, or None.
        refused: the node answered that it has none, so that asking again helps nobody.
    """

    data: bytes = b""
    verified: VerifiedItem | None = None
    code: str | None = None
    refused: bool = False


class ProofSource:
    """Asks the node and judges its answer under the pinned trust. Safe to use from several threads."""

    def __init__(self, node: NodeClient, trust: Trust) -> None:
        self._node = node
        self._trust = trust
        self._kept: OrderedDict[tuple[str, int | None], tuple[float, ProofAnswer]] = OrderedDict()
        self._lock = threading.Lock()

    def item(self, identifier: str, at: int | None = None) -> ProofAnswer:
        """The proof of a thing's closure, or of the absence of the thing; ``at``: as of that height."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get((identifier, at))
            if kept is not None and now - kept[0] < KEPT_S:
                return kept[1]
        answer = self._ask(identifier, at)
        with self._lock:
            self._kept[identifier, at] = (now, answer)
            self._kept.move_to_end((identifier, at))
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return answer

    def forget(self) -> None:
        """Ask the node anew for everything."""
        with self._lock:
            self._kept.clear()

    def _ask(self, identifier: str, at: int | None) -> ProofAnswer:
        try:
            data = self._node.item_proof(identifier, at)
        except NodeRefusedError:
            return ProofAnswer(refused=True)
        except (UnavailableError, DecodeError):
            return ProofAnswer()
        try:
            bundle = read_bundle(data)
            if not isinstance(bundle, ItemBundle):
                return ProofAnswer(data, None, ProofCode.WRONG_SUBJECT)
            return ProofAnswer(data, verify_item(bundle, self._trust, subject=identifier, at=at), None)
        except ProofError as error:
            return ProofAnswer(data, None, str(error.code))
