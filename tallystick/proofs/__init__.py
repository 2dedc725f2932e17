"""Proof bundles: making them from a certified state, and verifying them with nothing but a pinned validator set."""

from __future__ import annotations

from tallystick.proofs.anchor import Anchor, Trust, show_anchor, verify_anchor
from tallystick.proofs.build import CertifiedState, build_event, build_item, build_record
from tallystick.proofs.bundle import Bundle, EventBundle, ItemBundle, RecordBundle, read_bundle, write_bundle
from tallystick.proofs.closure import Closure, Part, SessionPart
from tallystick.proofs.codes import WORDS, ProofCode
from tallystick.proofs.events import ShownEvent
from tallystick.proofs.signers import Signer
from tallystick.proofs.verify import (
    Verified,
    VerifiedEvent,
    VerifiedItem,
    VerifiedRecord,
    verify_bundle,
    verify_event,
    verify_item,
    verify_record,
)

__all__ = [
    "WORDS",
    "Anchor",
    "Bundle",
    "CertifiedState",
    "Closure",
    "EventBundle",
    "ItemBundle",
    "Part",
    "ProofCode",
    "RecordBundle",
    "SessionPart",
    "ShownEvent",
    "Signer",
    "Trust",
    "Verified",
    "VerifiedEvent",
    "VerifiedItem",
    "VerifiedRecord",
    "build_event",
    "build_item",
    "build_record",
    "read_bundle",
    "show_anchor",
    "verify_anchor",
    "verify_bundle",
    "verify_event",
    "verify_item",
    "verify_record",
    "write_bundle",
]
