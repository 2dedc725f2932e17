"""What one authenticated peer may take of a node: room, time, lines of the log. Each bound alone, without sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consensus.effects import Accuse
from node.admission import Admission, Door
from node.checking import OnTheLoop
from node.counters import Counters
from node.fetcher import Fetcher
from node.mempool import Mempool
from node.network.messages import PEER_PROTOCOL, Hello, TransactionsAnswer, message_frame
from node.network.peers import Peer, PeerFault, Peers, PeerSeat
from node.performer import Performer
from node.pieces import PIECE_BLOCKS, WINDOW_BLOCKS, Pieces
from node.range_asker import RangeAsker
from node.toml_reader import Address
from node.waiting_line import PEER_QUEUE_MAX
from tallystick.errors import RefusedError
from tallystick.limits import TRANSACTION_SIZE_MAX
from tallystick.transactions import Event, sign_transaction
from tallystick.votes import Statement, Vote, VoteKind

CHAIN = b"\x07" * 32
HELLO = message_frame(Hello(PEER_PROTOCOL, CHAIN, "x"))[4:]


def peer(index: int) -> Peer:
    return Peer(index, f"org:{index}", bytes((index,)), Address("127.0.0.1", 1))


def stranger_transaction(number: int, size: int = 10) -> bytes:
    return sign_transaction(
        chain_id=CHAIN, nonce=number.to_bytes(16, "big"), valid_until_ms=1, seeds=(b"\x05" * 32,),
        events=(Event(b'{"x":"' + b"y" * size + b'"}'),),
    ).raw  # fmt: skip


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


class Gate:
    """The queue before the mempool; everybody's transactions are strangers'."""

    def __init__(self) -> None:
        self.held: dict[int, bool] = {}
        self.blamed: list[int] = []
        door = SimpleNamespace(known=lambda id_: False, check=self._refuse, next_time_ms=lambda: 0)
        self.admission = Admission(
            CHAIN,
            cast(Door, door),
            Mempool(),
            OnTheLoop(Counters()),
            Counters(),
            asyncio.get_running_loop(),
            admitted=lambda new: None,
            gossip=lambda raws: None,
            blame=lambda who, error: self.blamed.append(who.index),
            hold_peer=lambda who, held: self.held.__setitem__(who.index, held),
            verified=lambda leaf: None,
        )

    def _refuse(self, signed: object, block_time_ms: int, seen: set[bytes]) -> None:
        raise RefusedError("UNKNOWN_KEY", "nobody knows it", "")

    async def worked_off(self) -> None:
        while len(self.admission):
            await asyncio.sleep(0)


def test_a_flood_of_gossip_holds_the_peer_that_sends_it_and_nobody_else() -> None:
    async def story() -> None:
        gate, flooder, honest = Gate(), peer(1), peer(2)
        raws = [stranger_transaction(number) for number in range(250)]
        gate.admission.take_gossip(honest, raws[:1])
        for _ in range(PEER_QUEUE_MAX // len(raws) + 1):
            gate.admission.take_gossip(flooder, raws)
        assert gate.held == {1: True}
        await gate.worked_off()
        assert gate.held == {1: False} and not gate.blamed

    run(story)


def test_few_large_transactions_hold_their_peer_as_well() -> None:
    async def story() -> None:
        gate, flooder = Gate(), peer(1)
        raw = stranger_transaction(1, 250_000)
        for _ in range(200):
            gate.admission.take_gossip(flooder, (raw,))
            if gate.held:
                break
        assert gate.held == {1: True} and len(gate.admission) * len(raw) < 17 * 2**20
        await gate.worked_off()
        assert gate.held == {1: False}

    run(story)


def test_a_frame_of_gossip_larger_than_an_honest_one_is_a_fault() -> None:
    async def story() -> None:
        gate = Gate()
        with pytest.raises(PeerFault):
            gate.admission.take_gossip(peer(1), (b"x" * TRANSACTION_SIZE_MAX,) * 2)
        assert not len(gate.admission)

    run(story)


def test_what_was_refused_is_forgotten_at_once_without_the_help_of_the_collector() -> None:
    async def story() -> None:
        gate = Gate()
        raw = stranger_transaction(1, 250_000)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(100):
                gate.admission.take_gossip(peer(1), (bytes(raw),))
                await gate.admission.submit((bytes(raw),))
                await gate.worked_off()
            assert tracemalloc.get_traced_memory()[0] < 5_000_000
        finally:
            tracemalloc.stop()
            gc.enable()

    run(story)


class FakeLink:
    """Only what ``Peers`` asks of a link."""

    def __init__(self, certificate: bytes) -> None:
        self.certificate, self.dialled, self.open, self.aborted, self.heard_at = certificate, False, True, False, 0.0

    def send(self, frame: bytes, *, droppable: bool = False) -> bool:
        return True

    def abort(self) -> None:
        self.aborted = True


def test_a_peer_that_connects_again_and_again_is_let_in_at_a_bounded_rate(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        moment: Any = SimpleNamespace(time=lambda: 100.0)  # all within it, however slow the machine
        peers = Peers(CHAIN, b"\x00", Counters(), moment, pytest.fail)
        peers.seat((PeerSeat(1, "org:1", b"\x01", Address("127.0.0.1", 1)),))
        (one,) = peers
        peers.handler = cast(Any, SimpleNamespace(peer_connected=lambda p: None, peer_lost=lambda p: None))
        taken = 0
        with caplog.at_level(logging.INFO, "tallystick.peers"):
            for _ in range(500):
                link: Any = FakeLink(one.certificate)
                peers.link_made(link)
                if not link.aborted:
                    taken += 1
                    peers.link_payload(link, HELLO)
                    assert one.connected
                    peers.link_lost(link)
        assert 3 <= taken <= 12 and len(caplog.records) <= 2 * taken

    run(story)


@pytest.fixture
def performer() -> Iterator[Any]:
    now = [100.0]
    one = Performer.__new__(Performer)
    one._counters, one._peers = Counters(), cast(Peers, SimpleNamespace(get=peer))
    one._loop = cast(asyncio.AbstractEventLoop, SimpleNamespace(time=lambda: now[0]))
    one._alarms, one._evidence = {}, lambda effect: None
    one.now = now  # type: ignore[attr-defined]
    yield one


def test_a_validator_that_contradicts_itself_for_ever_is_told_now_and_then(
    performer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def contradiction(view: int, who: int) -> Accuse:
        votes = [Vote(Statement(0, VoteKind.NOTARIZE, view, bytes((h,)) * 32), who, b"\x00" * 64) for h in (1, 2)]
        return Accuse(*votes)

    for view in range(1, 1_001):
        performer.accuse(contradiction(view, 3))
        performer.now[0] += 0.02
    performer.accuse(contradiction(9, 2))
    assert performer._counters.evidence == 1_001
    who = [record.fields["organisation"] for record in caplog.records if hasattr(record, "fields")]
    assert 2 <= len(caplog.records) <= 6, who


class Asking:
    """A fetcher that asked one peer for the transactions of one block."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.peer = peer(1)
        self.peer.send = lambda message, **_: bool(self.asked.append(message)) or True  # type: ignore[method-assign]
        self.looked_at = 0
        awaited = SimpleNamespace(asked=[], leader=1, missing={b"\x01" * 32})
        contents = SimpleNamespace(awaited=lambda block_hash: awaited, wanted=lambda leaf: False)
        peers = SimpleNamespace(connected=lambda: [self.peer], penalise=lambda who, error: pytest.fail(str(error)))
        loop = SimpleNamespace(
            call_later=lambda delay, what, *args: None,
            time=lambda: 0.0,
            create_task=asyncio.get_running_loop().create_task,
        )
        counters = Counters()
        self.fetcher = Fetcher(
            CHAIN, cast(Any, contents), cast(Any, None), cast(Any, peers), OnTheLoop(counters), counters,
            cast(Any, loop), give=lambda given: None, fatal=pytest.fail, gossip_waits=lambda: False,
        )  # fmt: skip
        check = self.fetcher._check_transactions

        async def counted(*arguments: Any) -> None:
            self.looked_at += 1
            await check(*arguments)

        self.fetcher._check_transactions = counted  # type: ignore[method-assign]


def test_one_request_is_good_for_one_answer() -> None:
    async def story() -> None:
        asking, answer = Asking(), TransactionsAnswer((stranger_transaction(1),))
        asking.fetcher._ask_transactions(b"\x02" * 32)
        assert len(asking.asked) == 1
        for _ in range(1_000):
            asking.fetcher.take_transactions(asking.peer, answer)
        await asyncio.sleep(0)
        assert asking.looked_at == 1
        asking.fetcher._ask_transactions(b"\x02" * 32)
        asking.fetcher.take_transactions(asking.peer, answer)
        await asyncio.sleep(0)
        assert asking.looked_at == 2

    run(story)


def test_who_claims_the_most_is_not_always_asked_first() -> None:
    async def story() -> None:
        asker = RangeAsker(asyncio.get_running_loop())
        liar, honest, stranger = peer(1), peer(2), peer(3)
        asker.gave(liar, 1)
        asker.gave(honest, 50)
        assert asker.in_order((liar, honest)) == [honest, liar]
        assert asker.in_order((liar, honest, stranger))[0] is stranger, "who was not asked yet may have everything"

    run(story)


def test_what_is_asked_ahead_of_execution_is_bounded_whatever_is_claimed() -> None:
    pieces: Pieces[int] = Pieces(1)
    asked = 0
    for number in range(10_000):
        piece = pieces.take(number.to_bytes(4, "big"), 10**9, PIECE_BLOCKS, 0.0)
        asked += 0 if piece is None else piece[1]
    assert asked == WINDOW_BLOCKS
