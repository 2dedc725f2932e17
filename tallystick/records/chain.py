"""Records of the chain itself: parameters, unexpired transaction ids, the queue of due work."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Bytes32, Message, Name, Natural, TimeMs
from tallystick.limits import TIME_MAX_MS
from tallystick.records.base import Space, number_key, text_key
from tallystick.validators import ValidatorSet

HOUR_MS = 3_600_000


class ChainParameters(Message, frozen=True):
    """What genesis fixed and governance may change. Key: ``chain_key("parameters")``. Public.

    Attributes:
        network: name for people.
        clock_offset_ms: what leaders and voters add to their clocks.
        clock_advance_allowed: whether a quorum may sign ADVANCE_CLOCK (demonstrations and tests).
        admission_quorum: organisations with the role ``governor`` that must sign an admission.
        next_serial: serial number of the next item of due work.
        heartbeat_ms: an idle chain makes a block at least this often.
    """

    network: Name
    clock_offset_ms: Natural
    clock_advance_allowed: bool
    admission_quorum: Natural
    next_serial: Natural
    heartbeat_ms: Natural


class ValidatorsRecord(Message, frozen=True):
    """The validator set of the epoch that the next block belongs to. Key: ``chain_key("validators")``. Public."""

    epoch: Natural
    validators: ValidatorSet


class ExpiringIds(Message, frozen=True):
    """Ids of executed transactions whose validity ends within one hour, as a compact range. Public.

    Key: ``expiring_ids_key(valid_until_ms)``. Leaf data of the RFC 6962 tree: the 32-byte ids in execution order. The
    record is deleted when block time has passed the hour.
    """

    count: Natural
    peaks: Annotated[tuple[Bytes32, ...], msgspec.Meta(max_length=64)]


class ExpiringHours(Message, frozen=True):
    """Which hours may have an ``ExpiringIds`` record. Key: ``chain_key("expiring-hours")``. Public.

    Attributes:
        first, last: hours since 1970, both included.
    """

    first: Natural
    last: Natural


class DueItem(Message, frozen=True):
    """One piece of due work. Key: ``due_key(due_ms, serial)``, so key order is working order. Public.

    Attributes:
        rule: name of the rule that works it off, for instance ``escrow.release``.
        subject: key of the record it is about.
        organisation: whose work it is, for the share per block; empty for the chain's own.
        parked: it failed; kept for people to look at, never tried again. A parked item has moved to the key
            ``parked_key(serial)``, beyond every block time.
    """

    rule: Name
    subject: Annotated[bytes, msgspec.Meta(max_length=512)]
    organisation: Annotated[str, msgspec.Meta(max_length=128)]
    parked: bool = False


def chain_key(name: str) -> bytes:
    """Key of one of the chain's own records."""
    return text_key(Space.CHAIN, name)


def expiring_ids_key(valid_until_ms: int) -> bytes:
    """Key of the hour in which a transaction's validity ends."""
    return number_key(Space.EXPIRING_IDS, valid_until_ms // HOUR_MS)


def due_key(due_ms: TimeMs, serial: Natural) -> bytes:
    """Key of an item of due work."""
    return number_key(Space.DUE, due_ms, serial)


def due_ms_of(key: bytes) -> int:
    """The time of an item of due work, milliseconds since 1970, out of its key."""
    return int.from_bytes(key[1:9], "big")


def parked_key(due_item_key: bytes) -> bytes:
    """Where an item of due work goes that failed: same serial number, at the end of time."""
    return due_key(TIME_MAX_MS, int.from_bytes(due_item_key[9:17], "big"))
