"""Proof bundles: making them from a certified state, and verifying them with nothing but a pinned validator set."""

from __future__ import annotations

from tallystick.proofs.anchor import Anchor, Trust, show_anchor, verify_anchor
from tallystick.proofs.build import CertifiedState, build_event, build_item, build_record
from tallystick.proofs.bundle import (
    BlockBundle,
    Bundle,
    EventBundle,
    EvidenceBundle,
    ItemBundle,
    ReceiptBundle,
    ReceivableBundle,
    RecordBundle,
    read_bundle,
    write_bundle,
)
from tallystick.proofs.chain import (
    CertifiedHistory,
    VerifiedBlock,
    VerifiedReceipt,
    build_block,
    build_receipt,
    show_height,
    verify_block,
    verify_receipt,
)
from tallystick.proofs.closure import Closure, Part, SessionPart
from tallystick.proofs.codes import WORDS, ProofCode
from tallystick.proofs.events import ShownEvent
from tallystick.proofs.evidence import CertifiedSeats, VerifiedEvidence, build_evidence, verify_evidence_bundle
from tallystick.proofs.heights import ANY_HEIGHT
from tallystick.proofs.receivable import (
    ShownLien,
    ShownSlice,
    VerifiedReceivable,
    build_receivable,
    verify_receivable,
)
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
    "ANY_HEIGHT",
    "WORDS",
    "Anchor",
    "BlockBundle",
    "Bundle",
    "CertifiedHistory",
    "CertifiedSeats",
    "CertifiedState",
    "Closure",
    "EventBundle",
    "EvidenceBundle",
    "ItemBundle",
    "Part",
    "ProofCode",
    "ReceiptBundle",
    "ReceivableBundle",
    "RecordBundle",
    "SessionPart",
    "ShownEvent",
    "ShownLien",
    "ShownSlice",
    "Signer",
    "Trust",
    "Verified",
    "VerifiedBlock",
    "VerifiedEvent",
    "VerifiedEvidence",
    "VerifiedItem",
    "VerifiedReceipt",
    "VerifiedReceivable",
    "VerifiedRecord",
    "build_block",
    "build_event",
    "build_evidence",
    "build_item",
    "build_receipt",
    "build_receivable",
    "build_record",
    "read_bundle",
    "show_anchor",
    "show_height",
    "verify_anchor",
    "verify_block",
    "verify_bundle",
    "verify_event",
    "verify_evidence_bundle",
    "verify_item",
    "verify_receipt",
    "verify_receivable",
    "verify_record",
    "write_bundle",
]
