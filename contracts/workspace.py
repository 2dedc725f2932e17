"""Reads and staged writes of one transaction, laid over those of the block, laid over the state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from contracts.interface import BlockContext, Refusal, StateView
from tallystick.encoding import Message, encode
from tallystick.reasons import Reason
from tallystick.records.base import (
    Record,
    key_hash,
    members_salt_after_due_work,
    members_salt_for,
    read_members,
    read_public,
    record_of,
)
from tallystick.records.chain import ChainParameters, DueItem, chain_key, due_key

T = TypeVar("T", bound=Message)

PARAMETERS_KEY = chain_key("parameters")


class Workspace:
    """What one rule invocation sees and stages.

    Attributes:
        block: height and time.
        organisation: organisation id of the signers; empty for due work and governance.
        signers: public keys of the signers, in order.
        salt: 32 bytes from which the members' salts of written records derive; empty for due work, whose rewrites
            derive a new salt from the old one and the height.
        staged: writes of this invocation, key to record, None for a deletion.
    """

    def __init__(
        self,
        view: StateView,
        block: BlockContext,
        *,
        organisation: str = "",
        signers: tuple[bytes, ...] = (),
        salt: bytes = b"",
    ) -> None:
        self._view = view
        self.block = block
        self.organisation = organisation
        self.signers = signers
        self.salt = salt
        self.staged: dict[bytes, Record | None] = {}

    # --- reading ------------------------------------------------------------------------------------------

    def record(self, key: bytes) -> Record | None:
        """The record of a key as this invocation sees it."""
        if key in self.staged:
            return self.staged[key]
        return self._view.get(key)

    def public(self, key: bytes, type_: type[T]) -> T | None:
        """The public half of a record, or None when there is no record."""
        record = self.record(key)
        return None if record is None else read_public(record, type_)

    def members(self, key: bytes, type_: type[T]) -> T | None:
        """The members' half of a record, or None when there is no record."""
        record = self.record(key)
        return None if record is None else read_members(record, type_)

    def need(self, key: bytes, type_: type[T], reason: Reason = Reason.NOT_FOUND, detail: str = "") -> T:
        """The public half of a record that must exist, else a refusal."""
        value = self.public(key, type_)
        if value is None:
            raise Refusal(reason, detail)
        return value

    def parameters(self) -> ChainParameters:
        """The chain's parameters."""
        value = self.public(PARAMETERS_KEY, ChainParameters)
        assert value is not None
        return value

    def due(self, until_ms: int) -> Iterable[tuple[bytes, Record]]:
        """See ``StateView.due``; sees the state before this invocation."""
        return self._view.due(until_ms)

    # --- staging ------------------------------------------------------------------------------------------

    def write(self, key: bytes, public: Message, members: Message | None = None) -> None:
        """Stage a record; the members' salt follows from the transaction's, or from the old record's (due work)."""
        salt = b""
        if members is not None:
            if self.salt:
                salt = members_salt_for(self.salt, key)
            else:
                old = self.record(key)
                base = old.members_salt if old is not None and old.members else key_hash(key)
                salt = members_salt_after_due_work(base, self.block.height)
        self.staged[key] = record_of(public, members, salt)

    def write_public(self, key: bytes, public: Message) -> None:
        """Stage a new public half and keep the members' half, salt included, as it is."""
        old = self.record(key)
        assert old is not None
        self.staged[key] = Record(encode(public), old.members_salt, old.members)

    def delete(self, key: bytes) -> None:
        """Stage a deletion."""
        self.staged[key] = None

    def schedule(self, due_ms: int, rule: str, subject: bytes, organisation: str = "") -> bytes:
        """Queue due work for the first block at or after ``due_ms`` that runs due work; returns the item's key."""
        parameters = self.parameters()
        key = due_key(due_ms, parameters.next_serial)
        self.write(PARAMETERS_KEY, _with_next_serial(parameters))
        self.write(key, DueItem(rule, subject, organisation))
        return key


def _with_next_serial(parameters: ChainParameters) -> ChainParameters:
    return ChainParameters(
        parameters.network,
        parameters.clock_offset_ms,
        parameters.clock_advance_allowed,
        parameters.admission_quorum,
        parameters.next_serial + 1,
    )
