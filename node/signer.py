"""The only place that signs votes and proposals, and the record that keeps it from ever contradicting itself.

The engine is built never to ask for two statements that an honest validator would not both sign; the signer checks it
once more, against what it signed before, restarts included. A violation is a bug of ours, and ends the process.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick import keys
from tallystick.blocks import Header
from tallystick.epochs import ClosingHeader
from tallystick.proposals import proposal_signing_bytes
from tallystick.votes import Statement, VoteKind


class ContradictionError(Exception):
    """We were about to sign a statement that contradicts an earlier one of ours."""


@dataclass(slots=True)
class _Signed:
    """What was signed in one view; a nullify has no block."""

    proposed: bytes | None = None
    notarized: bytes | None = None
    finalized: bytes | None = None
    nullified: bool = False


class Signer:
    """A validator's key with its record of one epoch.

    Attributes:
        epoch: nothing of another one is signed.
        floor_view: nothing at or below this view is signed: what was said there is no longer remembered.
    """

    def __init__(self, seed: bytes, chain_id: bytes, epoch: int, floor_view: int) -> None:
        self._seed: bytes | None = seed
        self._chain_id = chain_id
        self.epoch = epoch
        self.floor_view = floor_view
        self._views: dict[int, _Signed] = {}

    def remember_statement(self, statement: Statement) -> None:
        """Note what was signed before a restart."""
        self._note_statement(statement)

    def remember_proposal(self, header: Header | ClosingHeader) -> None:
        """Note what was proposed before a restart."""
        self._note_proposal(header.view, header.block_hash())

    def sign_statement(self, statement: Statement) -> bytes:
        """Our signature over a statement.

        Raises:
            ContradictionError: it contradicts an earlier one, or is of another epoch or below the floor.
        """
        self._check_place(statement.epoch, statement.view)
        self._note_statement(statement)
        return keys.sign(self._usable_seed(), keys.Purpose.VOTE, self._chain_id, statement.signing_bytes())

    def sign_proposal(self, message: bytes) -> bytes:
        """Our signature over ``proposal_signing_bytes``.

        Raises:
            ContradictionError: we proposed another block in this view, or it is of another epoch or below the floor.
        """
        epoch, view = int.from_bytes(message[:8], "big"), int.from_bytes(message[8:16], "big")
        block_hash = message[16:]
        assert message == proposal_signing_bytes(epoch, view, block_hash)
        self._check_place(epoch, view)
        self._note_proposal(view, block_hash)
        return keys.sign(self._usable_seed(), keys.Purpose.PROPOSAL, self._chain_id, message)

    def forget(self, floor_view: int) -> None:
        """Raise the floor; called only once it is durable."""
        self.floor_view = max(self.floor_view, floor_view)
        for view in [view for view in self._views if view <= self.floor_view]:
            del self._views[view]

    def close(self) -> None:
        """Sign nothing more, whoever asks."""
        self._seed = None

    def _usable_seed(self) -> bytes:
        if self._seed is None:
            raise ContradictionError("the signer was closed")
        return self._seed

    def _check_place(self, epoch: int, view: int) -> None:
        if epoch != self.epoch or view <= self.floor_view:
            raise ContradictionError(
                f"asked to sign in epoch {epoch}, view {view}; the record begins above view {self.floor_view} of "
                f"epoch {self.epoch}"
            )

    def _note_statement(self, statement: Statement) -> None:
        if statement.epoch != self.epoch or statement.view <= self.floor_view:
            return
        signed = self._views.setdefault(statement.view, _Signed())
        where = f"in view {statement.view}"
        if statement.kind is VoteKind.NULLIFY:
            if signed.finalized is not None:
                raise ContradictionError(f"nullify after finalize {where}")
            signed.nullified = True
        elif statement.kind is VoteKind.FINALIZE:
            if signed.nullified or signed.finalized not in (None, statement.block_hash):
                raise ContradictionError(f"finalize after nullify, or of a second block, {where}")
            signed.finalized = statement.block_hash
        else:
            if signed.notarized not in (None, statement.block_hash):
                raise ContradictionError(f"notarize a second block {where}")
            signed.notarized = statement.block_hash

    def _note_proposal(self, view: int, block_hash: bytes) -> None:
        if view <= self.floor_view:
            return
        signed = self._views.setdefault(view, _Signed())
        if signed.proposed not in (None, block_hash):
            raise ContradictionError(f"propose a second block in view {view}")
        signed.proposed = block_hash
