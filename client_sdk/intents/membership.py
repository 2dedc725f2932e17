"""Who votes: validators that join, leave or change their key, a joiner's readiness, evidence."""

from __future__ import annotations

from collections.abc import Sequence

from client_sdk.intents.intent import GOVERNORS, Intent
from tallystick.evidence import Evidence
from tallystick.payloads.membership import ChangeValidators, NewSeat, Ready, RotateValidator, SubmitEvidence
from tallystick.records.members import KeyUse


def change_validators(joins: Sequence[NewSeat], leaves: Sequence[str], *, switch_height: int) -> Intent:
    """Have validators join and leave at a height, at least 16 ahead. A quorum of governors signs."""
    return Intent(ChangeValidators(tuple(joins), tuple(leaves), switch_height), GOVERNORS, governors=True)


def rotate_validator(seat: NewSeat, *, switch_height: int) -> Intent:
    """Give the own validator another key, certificate or address. A root key signs, then the new validator key."""
    return Intent(RotateValidator(seat, switch_height), (KeyUse.ROOT,))


def ready(height: int, state_root: bytes) -> Intent:
    """Say that the own node, which is to join, has the state of a height. Nodes do this themselves."""
    return Intent(Ready(height, state_root), (KeyUse.VALIDATOR,))


def submit_evidence(evidence: Evidence) -> Intent:
    """Put two messages of a validator that exclude each other on the chain. Nodes do this themselves."""
    return Intent(SubmitEvidence(evidence), (KeyUse.VALIDATOR,))
