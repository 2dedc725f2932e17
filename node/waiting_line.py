"""Transactions that wait to be checked: clients in one queue, each peer's gossip in its own, all bounded, in turn.

A peer that floods fills its own queue and is then not read for a while; clients and the other peers do not notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from node.network.peers import Peer
from tallystick.errors import TallystickError

CLIENT_QUEUE_MAX = 4_000  # transactions of clients; more are told to try again
CLIENT_QUEUE_SIZE_MAX = 64 * 1_048_576  # bytes of them
PEER_QUEUE_MAX = 2_000  # of gossip of one peer; above, that peer is not read until half of it is done
PEER_QUEUE_SIZE_MAX = 8 * 1_048_576  # bytes of gossip of one peer; as above


class Admitted(msgspec.Struct, frozen=True, gc=False):
    """A transaction is in the mempool; ``new`` is False when it was there or in a block already."""

    id: bytes
    new: bool


Outcome: TypeAlias = Admitted | TallystickError


@dataclass(slots=True)
class Batch:
    """One client's submission: outcomes in the order sent."""

    done: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome | None]
    open: int = field(init=False)

    def __post_init__(self) -> None:
        self.open = len(self.outcomes)

    def put(self, position: int, outcome: Outcome) -> None:
        """The outcome of one transaction."""
        self.outcomes[position] = outcome
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result([outcome for outcome in self.outcomes if outcome is not None])


class Ticket(msgspec.Struct, frozen=True):
    """One transaction that waits: a client's, with its place in a batch, or a peer's."""

    raw: bytes
    batch: Batch | None = None
    position: int = 0
    peer: Peer | None = None


class _Queue:
    """Tickets of one source."""

    __slots__ = ("held", "size", "tickets")

    def __init__(self) -> None:
        self.tickets: deque[Ticket] = deque()
        self.size = 0
        self.held = False

    def over(self, part: int) -> bool:
        """Whether it is longer than a part of what one peer may have."""
        return len(self.tickets) > PEER_QUEUE_MAX // part or self.size > PEER_QUEUE_SIZE_MAX // part


class WaitingLine:
    """All queues. ``hold_peer`` is told whether a peer is to be left unread for now."""

    def __init__(self, hold_peer: Callable[[Peer, bool], None]) -> None:
        self._hold_peer = hold_peer
        self._clients = _Queue()
        self._gossip: dict[Peer, _Queue] = {}
        self._turns: deque[Peer] = deque()  # peers with gossip here, the next one first
        self._count = 0
        self._clients_next = True

    def __len__(self) -> int:
        return self._count

    def room_for(self, raw: bytes) -> bool:
        """Whether one more transaction of a client may wait."""
        clients = self._clients
        return len(clients.tickets) < CLIENT_QUEUE_MAX and clients.size + len(raw) <= CLIENT_QUEUE_SIZE_MAX

    def add(self, ticket: Ticket) -> None:
        """A client's transaction, for which there is room."""
        self._put(self._clients, ticket)

    def add_gossip(self, peer: Peer, raws: Sequence[bytes]) -> None:
        """A frame of a peer; if its queue is long now, the peer is left unread until half of it is done."""
        queue = self._gossip.setdefault(peer, _Queue())
        if not queue.tickets and raws:
            self._turns.append(peer)
        for raw in raws:
            self._put(queue, Ticket(raw, peer=peer))
        if queue.over(1):  # said again even if it is held: it may have a new link
            queue.held = True
            self._hold_peer(peer, True)

    def next(self, count_max: int, size_max: int) -> list[Ticket]:
        """The next tickets, clients' and gossip in turn, the peers in turn; at least one if any waits."""
        tickets: list[Ticket] = []
        size = 0
        while self._count and len(tickets) < count_max:
            ticket = self._take(size_max - size if tickets else None)
            if ticket is None:
                break
            tickets.append(ticket)
            size += len(ticket.raw)
        return tickets

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """Tickets of ``next``, to be the first of their queues again, in this order."""
        for ticket in reversed(tickets):
            queue = self._clients
            if ticket.peer is not None:
                queue = self._gossip[ticket.peer]
                if not queue.tickets:
                    self._turns.appendleft(ticket.peer)
            queue.tickets.appendleft(ticket)
            queue.size += len(ticket.raw)
            self._count += 1

    def drop(self, peer: Peer) -> None:
        """Forget what a peer sent and nobody has looked at."""
        queue = self._gossip.get(peer)
        if queue is not None and queue.tickets:
            self._turns.remove(peer)
            self._count -= len(queue.tickets)
            queue.tickets.clear()
            queue.size = 0
            self._let_go(peer, queue)

    def _put(self, queue: _Queue, ticket: Ticket) -> None:
        queue.tickets.append(ticket)
        queue.size += len(ticket.raw)
        self._count += 1

    def _take(self, size_max: int | None) -> Ticket | None:
        """The first ticket of the queue whose turn it is, unless it is larger than allowed."""
        clients = bool(self._clients.tickets) and (self._clients_next or not self._turns)
        peer = None if clients else self._turns[0]
        queue = self._clients if peer is None else self._gossip[peer]
        if size_max is not None and len(queue.tickets[0].raw) > size_max:
            return None
        ticket = queue.tickets.popleft()
        queue.size -= len(ticket.raw)
        self._count -= 1
        self._clients_next = not clients
        if peer is not None:
            if queue.tickets:
                self._turns.rotate(-1)
            else:
                self._turns.popleft()
            self._let_go(peer, queue)
        return ticket

    def _let_go(self, peer: Peer, queue: _Queue) -> None:
        if queue.held and not queue.over(2):
            queue.held = False
            self._hold_peer(peer, False)
