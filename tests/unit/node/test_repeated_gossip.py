"""What waits too long is passed on again: gossip may have been dropped on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from node.gossip_again import GossipAgain
from node.network.messages import TransactionFrame


def test_what_waited_since_the_last_beat_is_gossiped_again_and_nothing_else() -> None:
    waiting = [SimpleNamespace(id=bytes([n]), signed=SimpleNamespace(raw=b"raw%d" % n)) for n in (1, 2)]
    sent: list[Any] = []
    mempool: Any = SimpleNamespace(oldest=lambda count: waiting[:count])
    peers: Any = SimpleNamespace(broadcast=lambda message, droppable: sent.append(message))
    again = GossipAgain(mempool, peers)
    again.beat()
    assert sent == []
    waiting.append(SimpleNamespace(id=b"\x03", signed=SimpleNamespace(raw=b"raw3")))
    del waiting[0]
    again.beat()
    assert sent == [TransactionFrame((b"raw2",))]
