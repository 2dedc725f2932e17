"""The door: cheap questions first, one signature check, typed refusals, bounded queues, gossip once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from contracts.execution import execute_block
from contracts.genesis_state import genesis_writes
from node import admission as module
from node import checking, waiting_line
from node.admission import Admission, Admitted, Door, gossip_frames
from node.check_threads import make_checker
from node.checking import Checker, Claim, StatementsDone, TransactionsDone
from node.counters import Counters
from node.executor import Executor, found
from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.mempool import Mempool, MempoolLimits
from node.network.peers import Peer, PeerFault
from node.toml_reader import Address
from tallystick.admission import Checked, VerifiedTransaction, check_signatures, read_contents
from tallystick.errors import DecodeError, RefusedError, SignatureError, UnavailableError
from tallystick.limits import FRAME_TRANSACTIONS_MAX, VALIDITY_MAX_MS
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction
from tests.world import World, public_key

FOUNDER = "org:grower"


class Later:
    """Who checks signatures, and answers when told to."""

    slices = 3

    def __init__(self) -> None:
        self.asked: list[tuple[list[bytes], Callable[[], None]]] = []

    def transactions(self, transactions: Sequence[SignedTransaction], done: TransactionsDone) -> None:
        """See ``Checker``."""
        ids = [signed.id for signed in transactions]
        self.asked.append((ids, lambda: done(read_contents(check_signatures(transactions)), 0.25)))

    def statements(self, claims: Sequence[Claim], done: StatementsDone) -> None:
        """See ``Checker``; the door asks about none."""
        raise AssertionError

    def close(self) -> None:
        """See ``Checker``."""
        self.asked.clear()

    def answer(self) -> None:
        """Answer the oldest question."""
        self.asked.pop(0)[1]()


@dataclass
class Room:
    """An admission queue over a state at genesis, and what it told others."""

    world: World = field(default_factory=World)
    admitted: list[VerifiedTransaction] = field(default_factory=list)
    gossiped: list[tuple[bytes, ...]] = field(default_factory=list)
    blamed: list[Exception] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    bounds: MempoolLimits = field(default_factory=MempoolLimits)
    time_ms: int = 0
    threads: int = 0
    answers_later: bool = False

    def open(self) -> Room:
        ledger = Ledger(MemoryStore())
        genesis = self.world.genesis
        found(ledger, genesis.chain_id(), genesis.time_ms, genesis_writes(genesis))
        self.time_ms = self.world.time_ms
        self.mempool = Mempool(self.bounds)
        self.counters = Counters()
        self.peer = Peer(1, "org:carrier", b"", Address("127.0.0.1", 1))
        self.door = Door(Executor(ledger, execute_block).state, self.mempool, lambda: self.time_ms)
        self.later = Later()
        at_once = make_checker(self.threads, asyncio.get_running_loop(), pytest.fail, self.counters)
        self.checker: Checker = self.later if self.answers_later else at_once
        self.admission = Admission(
            genesis.chain_id(),
            self.door,
            self.mempool,
            self.checker,
            self.counters,
            asyncio.get_running_loop(),
            admitted=self.admitted.extend,
            gossip=self.gossiped.append,
            blame=lambda peer, error: self.blamed.append(error),
            hold_peer=lambda peer, held: self.held.append(held),
            verified=lambda leaf: None,
        )
        return self

    def good(self) -> SignedTransaction:
        """The root key registers another; at genesis only root and validator keys are known."""
        key = self.world._next()
        return self.world.payload(RegisterKey(public_key("new", key.hex()), (KeyUse.READ,), ""), (FOUNDER, "ROOT"))

    async def worked_off(self) -> None:
        """Until nothing waits to be looked at."""
        while len(self.admission):
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def outcome(self, raw: bytes) -> object:
        (outcome,) = await self.admission.submit([raw])
        return outcome


def run(story: Callable[[Room], Awaitable[None]], **fields: object) -> None:
    async def whole() -> None:
        room = Room(**fields).open()  # type: ignore[arg-type]
        try:
            await story(room)
        finally:
            room.checker.close()

    asyncio.run(whole())


both = pytest.mark.parametrize("threads", [0, 2], ids=["on the loop", "in threads"])


@both
def test_a_good_transaction_is_admitted_told_and_gossiped_once(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        assert await room.outcome(good.raw) == Admitted(good.id, new=True)
        assert await room.outcome(good.raw) == Admitted(good.id, new=False)
        assert [item.id for item in room.admitted] == [good.id]
        assert room.gossiped == [(good.raw,)]
        assert room.counters.transactions_duplicate == 1

    run(story, threads=threads)


@both
def test_gossip_is_admitted_and_not_sent_on(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        room.admission.take_gossip(room.peer, [good.raw, good.raw])
        await room.worked_off()
        assert [item.id for item in room.admitted] == [good.id]
        assert room.gossiped == [] and room.blamed == []

    run(story, threads=threads)


@both
def test_each_refusal_has_its_type(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        refused = [
            (good.raw[:-1], DecodeError),
            (b"", DecodeError),
            (bytes(2_000_000), DecodeError),
            (good.raw.replace(good.signatures[0], bytes(64)), SignatureError),
        ]
        for raw, type_ in refused:
            assert type(await room.outcome(raw)) is type_
        room.time_ms = good.head.valid_until_ms + 1
        assert "transaction.expired" in str(await room.outcome(good.raw))
        room.time_ms = good.head.valid_until_ms - VALIDITY_MAX_MS - 1
        assert "transaction.valid-too-long" in str(await room.outcome(good.raw))
        assert not room.admitted and not room.gossiped and not len(room.mempool)
        assert room.counters.transactions_refused == len(refused) + 2

    run(story, threads=threads)


def test_a_stranger_is_refused_before_its_signature_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(transactions: Sequence[SignedTransaction]) -> Checked:
        assert not transactions, "the signature was checked"
        return Checked(transactions, {})

    async def story(room: Room) -> None:
        monkeypatch.setattr(checking, "check_signatures", never)
        payload = RegisterKey(bytes(32), (KeyUse.READ,), "")
        stranger = room.world.payload(payload, ("org:stranger", "ROOT"))
        outcome = await room.outcome(stranger.raw)
        assert isinstance(outcome, RefusedError) and outcome.reason == "UNKNOWN_KEY"
        room.admission.take_gossip(room.peer, [stranger.raw])
        await room.worked_off()
        assert room.blamed == [], "another node may know more than we do"

    run(story)


def test_a_key_that_is_being_registered_may_sign_second() -> None:
    async def story(room: Room) -> None:
        payload = RegisterKey(public_key("new"), (KeyUse.READ,), "")
        both = room.world.payload(payload, (FOUNDER, "ROOT"), ("new",))  # type: ignore[arg-type]
        assert await room.outcome(both.raw) == Admitted(both.id, new=True)

    run(story)


@both
def test_a_full_room_says_try_again_and_blames_nobody(threads: int) -> None:
    async def story(room: Room) -> None:
        await room.outcome(room.good().raw)
        assert isinstance(await room.outcome(room.good().raw), UnavailableError)
        room.admission.take_gossip(room.peer, [room.good().raw])
        await room.worked_off()
        assert room.blamed == [] and len(room.mempool) == 1

    run(story, threads=threads, bounds=MempoolLimits(transactions_max=1))


@both
def test_malformed_gossip_is_blamed_on_its_sender(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        room.admission.take_gossip(room.peer, [good.raw.replace(good.signatures[0], bytes(64)), b"\x00"])
        await room.worked_off()
        assert [type(error) for error in room.blamed] == [DecodeError, SignatureError]

    run(story, threads=threads)


@both
def test_outcomes_come_in_the_order_sent(threads: int) -> None:
    async def story(room: Room) -> None:
        sent = [room.good() for _ in range(120)]
        raws = [transaction.raw if index % 3 else b"\x00" for index, transaction in enumerate(sent)]
        outcomes = await room.admission.submit(raws)
        for index, outcome in enumerate(outcomes):
            expected = isinstance(outcome, Admitted) and outcome.id == sent[index].id if index % 3 else None
            assert expected or isinstance(outcome, DecodeError)
        assert sorted(raw for frame in room.gossiped for raw in frame) == sorted(raws[i] for i in range(120) if i % 3)

    run(story, threads=threads)


def test_too_much_gossip_stops_the_reading_of_its_sender_until_half_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        monkeypatch.setattr(waiting_line, "PEER_QUEUE_MAX", 60)
        room.admission.take_gossip(room.peer, [room.good().raw for _ in range(150)])
        assert room.held == [True]
        while len(room.admission):
            assert room.held[-1] == (len(room.admission) > 30)
            await asyncio.sleep(0)
        assert room.held == [True, False]

    run(story)


def test_a_frame_larger_than_any_honest_one_is_a_fault() -> None:
    async def story(room: Room) -> None:
        with pytest.raises(PeerFault, match="frame of gossip"):
            room.admission.take_gossip(room.peer, [bytes(module.GOSSIP_SIZE_MAX // 2)] * 3)
        assert len(room.admission) == 0

    run(story)


def test_a_client_is_told_when_too_many_wait_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        monkeypatch.setattr(waiting_line, "CLIENT_QUEUE_MAX", 10)
        outcomes = await room.admission.submit([room.good().raw for _ in range(12)])
        assert [type(outcome) for outcome in outcomes] == [Admitted] * 10 + [UnavailableError] * 2
        assert await room.admission.submit([]) == []

    run(story)


def test_frames_of_gossip_are_bounded_in_count_and_size() -> None:
    small = [bytes((n % 256,)) * 10 for n in range(600)]
    frames = gossip_frames(small)
    assert [raw for frame in frames for raw in frame] == small
    assert max(map(len, frames)) == FRAME_TRANSACTIONS_MAX
    large = [bytes(50_000), bytes(100_000), bytes(10), bytes(65_000)]
    assert [len(frame) for frame in gossip_frames(large)] == [1, 1, 2]
    assert gossip_frames([]) == []


@both
def test_another_signature_over_a_transaction_that_just_came_in_is_answered_with_the_first(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        other = good.raw.replace(good.signatures[0], bytes(64))
        assert await room.admission.submit([good.raw, other]) == [
            Admitted(good.id, new=True),
            Admitted(good.id, new=False),
        ]
        assert [item.id for item in room.admitted] == [good.id]

    run(story, threads=threads)


@both
def test_a_good_signature_comes_in_after_a_bad_one_over_the_same_transaction(threads: int) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        other = good.raw.replace(good.signatures[0], bytes(64))
        first, second = await room.admission.submit([other, good.raw])
        assert isinstance(first, SignatureError) and second == Admitted(good.id, new=True)

    run(story, threads=threads)


@both
def test_the_room_is_never_filled_beyond_its_bound_by_one_turn(threads: int) -> None:
    async def story(room: Room) -> None:
        outcomes = await room.admission.submit([room.good().raw for _ in range(5)])
        assert [type(outcome) for outcome in outcomes] == [Admitted, Admitted, *[UnavailableError] * 3]
        assert len(room.mempool) == 2

    run(story, threads=threads, bounds=MempoolLimits(transactions_max=2))


def test_clients_and_peers_take_turns_so_nobody_waits_behind_a_flood() -> None:
    async def story(room: Room) -> None:
        flooder, other = room.peer, Peer(2, "org:retailer", b"", Address("127.0.0.1", 2))
        flood = [room.good().raw for _ in range(300)]
        room.admission.take_gossip(flooder, flood[:200])
        room.admission.take_gossip(flooder, flood[200:])
        mine, theirs = [room.good() for _ in range(10)], [room.good() for _ in range(10)]
        room.admission.take_gossip(other, [transaction.raw for transaction in theirs])
        await room.admission.submit([transaction.raw for transaction in mine])
        first = {item.id for item in room.admitted}
        assert len(first) <= module.SLICE_TRANSACTIONS, "one turn was enough for clients and for the other peer"
        assert first >= {transaction.id for transaction in (*mine, *theirs)}

    run(story)


@both
def test_a_peer_that_wastes_our_time_is_not_listened_to_for_a_while(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        monkeypatch.setattr(module, "WASTE_BURST_S", 0.002)
        monkeypatch.setattr(module, "WASTE_S_PER_S", 1e-9)  # nothing comes back, however slow the machine
        known = room.good()
        await room.outcome(known.raw)
        for _ in range(1_000):  # a fast machine looks at hundreds of them before it has wasted its time
            room.admission.take_gossip(room.peer, [known.raw] * 50)
            await room.worked_off()
            if room.counters.gossip_dropped:
                break
        already = room.counters.gossip_dropped
        assert already > 0
        for _ in range(10):
            room.admission.take_gossip(room.peer, [known.raw] * 50)
            await room.worked_off()
        assert room.counters.gossip_dropped == already + 500
        assert room.blamed == [] and room.held == [], "it may be honest: its votes are heard, its link stays"
        other = Peer(2, "org:retailer", b"", Address("127.0.0.1", 2))
        new = room.good()
        room.admission.take_gossip(other, [new.raw])
        await room.worked_off()
        assert new.id in {item.id for item in room.admitted}

    run(story, threads=threads)


@both
def test_new_transactions_cost_a_peer_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        monkeypatch.setattr(module, "WASTE_BURST_S", 0.0001)
        for _ in range(5):
            room.admission.take_gossip(room.peer, [room.good().raw for _ in range(20)])
            await room.worked_off()
        assert len(room.admitted) == 100 and room.counters.gossip_dropped == 0

    run(story, threads=threads)


def test_what_waits_of_a_peer_that_lied_is_not_looked_at_any_more() -> None:
    async def story(room: Room) -> None:
        good = [room.good() for _ in range(100)]
        bad = good[0].raw.replace(good[0].signatures[0], bytes(64))
        room.admission.take_gossip(room.peer, [bad, *(transaction.raw for transaction in good[1:])])
        await room.worked_off()
        assert len(room.blamed) == 1
        assert len(room.admitted) == module.SLICE_TRANSACTIONS - 1

    run(story)


# --- while signatures are being checked elsewhere ---------------------------------------------------------


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_no_more_is_asked_than_can_be_checked_and_the_rest_waits_where_it_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting_line, "PEER_QUEUE_MAX", 100)

    async def story(room: Room) -> None:
        sent = [room.good() for _ in range(5 * module.SLICE_TRANSACTIONS)]
        room.admission.take_gossip(room.peer, [signed.raw for signed in sent])
        await turns()
        assert len(room.later.asked) == Later.slices and room.held == [True]
        assert len(room.admission) == len(sent), "fetching waits for what is being checked, too"
        asked = []
        while room.later.asked:
            asked += room.later.asked[0][0]
            room.later.answer()
            await turns()
            assert len(room.later.asked) <= Later.slices
        assert asked == [signed.id for signed in sent] == [item.id for item in room.admitted]
        assert room.held == [True, False] and not len(room.admission)

    run(story, answers_later=True)


def test_what_was_executed_while_it_was_checked_does_not_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        first, second = room.good(), room.good()
        outcomes = asyncio.ensure_future(room.admission.submit([first.raw, second.raw]))
        await turns()
        monkeypatch.setattr(room.door, "known", lambda id_: id_ == first.id)
        room.later.answer()
        assert await outcomes == [Admitted(first.id, new=False), Admitted(second.id, new=True)]
        assert first.id not in room.mempool and room.gossiped == [(second.raw,)]

    run(story, answers_later=True)


@pytest.mark.parametrize("first_is_good", [True, False])
def test_another_spelling_waits_for_the_first_and_the_loop_rests_meanwhile(first_is_good: bool) -> None:
    async def story(room: Room) -> None:
        good = room.good()
        bad = good.raw.replace(good.signatures[0], bytes(64))
        room.admission.take_gossip(room.peer, [good.raw if first_is_good else bad])
        await turns()
        second = asyncio.ensure_future(room.admission.submit([bad if first_is_good else good.raw]))
        await turns()
        assert len(room.later.asked) == 1 and not room.admission._scheduled
        room.later.answer()
        await turns()
        if not first_is_good:
            room.later.answer()
        assert await second == [Admitted(good.id, new=not first_is_good)]
        assert [type(error) for error in room.blamed] == ([] if first_is_good else [SignatureError])

    run(story, answers_later=True)


def test_time_that_others_spent_on_useless_gossip_is_paid_for_as_well() -> None:
    async def story(room: Room) -> None:
        for _ in range(3):
            bad = room.good()
            room.admission.take_gossip(room.peer, [bad.raw.replace(bad.signatures[0], bytes(64))])
            await turns()
            while room.later.asked:
                room.later.answer()
        assert room.counters.gossip_dropped, "a quarter of a second each, half a second may be wasted"

    run(story, answers_later=True)


def test_an_answer_after_the_end_is_not_looked_at() -> None:
    async def story(room: Room) -> None:
        waiting = asyncio.ensure_future(room.admission.submit([room.good().raw]))
        await turns()
        room.admission.close()
        room.later.answer()
        await turns()
        assert not room.admitted and not len(room.mempool) and not waiting.done()
        waiting.cancel()

    run(story, answers_later=True)
