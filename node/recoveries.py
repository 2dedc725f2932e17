"""Judging a recovery by this node's own state: who its root keys belong to, and where its boundary block stands."""

from __future__ import annotations

from contracts.interface import StateView
from node.ledger import Ledger
from tallystick.blocks import Header
from tallystick.errors import StorageError
from tallystick.records.base import read_public
from tallystick.records.members import Key, member_key
from tallystick.recovery import Recovery, RecoveryError, boundary_header, verify_recovery
from tallystick.validators import ValidatorSet


class RecoveryJudge:
    """Checks recoveries of the present epoch."""

    def __init__(self, chain_id: bytes, ledger: Ledger, state: StateView) -> None:
        self._chain_id = chain_id
        self._ledger = ledger
        self._state = state

    def check(self, recovery: Recovery, validators: ValidatorSet, epoch: int) -> ValidatorSet:
        """The validators of the next epoch.

        Args:
            validators, epoch: the present ones.
        Raises:
            VerificationError: the recovery does not hold in our newest state.
        """
        return verify_recovery(recovery, validators, epoch, self._chain_id, self._key)

    def boundary(self, recovery: Recovery, validators: ValidatorSet, parent: Header | None) -> Header:
        """The boundary block that a recovery makes on a block; None is genesis.

        Raises:
            RecoveryError: it is not the block that the heads choose.
        """
        genesis = self._ledger.block(0)
        if genesis is None:
            raise StorageError("the database lacks height 0")
        return boundary_header(recovery, validators, parent, genesis.executed)

    def check_boundary(
        self, recovery: Recovery, boundary: Header, parent: Header | None, validators: ValidatorSet
    ) -> None:
        """A peer's boundary block is the one that a recovery makes, and the recovery holds.

        Raises:
            VerificationError: it is not, or does not.
        """
        if self.boundary(recovery, validators, parent) != boundary:
            raise RecoveryError("the boundary block is not the one that the heads of the recovery make")
        self.check(recovery, validators, boundary.epoch)

    def _key(self, public_key: bytes) -> Key | None:
        record = self._state.get(member_key(public_key))
        return None if record is None else read_public(record, Key)
