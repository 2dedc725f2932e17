"""Epochs as this node knows them: the present one, and the sets and proofs of those before."""

from __future__ import annotations

from node.executor import Executor
from node.ledger import Ledger
from tallystick.epochs import EpochProof, EpochStep
from tallystick.errors import StorageError
from tallystick.genesis import Genesis
from tallystick.recovery import Recovery, next_validators
from tallystick.validators import ValidatorSet


class Epochs:
    """The present epoch, and what is kept of those before for ever: one proof each.

    Attributes:
        number: of the epoch that the next block belongs to.
        validators: its set.
        seat: our index in it; None for an observer.
        asking: our own record is in question; until it is answered we only observe.
    """

    def __init__(self, genesis: Genesis, ledger: Ledger, executor: Executor) -> None:
        self._genesis = genesis
        self._ledger = ledger
        self._executor = executor
        self.asking = False
        self.turn(None)

    def turn(self, seat: int | None) -> None:
        """Read number and set anew from the state; ``seat`` is our index in it."""
        record = self._executor.validators()
        self.number, self.validators, self.seat = record.epoch, record.validators, seat

    @property
    def me(self) -> int | None:
        """Our index where we may vote; None for an observer."""
        return None if self.asking else self.seat

    @property
    def has_ended(self) -> bool:
        """Whether the newest stored block has ended the epoch that ``number`` says."""
        return self._executor.tip.epoch != self.number

    def validators_of(self, epoch: int) -> ValidatorSet:
        """The set of an epoch up to the present one.

        Raises:
            StorageError: its proof is missing.
        """
        if epoch == self.number:
            return self.validators
        if epoch == 0:
            return self._genesis.validators()
        proof = self.proof(epoch - 1)
        if proof is not None:
            return proof.next_validators
        recovery = self.recovery(epoch - 1)
        if recovery is None:
            raise StorageError(f"the database lacks the proof that epoch {epoch - 1} has ended")
        return next_validators(recovery, self.validators_of(epoch - 1))

    def proof(self, epoch: int) -> EpochProof | None:
        """The proof of an epoch's end; None while it goes on, and where a recovery ended it."""
        return self._ledger.epoch_proof(epoch)

    def recovery(self, epoch: int) -> Recovery | None:
        """The recovery that ended an epoch, or None."""
        return self._ledger.recovery(epoch)

    def step(self, epoch: int) -> EpochStep | None:
        """How an epoch ended, for whoever knows only the hash of its validators; None while it goes on.

        None, too, where a recovery ended it: no quorum of its validators hands over, so nobody can be led across.
        """
        proof = self.proof(epoch)
        return None if proof is None else EpochStep(self.validators_of(epoch), proof)

    def steps(self, first: int, end: int) -> tuple[EpochStep, ...]:
        """How the epochs from ``first`` to before ``end`` ended; of those behind the newest recovery."""
        steps: list[EpochStep] = []
        for epoch in range(first, end):
            step = self.step(epoch)
            if step is None:
                steps.clear()
            else:
                steps.append(step)
        return tuple(steps)
