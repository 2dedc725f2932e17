"""The two records of a consignment as a compact proof writes them: without zeros and repetitions, rebuilt exactly."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from tallystick.encoding import ZERO32, Bytes32, Message, Name, Natural, TimeMs, decode
from tallystick.errors import DecodeError, ProofError
from tallystick.limits import RECORD_SIZE_MAX
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import Record
from tallystick.records.goods import (
    RECALLS_PER_ITEM_MAX,
    History,
    ItemPublic,
    ItemStatus,
    Origin,
    SessionPublic,
)
from tallystick.units import UNIT_PREFIX

SSCC_DIGITS = 18
T = TypeVar("T", bound=Message)
_Optional32 = Annotated[bytes, msgspec.Meta(max_length=32)]


class ShownHistory(Message, frozen=True):
    """A history; its peaks in one piece."""

    count: Natural
    peaks: Annotated[bytes, msgspec.Meta(max_length=32 * 64)]

    def history(self) -> History:
        """As records hold it. Raises: ProofError ``unreadable``."""
        if len(self.peaks) != 32 * self.count.bit_count():
            raise ProofError(ProofCode.UNREADABLE, "a history has other peaks than its count says")
        return History(self.count, tuple(self.peaks[at : at + 32] for at in range(0, len(self.peaks), 32)))


class ShownItem(Message, frozen=True):
    """A unit's own record; ``container`` and ``made_by`` are empty where the record has zeros."""

    status: ItemStatus
    origin: Origin
    history: ShownHistory
    container: _Optional32
    made_by: _Optional32
    recalls: Annotated[tuple[Name, ...], msgspec.Meta(max_length=RECALLS_PER_ITEM_MAX)]
    declared_origin: Annotated[str, msgspec.Meta(max_length=500)]
    members_hash: Bytes32

    def public(self, session_count: int) -> ItemPublic:
        """The record's public half. Raises: ProofError ``unreadable``."""
        return ItemPublic(
            self.status,
            self.origin,
            self.history.history(),
            "",
            _whole(self.container),
            _whole(self.made_by),
            session_count,
            self.recalls,
            self.declared_origin,
        )


class ShownSession(Message, frozen=True):
    """A container session, of which ``members_hash`` is the salted digest of what lies inside.

    Attributes:
        sscc: the unit's 18 digits as a number.
    """

    sscc: Annotated[int, msgspec.Meta(ge=0, lt=10**SSCC_DIGITS)]
    number: Natural
    open: bool
    history: ShownHistory
    opened_ms: TimeMs
    closed_ms: TimeMs
    members_hash: Bytes32

    def subject(self) -> str:
        """Key text of the unit."""
        return f"{UNIT_PREFIX}{self.sscc:0{SSCC_DIGITS}}"

    def public(self) -> SessionPublic:
        """The record's public half. Raises: ProofError ``unreadable``."""
        return SessionPublic(
            self.subject(), self.number, self.open, self.history.history(), self.opened_ms, self.closed_ms
        )


def show_item(record: Record) -> ShownItem:
    """A unit's record as it is written. Raises: ProofError ``record-altered``: it is none that can be."""
    public = _read(record, ItemPublic)
    shown = ShownItem(
        public.status,
        public.origin,
        _shown(public.history),
        _short(public.container),
        _short(public.made_by),
        public.recalls,
        public.declared_origin,
        record.members_hash(),
    )
    if shown.public(public.session_count) != public:
        raise ProofError(ProofCode.RECORD_ALTERED, "not a logistic unit's record")
    return shown


def show_session(record: Record) -> ShownSession:
    """A session's record as it is written. Raises: ProofError ``record-altered``: it is none that can be."""
    public = _read(record, SessionPublic)
    digits = public.identifier.removeprefix(UNIT_PREFIX)
    shown = ShownSession(
        int(digits) if digits.isdecimal() and len(digits) == SSCC_DIGITS else 0,
        public.number,
        public.open,
        _shown(public.history),
        public.opened_ms,
        public.closed_ms,
        record.members_hash(),
    )
    if shown.public() != public:
        raise ProofError(ProofCode.RECORD_ALTERED, "not a logistic unit's session")
    return shown


def _read(record: Record, type_: type[T]) -> T:
    try:
        return decode(record.public, type_, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError(ProofCode.RECORD_ALTERED, f"a record is not a {type_.__name__}") from error


def _shown(history: History) -> ShownHistory:
    return ShownHistory(history.count, b"".join(history.peaks))


def _short(hash_: bytes) -> bytes:
    return b"" if hash_ == ZERO32 else hash_


def _whole(hash_: bytes) -> bytes:
    if len(hash_) not in (0, 32) or hash_ == ZERO32:
        raise ProofError(ProofCode.UNREADABLE, "a hash has 32 bytes, or none where the record has zeros")
    return hash_ or ZERO32
