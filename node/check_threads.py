"""Signature checks in threads: the library lets the interpreter go while it computes, so the loop goes on meanwhile.

Work is handed over in parts of some checks, because a hand-over costs as much as a part of a check, and a thread that
comes back from the library waits for its turn at the interpreter. Statements are checked before transactions that
wait; parts are small so that a vote never waits for a whole slice. Nothing here grows with what a peer sends: whoever
has too many statements open is not read until half of them are answered, and its link pays for the processor time of
its checks as it would on the loop. Transactions are bounded by those who ask.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

from node.checking import (
    Check,
    Checker,
    Claim,
    OnTheLoop,
    StatementsDone,
    TransactionsDone,
    Verified,
    count_checks,
)
from node.counters import Counters as NodeCounters
from node.network.peers import Peer
from tallystick.admission import Checked, check_signatures, read_contents
from tallystick.errors import VerificationError
from tallystick.transactions import SignedTransaction

PART_CHECKS = 16  # transactions or claims handed over together: two milliseconds of a thread where each is one check
CLAIMS_MAX = 64  # of one peer that are open; an honest one has a few, above it is not read for a while
HOLDER = "checks"  # why a link is not read


class _Once:
    """One check that several peers may have asked for: whoever comes later finds its outcome.

    Attributes:
        key: equal for equal checks.
        open: how many claims that are not answered yet ask for it.
    """

    __slots__ = ("_check", "_error", "_made", "key", "open")

    def __init__(self, check: Check, key: tuple[object, ...]) -> None:
        self.key = key
        self.open = 0
        self._check = check
        self._made = False
        self._error: VerificationError | None = None

    def judge(self) -> VerificationError | None:
        """None or what is wrong. Two threads may both make it, with the same outcome."""
        if not self._made:
            try:
                self._check()
            except VerificationError as error:
                self._error = error.with_traceback(None)
            self._made = True
        return self._error


@dataclass(slots=True, eq=False)
class _Part:
    """What one thread does at a time; ``result``, ``seconds`` and ``fault`` are its answer."""

    job: _Job
    work: Callable[[], Any]
    result: Any = None
    seconds: float = 0.0
    fault: BaseException | None = None

    def run(self) -> None:
        """Do it. Whatever goes wrong is handed back: the loop ends the node for it."""
        started = thread_time()
        try:
            self.result = self.work()
        except BaseException as error:
            self.fault = error
        self.seconds = thread_time() - started


@dataclass(slots=True, eq=False)
class _Job:
    """One question; ``answer`` is called on the loop once all parts are done."""

    answer: Callable[[_Job], None]
    parts: list[_Part] = field(default_factory=list)
    open: int = 0


class _Lane:
    """Questions of one kind: parts that wait for a thread, and jobs in the order in which they are answered."""

    __slots__ = ("jobs", "parts")

    def __init__(self) -> None:
        self.parts: deque[_Part] = deque()  # shared with the threads, under the lock
        self.jobs: deque[_Job] = deque()  # of the loop alone


class InThreads:
    """A ``Checker`` with threads of its own, which start with the first question."""

    def __init__(
        self,
        threads: int,
        loop: asyncio.AbstractEventLoop,
        fatal: Callable[[BaseException], None],
        counters: NodeCounters,
    ) -> None:
        """``fatal`` is told what no signature may cause."""
        self.slices = threads + 1  # one for each thread, and one that is made ready meanwhile
        self._count = threads
        self._loop = loop
        self._fatal = fatal
        self._counters = counters
        self._statements, self._transactions = self._lanes = _Lane(), _Lane()
        self._ready = threading.Condition()
        self._finished: deque[_Part] = deque()
        self._told = self._closed = False
        self._threads: list[threading.Thread] = []
        self._once: dict[tuple[object, ...], _Once] = {}
        self._open: Counter[Peer] = Counter()

    # --- questions ----------------------------------------------------------------------------------------

    def statements(self, claims: Sequence[Claim], done: StatementsDone) -> None:
        """See ``Checker``."""
        checks = [tuple(self._one(check) for check in claim.checks) for claim in claims]
        work = [_judging(checks[at : at + PART_CHECKS]) for at in range(0, len(checks), PART_CHECKS)]
        for claim in claims:
            self._open[claim.peer] += 1
            if self._open[claim.peer] > CLAIMS_MAX:  # said again even if it is held: it may have a new link
                _hold(claim.peer, True)

        def answer(job: _Job) -> None:
            self._settle(claims, checks, sum(part.seconds for part in job.parts))
            done([error for part in job.parts for error in part.result])

        self._ask(self._statements, answer, work)

    def transactions(self, transactions: Sequence[SignedTransaction], done: TransactionsDone) -> None:
        """See ``Checker``. Contents are read on the loop: that is Python, which no thread makes faster."""
        slices = [transactions[at : at + PART_CHECKS] for at in range(0, len(transactions), PART_CHECKS)]

        def answer(job: _Job) -> None:
            checked: list[Checked] = [part.result for part in job.parts]
            outcomes: list[Verified] = [outcome for part in checked for outcome in read_contents(part)]
            seconds = sum(part.seconds for part in job.parts)
            count_checks(self._counters, transactions, seconds)
            done(outcomes, seconds)

        self._ask(self._transactions, answer, [_checking(part) for part in slices])

    def close(self) -> None:
        """See ``Checker``. Waits for the parts that are being checked."""
        with self._ready:
            self._closed = True
            for lane in self._lanes:
                lane.parts.clear()
                lane.jobs.clear()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()
        self._finished.clear()

    def _one(self, check: Check) -> _Once:
        """The open question that asks the same, or a new one."""
        key = (check.func, check.args, *check.keywords.items())
        once = self._once.get(key)
        if once is None:
            once = self._once[key] = _Once(check, key)
        once.open += 1
        return once

    def _ask(self, lane: _Lane, answer: Callable[[_Job], None], work: list[Callable[[], Any]]) -> None:
        if self._closed:
            return
        job = _Job(answer, open=len(work))
        job.parts = [_Part(job, one) for one in work]
        lane.jobs.append(job)
        if not work:  # nothing to check, and yet not before those that were asked earlier
            self._answer(lane)
            return
        with self._ready:
            lane.parts.extend(job.parts)
            self._ready.notify(len(work))
        if not self._threads:
            self._start()

    def _start(self) -> None:
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"checks-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    # --- in the threads -----------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        part = self._next()
        if part is None:
            return False
        part.run()
        self._finished.append(part)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._collect)
        return True

    def _next(self) -> _Part | None:
        """The next part, statements first; None when there will be none."""
        with self._ready:
            while not self._closed:
                for lane in self._lanes:
                    if lane.parts:
                        return lane.parts.popleft()
                self._ready.wait()
        return None

    # --- answers ------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Answer what is done, in order; a fault in a thread ends the node."""
        self._told = False  # before looking: what is finished from now on is told anew
        while self._finished:
            part = self._finished.popleft()
            if part.fault is not None:
                self._fatal(part.fault)
                return
            part.job.open -= 1
        for lane in self._lanes:
            self._answer(lane)

    def _answer(self, lane: _Lane) -> None:
        while lane.jobs and not lane.jobs[0].open:
            job = lane.jobs.popleft()
            job.answer(job)
            job.parts.clear()  # they know the job: without this, both would wait for the collector

    def _settle(self, claims: Sequence[Claim], checks: Sequence[tuple[_Once, ...]], seconds: float) -> None:
        """Claims are answered: who made them is read again, and its link pays."""
        for claim, ones in zip(claims, checks, strict=True):
            for once in ones:
                once.open -= 1
                if not once.open:
                    del self._once[once.key]
            peer = claim.peer
            self._open[peer] -= 1
            if self._open[peer] == CLAIMS_MAX // 2:
                _hold(peer, False)
            if not self._open[peer]:
                del self._open[peer]
            if peer.link is not None:
                peer.link.charge(seconds / len(claims))


def make_checker(
    threads: int, loop: asyncio.AbstractEventLoop, fatal: Callable[[BaseException], None], counters: NodeCounters
) -> Checker:
    """Who checks the signatures of a node; with 0 threads the loop does."""
    return InThreads(threads, loop, fatal, counters) if threads else OnTheLoop(counters)


def _judging(claims: Sequence[tuple[_Once, ...]]) -> Callable[[], list[VerificationError | None]]:
    def work() -> list[VerificationError | None]:
        errors = []
        for checks in claims:
            errors.append(next((error for check in checks if (error := check.judge()) is not None), None))
        return errors

    return work


def _checking(transactions: Sequence[SignedTransaction]) -> Callable[[], Checked]:
    return lambda: check_signatures(transactions)


def _hold(peer: Peer, held: bool) -> None:
    if peer.link is not None:
        peer.link.hold(held, HOLDER)
