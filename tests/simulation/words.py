"""Inputs and effects in few words, for traces: every field that matters, hashes by their first bytes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum

import msgspec

from tallystick.blocks import Executed, Header
from tallystick.votes import Certificate, Vote


def words(value: object) -> str:
    """A value on one short line; equal values, and only those, read alike (up to their hashes' first bytes)."""
    if isinstance(value, bytes):
        return value[:4].hex()
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, tuple | list):
        return "(" + " ".join(words(item) for item in value) + ")"
    if isinstance(value, Vote):
        return f"vote[{value.validator} {_statement(value)} {words(value.signature)}]"
    if isinstance(value, Certificate):
        return f"certificate[{_statement(value)} by {value.signer_indices()}]"
    if isinstance(value, Executed):
        return f"{value.height}:{words(value.state_root)}"
    if isinstance(value, Header):
        boundary = " boundary" if value.next_validators_hash != value.validators_hash else ""
        return (
            f"header[{words(value.block_hash())} e{value.epoch} h{value.height} v{value.view} on v{value.parent_view} "
            f"{words(value.parent_hash)} t{value.time_ms % 10**8} n{value.transaction_count} "
            f"exec {words(value.executed)}{boundary}]"
        )
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({' '.join(words(getattr(value, field.name)) for field in fields(value))})"
    if isinstance(value, msgspec.Struct):
        return f"{type(value).__name__}({' '.join(words(item) for item in msgspec.structs.astuple(value))})"
    return str(value)


def _statement(value: Vote | Certificate) -> str:
    statement = value.statement
    block = "" if not any(statement.block_hash) else f" {words(statement.block_hash)}"
    return f"e{statement.epoch} {statement.kind.name.lower()} v{statement.view}{block}"
