"""The value that the functions of this package return."""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.encoding import Message
from tallystick.records.base import Space
from tallystick.records.members import KeyUse


@dataclass(frozen=True, slots=True)
class Intent:
    """A payload and what has to be known to send it.

    Attributes:
        uses: what the signers' keys are for, in signing order.
        creates: record space of the object that it makes, whose id is known before it is sent; None for others.
        governors: signed by root keys of several organisations, a quorum of governors.
    """

    payload: Message
    uses: tuple[KeyUse, ...]
    creates: Space | None = None
    governors: bool = False


GOVERNORS = (KeyUse.ROOT,)
