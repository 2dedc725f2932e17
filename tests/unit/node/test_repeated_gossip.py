"""What waits too long is passed on again: gossip may have been dropped on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from node.app import Node
from node.network.messages import TransactionFrame


def test_what_waited_since_the_last_beat_is_gossiped_again_and_nothing_else() -> None:
    waiting = [SimpleNamespace(id=bytes([n]), signed=SimpleNamespace(raw=b"raw%d" % n)) for n in (1, 2)]
    sent: list[Any] = []
    node: Any = Node.__new__(Node)
    node._waited = set()
    node._mempool = SimpleNamespace(oldest=lambda count: waiting[:count])
    node._peers = SimpleNamespace(broadcast=lambda message, droppable: sent.append(message))
    node._repeat_gossip()
    assert sent == []
    waiting.append(SimpleNamespace(id=b"\x03", signed=SimpleNamespace(raw=b"raw3")))
    del waiting[0]
    node._repeat_gossip()
    assert sent == [TransactionFrame((b"raw2",))]
