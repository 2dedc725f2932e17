"""Signatures checked in threads: answers in order, statements first, nothing that grows, nothing that vanishes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import check_threads as module
from node.check_threads import InThreads, make_checker
from node.checking import Check, Claim, OnTheLoop, Verified, verified
from node.counters import Counters
from node.dialogue import Dialogue
from node.network.link import Link
from node.network.peers import Peer
from node.toml_reader import Address
from tallystick.admission import VerifiedTransaction
from tallystick.errors import SignatureError, VerificationError
from tallystick.payloads.governance import RegisterKey
from tallystick.records.members import KeyUse
from tallystick.transactions import SignedTransaction
from tests.integration.network import PATIENCE_S
from tests.world import World, public_key

FOUNDER = "org:grower"


class Wire:
    """A link that remembers whether it is read, and what it paid."""

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.paid: list[float] = []

    def hold(self, held: bool, holder: str) -> None:
        assert holder == module.HOLDER
        self.held.append(held)

    def charge(self, seconds: float) -> None:
        self.paid.append(seconds)


def peer(index: int) -> Peer:
    made = Peer(index, f"org:{index}", bytes((index,)), Address("127.0.0.1", 1))
    made.link = cast(Link, Wire())
    return made


def wire(of: Peer) -> Wire:
    return cast(Wire, of.link)


class Pool:
    """Threads, checks that do as they are told, and what was made of them."""

    def __init__(self, threads: int) -> None:
        self.ended: list[BaseException] = []
        self.counters = Counters()
        self.checker = InThreads(threads, asyncio.get_running_loop(), self.ended.append, self.counters)
        self.made: list[object] = []
        self.answers: list[object] = []
        self.gate = threading.Event()

    def check(self, name: object, work: Callable[[], None] = lambda: None) -> Check:
        def made(name: object) -> None:
            work()
            self.made.append(name)

        return partial(made, name)

    def closed(self) -> Check:
        """A check that takes until ``gate`` is set."""
        return self.check("gate", lambda: cast(None, self.gate.wait(PATIENCE_S)))

    def state(self, name: object, *checks: Check, by: Peer | None = None) -> None:
        """Ask about one claim; its answer is noted under a name."""
        claim = Claim(by or peer(1), checks or (self.check(name),))
        self.checker.statements([claim], lambda errors: self.answers.append((name, *errors)))

    async def answered(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.answers) < count:
                await asyncio.sleep(0.001)


def run(story: Callable[[Pool], Awaitable[None]], threads: int = 2) -> None:
    async def whole() -> None:
        pool = Pool(threads)
        try:
            await story(pool)
        finally:
            pool.gate.set()
            pool.checker.close()

    asyncio.run(whole())


def refuse() -> None:
    raise SignatureError("planted")


def transactions(count: int) -> list[SignedTransaction]:
    world = World()
    made = []
    for number in range(count):
        payload = RegisterKey(public_key("new", str(number)), (KeyUse.READ,), "")
        made.append(world.payload(payload, (FOUNDER, "ROOT")))
    return made


def spoilt(signed: SignedTransaction) -> SignedTransaction:
    """The same with a signature that its signer never made."""
    signed.signatures = (bytes(64), *signed.signatures[1:])
    return signed


# --- order ------------------------------------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_questions_however_long_each_takes() -> None:
    async def story(pool: Pool) -> None:
        pool.state("slow", pool.closed())
        for number in range(40):
            pool.state(number)
        while len(pool.made) < 40:  # the second thread has made all the others
            await asyncio.sleep(0.001)
        assert not pool.answers
        pool.gate.set()
        await pool.answered(41)
        assert pool.answers == [("slow", None), *((number, None) for number in range(40))]

    run(story)


def test_a_question_without_checks_is_not_answered_before_those_asked_earlier() -> None:
    async def story(pool: Pool) -> None:
        pool.checker.transactions([], lambda outcomes, _: pool.answers.append(outcomes))
        assert pool.answers == [[]]
        pool.checker.transactions(transactions(1), lambda outcomes, _: pool.answers.append(len(outcomes)))
        pool.checker.transactions([], lambda outcomes, _: pool.answers.append(outcomes))
        assert pool.answers == [[]]
        await pool.answered(3)
        assert pool.answers == [[], 1, []]

    run(story)


def test_statements_go_before_transactions_that_wait() -> None:
    async def story(pool: Pool) -> None:
        pool.state("gate", pool.closed())
        many = transactions(3 * module.PART_CHECKS)
        pool.checker.transactions(many, lambda outcomes, _: pool.answers.append("transactions"))
        pool.state("vote")
        pool.gate.set()
        await pool.answered(3)
        assert pool.answers == [("gate", None), ("vote", None), "transactions"]

    run(story, threads=1)


# --- outcomes ---------------------------------------------------------------------------------------------


def test_each_transaction_has_its_outcome_in_its_place() -> None:
    async def story(pool: Pool) -> None:
        asked = transactions(3 * module.PART_CHECKS + 1)
        bad = {0, module.PART_CHECKS, 2 * module.PART_CHECKS - 1, 3 * module.PART_CHECKS}
        asked = [spoilt(signed) if place in bad else signed for place, signed in enumerate(asked)]
        outcomes = await verified(pool.checker, asked)
        assert pool.counters.signature_checks == len(asked) and pool.counters.signature_check_seconds > 0
        at_once = await verified(OnTheLoop(Counters()), asked)
        assert [type(outcome) for outcome in outcomes] == [type(outcome) for outcome in at_once]
        for place, (outcome, signed) in enumerate(zip(outcomes, asked, strict=True)):
            if place in bad:
                assert isinstance(outcome, SignatureError)
            else:
                assert isinstance(outcome, VerifiedTransaction) and outcome.signed is signed

    run(story)


def test_a_bad_claim_is_answered_in_its_place_and_its_later_checks_are_not_made() -> None:
    async def story(pool: Pool) -> None:
        claims = [
            Claim(peer(1), (pool.check(1),)),
            Claim(peer(2), (pool.check(2), pool.check("bad", refuse), pool.check("later"))),
            Claim(peer(3), (pool.check(3),)),
        ]
        pool.checker.statements(claims, pool.answers.append)
        await pool.answered(1)
        (errors,) = cast(list[list[VerificationError | None]], pool.answers)
        assert [type(error) for error in errors] == [type(None), SignatureError, type(None)]
        assert pool.made == [1, 2, 3]

    run(story)


def test_what_several_peers_show_at_the_same_time_is_checked_once_and_answered_to_each() -> None:
    async def story(pool: Pool) -> None:
        count: list[int] = []

        def bad(name: str) -> None:
            count.append(1)
            raise SignatureError(name)

        pool.state("gate", pool.closed())
        for number in range(5):
            pool.state(number, partial(bad, "the same"), by=peer(number + 1))
        pool.gate.set()
        await pool.answered(6)
        assert len(count) == 1
        assert all(isinstance(error, SignatureError) for _, error in cast(Any, pool.answers[1:]))
        pool.state("again", partial(bad, "the same"))
        await pool.answered(7)
        assert len(count) == 2, "nothing is remembered for longer"

    run(story, threads=1)


def test_checks_that_differ_in_a_named_argument_alone_are_two_checks() -> None:
    async def story(pool: Pool) -> None:
        def genuine(*, holds: bool) -> None:
            if not holds:
                refuse()

        pool.state("gate", pool.closed())
        pool.state("good", partial(genuine, holds=True))
        pool.state("bad", partial(genuine, holds=False))
        pool.gate.set()
        await pool.answered(3)
        assert [type(error) for _, error in cast(Any, pool.answers)] == [type(None), type(None), SignatureError]

    run(story, threads=1)


def test_an_error_that_no_signature_causes_ends_the_node_and_answers_nobody() -> None:
    async def story(pool: Pool) -> None:
        def broken() -> None:
            raise LookupError("planted")

        pool.state("broken", pool.check("broken", broken))
        async with asyncio.timeout(PATIENCE_S):
            while not pool.ended:
                await asyncio.sleep(0.001)
        assert [str(error) for error in pool.ended] == ["planted"] and not pool.answers

    run(story)


# --- bounds -----------------------------------------------------------------------------------------------


def test_a_peer_with_many_open_claims_is_not_read_until_half_are_answered_and_pays_for_them() -> None:
    async def story(pool: Pool) -> None:
        flooder, other = peer(1), peer(2)
        pool.state("gate", pool.closed(), by=other)
        for number in range(module.CLAIMS_MAX):
            pool.state(number, by=flooder)
        assert wire(flooder).held == []
        pool.state("one more", by=flooder)
        assert wire(flooder).held == [True]
        flooder.link = cast(Link, Wire())  # it has connected anew
        pool.state("and one", by=flooder)
        assert wire(flooder).held == [True]
        pool.gate.set()
        await pool.answered(module.CLAIMS_MAX + 3)
        assert wire(flooder).held == [True, False] and wire(other).held == []
        assert len(wire(flooder).paid) == module.CLAIMS_MAX + 2 and min(wire(flooder).paid) > 0
        assert not pool.checker._open and not pool.checker._once

    run(story, threads=1)


def test_a_link_is_read_again_once_nobody_holds_it() -> None:
    link = Link(cast(Any, None), cast(Any, SimpleNamespace(time=lambda: 0.0)), dialled=True)
    told: list[str] = []
    link._transport = cast(Any, SimpleNamespace(
        is_closing=lambda: False,
        pause_reading=lambda: told.append("pause"),
        resume_reading=lambda: told.append("resume"),
    ))  # fmt: skip
    link.hold(True, "gossip")
    link.hold(True, "checks")
    link.hold(True, "checks")
    link.hold(False, "checks")
    assert link.unread and "resume" not in told
    link.hold(False, "checks")
    link.hold(False, "gossip")
    assert not link.unread and told.count("resume") == 1


def test_processor_time_of_threads_is_owed_by_the_link_that_caused_it() -> None:
    later: list[float] = []
    loop = SimpleNamespace(time=lambda: 5.0, call_later=lambda seconds, what: later.append(seconds))
    link = Link(cast(Any, None), cast(Any, loop), dialled=True)
    link.charge(0.5)
    assert not link.unread
    link.charge(0.8)
    assert link.unread and later == [pytest.approx(1.0)], "0.3 s beyond the burst of one, at 0.3 s a second"


# --- the end ----------------------------------------------------------------------------------------------


def test_what_is_being_checked_while_the_node_stops_is_waited_for_and_told_nobody() -> None:
    async def story(pool: Pool) -> None:
        begun = threading.Event()
        pool.state("begun", pool.check("begun", begun.set), pool.closed())
        for number in range(100):
            pool.state(number)
        begun.wait(PATIENCE_S)
        threading.Timer(0.05, pool.gate.set).start()
        pool.checker.close()
        made = list(pool.made)
        assert "gate" in made
        pool.state("after the end")
        pool.checker.transactions(transactions(1), lambda outcomes, _: pool.answers.append(outcomes))
        await asyncio.sleep(0.01)
        assert pool.made == made and not pool.answers and not pool.ended
        assert not any(thread.name.startswith("checks-") for thread in threading.enumerate())

    run(story)


def test_threads_begin_with_the_first_question_so_a_node_that_does_not_start_leaves_none() -> None:
    async def story(pool: Pool) -> None:
        assert not pool.checker._threads
        pool.state(1)
        assert [thread.name for thread in pool.checker._threads] == ["checks-0", "checks-1", "checks-2"]
        await pool.answered(1)

    run(story, threads=3)


def test_without_threads_the_answer_comes_before_the_question_returns() -> None:
    async def whole() -> None:
        answers: list[object] = []
        counters = Counters()
        checker = make_checker(0, asyncio.get_running_loop(), pytest.fail, counters)
        good, bad = transactions(2)
        checker.transactions([good, spoilt(bad)], lambda outcomes, seconds: answers.append((outcomes, seconds)))
        (((first, second), seconds),) = cast(list[tuple[list[Verified], float]], answers)
        assert isinstance(first, VerifiedTransaction) and isinstance(second, SignatureError) and not seconds
        assert counters.signature_checks == 2 and counters.signature_check_seconds > 0
        checker.statements([Claim(peer(1), (partial(refuse),))], answers.append)
        assert [type(error) for error in cast(Any, answers[1])] == [SignatureError]
        checker.close()

    asyncio.run(whole())


def test_who_gives_up_waiting_for_an_answer_breaks_nothing() -> None:
    async def story(pool: Pool) -> None:
        asked = transactions(4)
        waiting = asyncio.get_running_loop().create_task(verified(pool.checker, asked))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(await verified(pool.checker, asked)) == 4

    run(story)


# --- who asks ---------------------------------------------------------------------------------------------


class Talk:
    """A dialogue of which only the answers to checks are looked at."""

    def __init__(self) -> None:
        self.given: list[object] = []
        self.blamed: list[int] = []
        self.runner = SimpleNamespace(engine=object(), give=self.given.append)
        self.dialogue = Dialogue.__new__(Dialogue)
        self.dialogue._runner = cast(Any, self.runner)
        self.dialogue._loop = cast(Any, SimpleNamespace(time=lambda: 100.0))
        self.dialogue._penalise = self._penalise

    def _penalise(self, who: Peer, error: Exception) -> None:
        who.refused_until = 105.0
        self.blamed.append(who.index)

    def answer(self, engine: object, claims: list[Claim], errors: list[VerificationError | None]) -> None:
        inputs = [(f"of {claim.peer.index}",) for claim in claims]
        self.dialogue._checked(cast(Any, engine), claims, cast(Any, inputs), errors)


def test_a_vote_that_was_checked_for_an_engine_that_is_gone_is_given_to_no_other() -> None:
    talk, claims = Talk(), [Claim(peer(1), ()), Claim(peer(2), ())]
    engine = talk.runner.engine
    talk.answer(engine, claims, [None, None])
    assert talk.given == ["of 1", "of 2"]
    for other in (object(), None):
        talk.runner.engine = other
        talk.answer(engine, claims, [None, SignatureError("x")])
    assert talk.given == ["of 1", "of 2"] and talk.blamed == [2]


def test_a_peer_is_blamed_once_for_all_that_it_had_said_by_then() -> None:
    talk, liar, honest = Talk(), peer(1), peer(2)
    claims = [Claim(liar, ()), Claim(honest, ()), Claim(liar, ())]
    talk.answer(talk.runner.engine, claims, [SignatureError("x"), None, SignatureError("y")])
    assert talk.blamed == [1] and talk.given == ["of 2"]
