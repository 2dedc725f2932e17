"""The door for transactions: cheap checks first, one signature check per node, in slices that leave room for votes.

What is checked here beyond ``tallystick.admission`` (known keys, room, time left) only keeps strangers and repeats out
of the mempool. It is never a ground to reject a block: validity is a function of a block's bytes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import thread_time

from node.allowance import Allowance
from node.checking import Checker, Verified
from node.counters import Counters
from node.mempool import Mempool
from node.network.peers import Peer, PeerFault
from node.state import State
from node.waiting_line import Admitted as Admitted
from node.waiting_line import Batch, Ticket, WaitingLine
from node.waiting_line import Outcome as Outcome
from tallystick import limits
from tallystick.admission import VerifiedTransaction
from tallystick.errors import DecodeError, RefusedError, TallystickError, UnavailableError
from tallystick.reasons import WORDS, Reason
from tallystick.records.base import read_public
from tallystick.records.members import Key, KeyStatus, member_key
from tallystick.transactions import SignedTransaction, check_validity, decode_transaction

SLICE_TRANSACTIONS = 64  # per loop turn, each step runs over all of them before the next: faster than
SLICE_SIZE = 65_536  # one by one, for the code of a step stays in the processor's cache. Bytes bound heavy ones.
WASTE_S_PER_S = 0.1  # processor time per second spent on gossip of one peer that brings nothing new
WASTE_BURST_S = 0.5  # of it at once; what a peer sends beyond is not looked at
GOSSIP_SIZE = 65_536  # bytes of one frame of gossip, unless a single transaction is larger
GOSSIP_SIZE_MAX = GOSSIP_SIZE + limits.TRANSACTION_SIZE_MAX  # no honest frame is larger


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


@dataclass(slots=True, eq=False)
class _Slice:
    """Tickets that are worked off together.

    Attributes:
        wanted: what is new and may come in, by id.
        known: what a block brought already, or None, by the same ids.
        useless: how many brought nothing new, by peer.
        seconds: processor time spent on all of it.
        late: answered in a later turn than asked, so that others may have brought the same meanwhile.
    """

    size: int
    wanted: dict[bytes, tuple[Ticket, SignedTransaction]] = field(default_factory=dict)
    known: dict[bytes, VerifiedTransaction | None] = field(default_factory=dict)
    useless: Counter[Peer] = field(default_factory=Counter)
    seconds: float = 0.0
    late: bool = False


class Admission:
    """The queue before the mempool, worked off in slices. One or more of them are with whoever checks signatures."""

    def __init__(
        self,
        chain_id: bytes,
        door: Door,
        mempool: Mempool,
        checker: Checker,
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
        self._checker = checker
        self._counters = counters
        self._loop = loop
        self._admitted = admitted
        self._gossip = gossip
        self._blame = blame
        self._verified = verified
        self._line = WaitingLine(hold_peer)
        self._allowances: dict[Peer, Allowance] = {}  # of time for gossip that brings nothing new
        self._asked: list[_Slice] = []  # whose signatures are being checked
        self._scheduled = self._closed = False
        self._blocked = False  # the first that wait are others' spellings of what is being checked

    def __len__(self) -> int:
        """Transactions that wait or are being checked."""
        return len(self._line) + sum(len(slice_.wanted) for slice_ in self._asked)

    def close(self) -> None:
        """Look at nothing more."""
        self._closed = True

    def submit(self, raws: Sequence[bytes]) -> asyncio.Future[list[Outcome]]:
        """A client's transactions; the future has one outcome each, in order."""
        done: asyncio.Future[list[Outcome]] = self._loop.create_future()
        batch = Batch(done, [None] * len(raws))
        if not raws:
            done.set_result([])
        for position, raw in enumerate(raws):
            error = self._too_much(raw)
            if error is None:
                self._line.add(Ticket(raw, batch, position))
            else:
                self._counters.transactions_refused += 1
                batch.put(position, error)
        self._schedule()
        return done

    def _too_much(self, raw: bytes) -> TallystickError | None:
        """Why a client's transaction does not even get into the queue, or None."""
        if len(raw) > limits.TRANSACTION_SIZE_MAX:
            return DecodeError("too-long", f"{len(raw)} bytes, at most {limits.TRANSACTION_SIZE_MAX} allowed")
        if not self._line.room_for(raw):
            return UnavailableError("too many transactions wait to be checked; try again shortly")
        return None

    def take_gossip(self, peer: Peer, raws: Sequence[bytes]) -> None:
        """A peer's frame. What a peer sends after it has wasted much of our time is not looked at: blocks fetch what
        they miss.

        Raises:
            PeerFault: the frame is larger than any honest one.
        """
        size = sum(map(len, raws))
        if size > GOSSIP_SIZE_MAX:
            raise PeerFault(f"a frame of gossip of {size} bytes, at most {GOSSIP_SIZE_MAX} are sent")
        if not self._allowance(peer).take(self._loop.time(), 0.0):
            self._counters.gossip_dropped += len(raws)
            return
        self._line.add_gossip(peer, raws)
        self._schedule()

    def _allowance(self, peer: Peer) -> Allowance:
        return self._allowances.setdefault(peer, Allowance(WASTE_S_PER_S, WASTE_BURST_S))

    def _schedule(self) -> None:
        if len(self._line) and not self._scheduled and self._may_go_on():
            self._scheduled = True
            self._loop.call_soon(self._slice)

    def _may_go_on(self) -> bool:
        """What waits for a thread is bounded by what threads can do meanwhile: everything else waits in its line."""
        return not self._asked or (len(self._asked) < self._checker.slices and not self._blocked)

    def _slice(self) -> None:
        """Work off some tickets, step by step for all of them, then let the loop turn."""
        self._scheduled = False
        if self._closed:
            return
        tickets = self._line.next(SLICE_TRANSACTIONS, SLICE_SIZE)
        started = thread_time()
        slice_ = _Slice(len(tickets))
        self._sift(slice_, self._decode(slice_, tickets))
        slice_.known = {id_: self._verified(signed.witness_leaf) for id_, (_, signed) in slice_.wanted.items()}
        unknown = [signed for id_, (_, signed) in slice_.wanted.items() if slice_.known[id_] is None]
        slice_.seconds -= started  # on the loop the answer comes before the question returns
        self._asked.append(slice_)
        if slice_.wanted:
            self._checker.transactions(unknown, lambda outcomes, seconds: self._checked(slice_, outcomes, seconds))
        else:
            self._checked(slice_, (), 0.0)
        if slice_ in self._asked:
            slice_.late = True
            slice_.seconds += thread_time()
            self._schedule()

    def _checked(self, slice_: _Slice, outcomes: Sequence[Verified], seconds: float) -> None:
        """Signatures and contents of a slice are checked: those that hold come in."""
        if self._closed:
            return
        started = thread_time() if slice_.late else 0.0
        self._asked.remove(slice_)
        self._blocked = self._blocked and not slice_.late
        new = self._enter(slice_, outcomes)
        if slice_.useless:
            slice_.seconds += thread_time() - started + seconds
            self._charge(slice_)
        self._schedule()
        if new:
            self._counters.transactions_admitted += len(new)
            self._admitted([transaction for _, transaction in new])
        for frame in gossip_frames([ticket.raw for ticket, _ in new if ticket.peer is None]):
            self._gossip(frame)

    def _charge(self, slice_: _Slice) -> None:
        """Every peer pays for what it sent in vain; honest ones stay far below what they may."""
        for peer, count in slice_.useless.items():
            self._allowance(peer).spend(self._loop.time(), count * slice_.seconds / slice_.size)

    def _decode(self, slice_: _Slice, tickets: list[Ticket]) -> list[tuple[Ticket, SignedTransaction]]:
        decoded: list[tuple[Ticket, SignedTransaction]] = []
        for ticket in tickets:
            try:
                decoded.append((ticket, decode_transaction(ticket.raw, self._chain_id)))
            except DecodeError as error:
                self._refuse(slice_, ticket, error, blame=True)
        return decoded

    def _sift(self, slice_: _Slice, decoded: list[tuple[Ticket, SignedTransaction]]) -> None:
        """Want what is new and may come in. Another spelling of the same id waits for what becomes of the first."""
        wanted = slice_.wanted
        again: list[Ticket] = []
        seen: set[bytes] = set()
        block_time_ms = self._door.next_time_ms()
        for ticket, signed in decoded:
            if signed.id in wanted:
                again.append(ticket)
            elif self._asked and any(signed.id in other.wanted for other in self._asked):
                again.append(ticket)
                self._blocked = True
            elif self._door.known(signed.id):
                self._repeated(slice_, ticket, signed.id)
            else:
                try:
                    self._door.check(signed, block_time_ms, seen)
                except (DecodeError, RefusedError, UnavailableError) as error:
                    self._refuse(slice_, ticket, error)  # another node may judge otherwise: no peer is blamed for it
                    continue
                wanted[signed.id] = (ticket, signed)
        self._line.put_back(again)

    def _enter(self, slice_: _Slice, outcomes: Sequence[Verified]) -> list[tuple[Ticket, VerifiedTransaction]]:
        """Those whose signatures and contents hold are in the mempool when this returns."""
        checked = iter(outcomes)
        new: list[tuple[Ticket, VerifiedTransaction]] = []
        for id_, (ticket, signed) in slice_.wanted.items():
            outcome = slice_.known[id_] or next(checked)
            if not isinstance(outcome, VerifiedTransaction):
                self._refuse(slice_, ticket, outcome, blame=True)
                continue
            if slice_.late and self._door.known(id_):  # executed meanwhile, in another's block
                self._repeated(slice_, ticket, id_)
                continue
            try:
                self._mempool.check_room(signed.head.signers[0], signed.size)
            except UnavailableError as error:
                self._refuse(slice_, ticket, error)
                continue
            self._mempool.add(outcome)
            new.append((ticket, outcome))
            self._answer(ticket, Admitted(id_, new=True))
        return new

    def _repeated(self, slice_: _Slice, ticket: Ticket, id_: bytes) -> None:
        self._counters.transactions_duplicate += 1
        self._note_useless(slice_, ticket)
        self._answer(ticket, Admitted(id_, new=False))

    def _note_useless(self, slice_: _Slice, ticket: Ticket) -> None:
        if ticket.peer is not None:
            slice_.useless[ticket.peer] += 1

    def _answer(self, ticket: Ticket, outcome: Outcome) -> None:
        if ticket.batch is not None:
            ticket.batch.put(ticket.position, outcome)

    def _refuse(self, slice_: _Slice, ticket: Ticket, error: TallystickError, *, blame: bool = False) -> None:
        """Tell the client, or blame the peer where no honest one would have sent this."""
        self._counters.transactions_refused += 1
        self._note_useless(slice_, ticket)
        if blame and ticket.peer is not None:
            self._line.drop(ticket.peer)
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
