"""The door for transactions: cheap checks first, one signature check per node, in slices that leave room for votes.

What is checked here beyond ``tallystick.admission`` (known keys, room, time left) only keeps strangers and repeats out
of the mempool. It is never a ground to reject a block: validity is a function of a block's bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from node.counters import Counters
from node.mempool import Mempool
from node.network.peers import Peer, PeerFault
from node.state import State
from tallystick import limits
from tallystick.admission import VerifiedTransaction, verify_all
from tallystick.errors import DecodeError, RefusedError, TallystickError, UnavailableError
from tallystick.reasons import WORDS, Reason
from tallystick.records.base import read_public
from tallystick.records.members import Key, KeyStatus, member_key
from tallystick.transactions import SignedTransaction, check_validity, decode_transaction

SLICE_TRANSACTIONS = 64  # per loop turn, about 12 ms; each step runs over all of them before the next: twice as fast as
SLICE_SIZE = 65_536  # one by one, for the code of a step stays in the processor's cache. Bytes bound heavy ones.
QUEUE_MAX = 4_000  # transactions waiting to be checked; more clients are told to try again
QUEUE_SIZE_MAX = 64 * 1_048_576  # bytes waiting to be checked
PEER_QUEUE_MAX = 2_000  # of gossip of one peer; above, that peer is not read until half of it is done
PEER_QUEUE_SIZE_MAX = 8 * 1_048_576  # bytes of gossip of one peer; as above
GOSSIP_SIZE = 65_536  # bytes of one frame of gossip, unless a single transaction is larger
GOSSIP_SIZE_MAX = GOSSIP_SIZE + limits.TRANSACTION_SIZE_MAX  # no honest frame is larger


@dataclass(frozen=True, slots=True)
class Admitted:
    """A transaction is in the mempool; ``new`` is False when it was there or in a block already."""

    id: bytes
    new: bool


Outcome: TypeAlias = Admitted | TallystickError


@dataclass(slots=True)
class _Batch:
    """One client's submission: outcomes in the order sent."""

    done: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome | None]
    open: int = field(init=False)

    def __post_init__(self) -> None:
        self.open = len(self.outcomes)

    def put(self, position: int, outcome: Outcome) -> None:
        self.outcomes[position] = outcome
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result([outcome for outcome in self.outcomes if outcome is not None])


@dataclass(slots=True)
class _Waiting:
    """Gossip of one peer that waits to be checked."""

    count: int = 0
    size: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True)
class _Ticket:
    raw: bytes
    batch: _Batch | None = None
    position: int = 0
    peer: Peer | None = None


class Door:
    """What a transaction must pass before its signatures are worth checking."""

    def __init__(self, state: State, mempool: Mempool, next_time_ms: Callable[[], int]) -> None:
        """``next_time_ms`` is the best guess of the next block's time."""
        self._state = state
        self._mempool = mempool
        self.next_time_ms = next_time_ms

    def known(self, transaction_id: bytes) -> bool:
        """Whether it waits already or was executed."""
        return transaction_id in self._mempool or self._state.executed(transaction_id)

    def check(self, signed: SignedTransaction, block_time_ms: int, seen: set[bytes]) -> None:
        """Time left, keys that may act, room.

        Args:
            block_time_ms: the next block's, as ``next_time_ms`` guesses it.
            seen: signers of this turn whose keys were found active; what is found is added.
        Raises:
            DecodeError: ``transaction.expired`` or ``transaction.valid-too-long``.
            RefusedError: ``UNKNOWN_KEY`` or ``KEY_REVOKED``.
            UnavailableError: no room.
        """
        check_validity(signed.head, block_time_ms)
        for index, key in enumerate(signed.head.signers):
            if key not in seen and self._active(key, may_be_new=index > 0):
                seen.add(key)
        self._mempool.check_room(signed.head.signers[0], signed.size)

    def _active(self, key: bytes, *, may_be_new: bool) -> bool:
        """Whether a key is active; False for one that is being registered, which signs second, before it is known."""
        record = self._state.get(member_key(key))
        if record is None:
            if may_be_new:
                return False
            raise _refused(Reason.UNKNOWN_KEY, key)
        if read_public(record, Key).status is not KeyStatus.ACTIVE:
            raise _refused(Reason.KEY_REVOKED, key)
        return True


class Admission:
    """The queue before the mempool, worked off in slices."""

    def __init__(
        self,
        chain_id: bytes,
        door: Door,
        mempool: Mempool,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        *,
        admitted: Callable[[list[VerifiedTransaction]], None],
        gossip: Callable[[tuple[bytes, ...]], None],
        blame: Callable[[Peer, Exception], None],
        hold_peer: Callable[[Peer, bool], None],
        verified: Callable[[bytes], VerifiedTransaction | None],
    ) -> None:
        """The callbacks: transactions newly in the mempool; a frame to send to all peers; a peer that sent what is
        malformed; whether a peer is to be left unread for now; a transaction that a block brought already, by its
        witness leaf."""
        self._chain_id = chain_id
        self._door = door
        self._mempool = mempool
        self._counters = counters
        self._loop = loop
        self._admitted = admitted
        self._gossip = gossip
        self._blame = blame
        self._hold_peer = hold_peer
        self._verified = verified
        self._queue: deque[_Ticket] = deque()
        self._size = 0
        self._waiting: dict[Peer, _Waiting] = {}
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._queue)

    def submit(self, raws: Sequence[bytes]) -> asyncio.Future[list[Outcome]]:
        """A client's transactions; the future has one outcome each, in order."""
        done: asyncio.Future[list[Outcome]] = self._loop.create_future()
        batch = _Batch(done, [None] * len(raws))
        if not raws:
            done.set_result([])
        for position, raw in enumerate(raws):
            error = self._too_much(raw)
            if error is None:
                self._enqueue(_Ticket(raw, batch, position))
            else:
                self._counters.transactions_refused += 1
                batch.put(position, error)
        return done

    def _too_much(self, raw: bytes) -> TallystickError | None:
        """Why a client's transaction does not even get into the queue, or None."""
        if len(raw) > limits.TRANSACTION_SIZE_MAX:
            return DecodeError("too-long", f"{len(raw)} bytes, at most {limits.TRANSACTION_SIZE_MAX} allowed")
        if len(self._queue) >= QUEUE_MAX or self._size + len(raw) > QUEUE_SIZE_MAX:
            return UnavailableError("too many transactions wait to be checked; try again shortly")
        return None

    def take_gossip(self, peer: Peer, raws: Sequence[bytes]) -> None:
        """A peer's frame. One that sends more than is worked off is not read for a while; the others are.

        Raises:
            PeerFault: the frame is larger than any honest one.
        """
        size = sum(map(len, raws))
        if size > GOSSIP_SIZE_MAX:
            raise PeerFault(f"a frame of gossip of {size} bytes, at most {GOSSIP_SIZE_MAX} are sent")
        for raw in raws:
            self._enqueue(_Ticket(raw, peer=peer))
        waiting = self._waiting.setdefault(peer, _Waiting())
        waiting.count += len(raws)
        waiting.size += size
        if waiting.count > PEER_QUEUE_MAX or waiting.size > PEER_QUEUE_SIZE_MAX:  # said again: it may have a new link
            waiting.held = True
            self._hold_peer(peer, True)

    def _worked_off(self, peer: Peer, size: int) -> None:
        waiting = self._waiting[peer]
        waiting.count -= 1
        waiting.size -= size
        if waiting.held and waiting.count <= PEER_QUEUE_MAX // 2 and waiting.size <= PEER_QUEUE_SIZE_MAX // 2:
            waiting.held = False
            self._hold_peer(peer, False)

    def _enqueue(self, ticket: _Ticket) -> None:
        self._queue.append(ticket)
        self._size += len(ticket.raw)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._slice)

    def _slice(self) -> None:
        """Work off some tickets, step by step for all of them, then let the loop turn."""
        self._scheduled = False
        wanted = self._sift(self._decode(self._next_tickets()))
        new = self._verify(wanted)
        if self._queue and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._slice)
        if new:
            self._counters.transactions_admitted += len(new)
            self._admitted([transaction for _, transaction in new])
        for frame in gossip_frames([ticket.raw for ticket, _ in new if ticket.peer is None]):
            self._gossip(frame)

    def _next_tickets(self) -> list[_Ticket]:
        tickets: list[_Ticket] = []
        size = 0
        while self._queue and len(tickets) < SLICE_TRANSACTIONS:
            ticket = self._queue[0]
            if tickets and size + len(ticket.raw) > SLICE_SIZE:
                break
            tickets.append(self._queue.popleft())
            size += len(ticket.raw)
            if ticket.peer is not None:
                self._worked_off(ticket.peer, len(ticket.raw))
        self._size -= size
        return tickets

    def _decode(self, tickets: list[_Ticket]) -> list[tuple[_Ticket, SignedTransaction]]:
        decoded: list[tuple[_Ticket, SignedTransaction]] = []
        for ticket in tickets:
            try:
                decoded.append((ticket, decode_transaction(ticket.raw, self._chain_id)))
            except DecodeError as error:
                self._refuse(ticket, error, blame=True)
        return decoded

    def _sift(self, decoded: list[tuple[_Ticket, SignedTransaction]]) -> dict[bytes, tuple[_Ticket, SignedTransaction]]:
        """What is new and may come in, by id. Another spelling of the same id waits for what becomes of the first."""
        wanted: dict[bytes, tuple[_Ticket, SignedTransaction]] = {}
        again: list[_Ticket] = []
        seen: set[bytes] = set()
        block_time_ms = self._door.next_time_ms()
        for ticket, signed in decoded:
            if signed.id in wanted:
                again.append(ticket)
            elif self._door.known(signed.id):
                self._counters.transactions_duplicate += 1
                self._answer(ticket, Admitted(signed.id, new=False))
            else:
                try:
                    self._door.check(signed, block_time_ms, seen)
                except (DecodeError, RefusedError, UnavailableError) as error:
                    self._refuse(ticket, error)  # another node may judge otherwise: no peer is blamed for it
                    continue
                wanted[signed.id] = (ticket, signed)
        for ticket in reversed(again):
            self._queue.appendleft(ticket)
            self._size += len(ticket.raw)
        return wanted

    def _verify(
        self, wanted: dict[bytes, tuple[_Ticket, SignedTransaction]]
    ) -> list[tuple[_Ticket, VerifiedTransaction]]:
        """Check the signatures and contents of all; those that hold are in the mempool when this returns."""
        known = {id_: self._verified(signed.witness_leaf) for id_, (_, signed) in wanted.items()}
        outcomes = iter(verify_all([signed for id_, (_, signed) in wanted.items() if known[id_] is None]))
        new: list[tuple[_Ticket, VerifiedTransaction]] = []
        for id_, (ticket, signed) in wanted.items():
            outcome = known[id_] or next(outcomes)
            if not isinstance(outcome, VerifiedTransaction):
                self._refuse(ticket, outcome, blame=True)
                continue
            try:
                self._mempool.check_room(signed.head.signers[0], signed.size)
            except UnavailableError as error:
                self._refuse(ticket, error)
                continue
            self._mempool.add(outcome)
            new.append((ticket, outcome))
            self._answer(ticket, Admitted(id_, new=True))
        return new

    def _answer(self, ticket: _Ticket, outcome: Outcome) -> None:
        if ticket.batch is not None:
            ticket.batch.put(ticket.position, outcome)

    def _refuse(self, ticket: _Ticket, error: TallystickError, *, blame: bool = False) -> None:
        """Tell the client, or blame the peer where no honest one would have sent this."""
        self._counters.transactions_refused += 1
        if blame and ticket.peer is not None:
            self._blame(ticket.peer, error)
        error.__traceback__ = error.__cause__ = error.__context__ = None  # they hold the transaction, and us
        self._answer(ticket, error)


def gossip_frames(raws: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Cut transactions into frames of bounded count and size."""
    frames: list[tuple[bytes, ...]] = []
    frame: list[bytes] = []
    size = 0
    for raw in raws:
        if frame and (size + len(raw) > GOSSIP_SIZE or len(frame) == limits.FRAME_TRANSACTIONS_MAX):
            frames.append(tuple(frame))
            frame, size = [], 0
        frame.append(raw)
        size += len(raw)
    if frame:
        frames.append(tuple(frame))
    return frames


def _refused(reason: Reason, key: bytes) -> RefusedError:
    words, remedy = WORDS[reason]
    return RefusedError(reason.name, f"{words} ({key.hex()[:16]}…)", remedy)
