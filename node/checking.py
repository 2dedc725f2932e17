"""Who checks signatures: the event loop at once, or a few threads beside it when the operator says so.

Everything a running node checks all the time comes here: transactions of clients, gossip and blocks, and what peers
say about agreement. Answers come in the order of the questions, statements and transactions each for themselves; on
the loop they come before the question returns. Who asks must judge by what holds when the answer comes, not by what
held when it asked: an engine may have gone, a transaction been executed. Checked on the loop in any case: requests
at the HTTP door, one certificate for each range of blocks, and answers to the question before the first vote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from time import thread_time
from typing import NamedTuple, Protocol, TypeAlias

from node.counters import Counters
from node.network.peers import Peer
from tallystick.admission import VerifiedTransaction, check_signatures, read_contents
from tallystick.errors import DecodeError, SignatureError, VerificationError
from tallystick.transactions import SignedTransaction

Check: TypeAlias = partial[None]  # raises VerificationError; of arguments that can be hashed, so that equals are one
Verified: TypeAlias = VerifiedTransaction | DecodeError | SignatureError
StatementsDone: TypeAlias = Callable[[list[VerificationError | None]], None]
TransactionsDone: TypeAlias = Callable[[list[Verified], float], None]


class Claim(NamedTuple):
    """What one peer said: holds if all its checks do; they are made in order, up to the first that fails."""

    peer: Peer
    checks: tuple[Check, ...]

    def judge(self) -> VerificationError | None:
        """Make the checks."""
        try:
            for check in self.checks:
                check()
        except VerificationError as error:
            return error
        return None


class Checker(Protocol):
    """Who checks signatures.

    Attributes:
        slices: how many questions about transactions one who asks may have open.
    """

    slices: int

    def statements(self, claims: Sequence[Claim], done: StatementsDone) -> None:
        """Check what peers said; ``done`` is given None or what is wrong for each claim, in its place."""

    def transactions(self, transactions: Sequence[SignedTransaction], done: TransactionsDone) -> None:
        """Check signatures, read contents; ``done`` is given the outcome of each, in its place, and the seconds of
        processor time that this took elsewhere than on the loop."""

    def close(self) -> None:
        """Check nothing more; nobody is told of what is being checked."""


class OnTheLoop:
    """Checks at once."""

    slices = 1

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def statements(self, claims: Sequence[Claim], done: StatementsDone) -> None:
        """See ``Checker``."""
        done([claim.judge() for claim in claims])

    def transactions(self, transactions: Sequence[SignedTransaction], done: TransactionsDone) -> None:
        """See ``Checker``."""
        started = thread_time()
        checked = check_signatures(transactions)
        count_checks(self._counters, transactions, thread_time() - started)
        done(read_contents(checked), 0.0)

    def close(self) -> None:
        """See ``Checker``; nothing is ever open."""


def count_checks(counters: Counters, transactions: Sequence[SignedTransaction], seconds: float) -> None:
    """Note that the signatures of transactions were checked; called on the loop, wherever they were."""
    counters.signature_checks += sum([len(transaction.signatures) for transaction in transactions])
    counters.signature_check_seconds += seconds


async def verified(checker: Checker, transactions: Sequence[SignedTransaction]) -> list[Verified]:
    """The outcome of each transaction, for whoever can wait; returns without a turn of the loop if it need not."""
    answer: asyncio.Future[list[Verified]] = asyncio.get_running_loop().create_future()

    def done(outcomes: list[Verified], _seconds: float) -> None:
        if not answer.done():  # given up meanwhile
            answer.set_result(outcomes)

    checker.transactions(transactions, done)
    return await answer
