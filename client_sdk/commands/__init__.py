"""The commands of ``tallystick``, each group in its own module."""

from __future__ import annotations

from client_sdk.commands import (
    archives,
    capture,
    compact,
    escrow,
    events,
    finance,
    governance,
    keys,
    lookup,
    pinning,
    prove,
    receivables,
    signing,
    tools,
    trade,
    validators,
)
from client_sdk.commands.base import Command

GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    ("keys and configuration", keys.COMMANDS + pinning.COMMANDS),
    ("events", capture.COMMANDS + events.COMMANDS),
    ("membership and goods", governance.COMMANDS + validators.COMMANDS),
    ("documents, accounts, escrow", trade.COMMANDS + escrow.COMMANDS),
    ("receivables", finance.COMMANDS),
    (
        "what can be believed",
        lookup.COMMANDS + compact.COMMANDS + prove.COMMANDS + archives.COMMANDS + receivables.COMMANDS,
    ),
    ("several signers", signing.COMMANDS),
    ("tools", tools.COMMANDS),
)

__all__ = ["GROUPS", "Command"]
