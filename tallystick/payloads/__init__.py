"""Payloads: what a transaction that is not a capture of events asks for.

A payload's bytes are a 32-byte salt, then one tagged value out of ``Payload``. Tags are on the ledger and never reused:
1-19 governance, 20-39 goods, 40-69 trade and money, 70-99 finance. Specification: docs/spec/payloads.md.
"""

from __future__ import annotations

from typing import Any, Union

from tallystick.encoding import Message, decode, encode
from tallystick.limits import PAYLOAD_SIZE_MAX, SALT_SIZE
from tallystick.payloads import finance, goods, governance, membership, trade

ALL_PAYLOADS: tuple[type[Message], ...] = (
    *governance.PAYLOADS,
    *membership.PAYLOADS,
    *goods.PAYLOADS,
    *trade.PAYLOADS,
    *finance.PAYLOADS,
)
_ANY: Any = Union[ALL_PAYLOADS]  # noqa: UP007 — built from a tuple, which the | operator cannot spell


def decode_payload(data: bytes) -> Message:
    """The value of a payload's bytes.

    Raises:
        DecodeError: unknown tag, or not the one canonical spelling.
    """
    value: Message = decode(data[SALT_SIZE:], _ANY, size_max=PAYLOAD_SIZE_MAX)
    return value


def encode_payload(salt: bytes, payload: Message) -> bytes:
    """Salt (32 bytes) and value as the bytes that a head binds."""
    assert len(salt) == SALT_SIZE
    return salt + encode(payload)
