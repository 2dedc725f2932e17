"""Payloads of trade documents, accounts and escrow."""

from __future__ import annotations

from tallystick.encoding import Message

PAYLOADS: tuple[type[Message], ...] = ()
