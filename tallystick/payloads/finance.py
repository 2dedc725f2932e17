"""Payloads of receivables: obligations, offers, financing, grants."""

from __future__ import annotations

from tallystick.encoding import Message

PAYLOADS: tuple[type[Message], ...] = ()
