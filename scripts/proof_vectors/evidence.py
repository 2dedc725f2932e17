"""Evidence: validators that contradicted themselves, good and with one defect each."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from msgspec import structs

from scripts.proof_vectors.edits import certificate, change, flip, leaf_of, reanchor
from scripts.proof_vectors.epochs import crossed, next_validators
from scripts.proof_vectors.making import AT, Bundle, loads
from tallystick.encoding import encode
from tallystick.evidence import Evidence, EvidenceKind
from tallystick.proofs import build_evidence, show_height, write_bundle
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key
from tallystick.records.membership import evidence_key
from tallystick.votes import Certificate
from tests import proof_world as w
from tests.proof_bytes import b64, read

FOUND = w.contradiction()
KEY = evidence_key(FOUND.key, FOUND.epoch, FOUND.view, EvidenceKind.DOUBLE_NOTARIZE)
SUBJECT = KEY.hex()


def evidence(found: Evidence = FOUND, world: w.ProofWorld | None = None) -> Bundle:
    """The bundle of a contradiction."""
    return loads(write_bundle(build_evidence(found, world or w.guilty_world())))


def evidence_at() -> Bundle:
    """The bundle of a contradiction with the ledger's record of it as of an earlier height."""
    world = w.guilty_world()
    world.state_height = AT
    return loads(write_bundle(build_evidence(FOUND, world, show_height(world, AT))))


def earlier(height: int = 9, **boundary: Any) -> Bundle:
    """Evidence of epoch 0 under a header of epoch 1: a block of the epoch shows who sat in it."""
    world = w.guilty_world()
    header, block = world.block_header(height), show_height(world, height)
    assert header is not None
    seats = {
        "block": msgspec.to_builtins(block),
        "header": b64(encode(header)),
        "validators": b64(encode(w.validators())),
    }
    return crossed({**evidence(), "seats": seats}, of=world, **boundary)


def with_seats(**parts: Any) -> Bundle:
    """Evidence of an earlier epoch with parts of what shows its seats replaced."""
    bundle = earlier()
    bundle["seats"].update(parts)
    return bundle


def evidence_with(**changes: Any) -> Bundle:
    """The bundle with fields of its evidence changed, the signatures left as they are."""
    bundle = evidence()
    old = read(bundle["evidence"], Evidence, 1_024)
    return {**bundle, "evidence": b64(encode(structs.replace(old, **changes)))}


def good_evidence() -> dict[str, tuple[str, str, Bundle]]:
    """Every kind of contradiction; on the ledger and not; of this epoch and of an earlier one."""

    def subject(found: Evidence, kind: EvidenceKind) -> str:
        return evidence_key(found.key, found.epoch, found.view, kind).hex()

    proposals, final, nullified = w.contradiction(0, 0), w.contradiction(3, 3), w.contradiction(2, 3)
    return {
        "evidence": ("proven", SUBJECT, evidence()),
        "evidence-as-of": ("proven", SUBJECT, evidence_at()),
        "evidence-of-an-earlier-epoch": ("proven", SUBJECT, earlier()),
        "evidence-not-recorded": ("proven", SUBJECT, evidence(world=w.finished_world())),
        "evidence-proposals": ("proven", subject(proposals, EvidenceKind.DOUBLE_PROPOSAL), evidence(proposals)),
        "evidence-finalize": ("proven", subject(final, EvidenceKind.DOUBLE_FINALIZE), evidence(final)),
        "evidence-nullify": ("proven", subject(nullified, EvidenceKind.NULLIFY_AND_FINALIZE), evidence(nullified)),
    }


def broken_evidence() -> dict[str, tuple[str, Bundle]]:
    """Evidence with one defect each."""
    first, second = FOUND.first, FOUND.second
    stranger = w.contradiction(name="org:laboratory")
    lawful = w.said(3, first.block_hash)  # a notarize and a finalize of one view: every honest validator signs both
    forged = structs.replace(second, signature=first.signature)
    return {
        "evidence-of-another": ("wrong-subject", evidence(w.contradiction(3, 3))),
        "evidence-against-nobody": ("no-contradiction", evidence_with(second=lawful)),
        "evidence-same-statement-twice": ("no-contradiction", evidence_with(second=first)),
        "evidence-statements-exchanged": ("no-contradiction", evidence_with(first=second, second=first)),
        "evidence-nullify-of-a-block": (
            "no-contradiction",
            evidence_with(first=w.said(2, first.block_hash), second=w.said(3, first.block_hash)),
        ),
        "evidence-forged-vote": ("bad-vote-signature", evidence_with(second=forged)),
        "evidence-of-another-view": ("bad-vote-signature", evidence_with(view=8)),
        "evidence-key-of-another": (
            "bad-vote-signature",
            evidence_with(key=w.validators().members[0].key),
        ),
        "evidence-against-no-validator": ("unknown-validators", {**evidence(), "evidence": b64(encode(stranger))}),
        "evidence-of-an-epoch-not-shown": (
            "unknown-validators",
            {**evidence(), "evidence": b64(encode(w.contradiction(epoch=1)))},
        ),
        "evidence-seats-left-out": ("unknown-validators", change(earlier(), lambda b: b.pop("seats"))),
        "evidence-seats-of-another-epoch": (
            "unknown-validators",
            change(earlier(), lambda b: b.update(evidence=b64(encode(w.contradiction(epoch=3))))),
        ),
        "evidence-seats-of-others": (
            "unknown-validators",
            with_seats(validators=b64(encode(next_validators()))),
        ),
        "evidence-header-of-another-block": (
            "block-altered",
            with_seats(header=earlier(8)["seats"]["header"]),
        ),
        "evidence-block-of-another": (
            "not-in-history",
            change(earlier(), lambda b: b["seats"]["block"].update(path=earlier(8)["seats"]["block"]["path"])),
        ),
        "evidence-record-hidden": ("not-shown", change(evidence(), lambda b: b.pop("record"))),
        "evidence-record-altered": (
            "not-in-state",
            change(evidence(), lambda b: b["record"].update(public=flip(b["record"]["public"]))),
        ),
        "evidence-record-unshown": ("not-shown", change(evidence(world=w.finished_world()), _elsewhere)),
        "evidence-as-of-left-out": ("wrong-height", change(evidence_at(), lambda b: b.pop("as_of"))),
        "evidence-as-of-root-altered": ("not-in-history", leaf_of(evidence_at(), "as_of", state_root=bytes(32))),
        "evidence-other-chain": (
            "wrong-chain",
            reanchor(evidence(), w.guilty_world(), chain_id=sha256(b"another").digest()),
        ),
        "evidence-two-signers": (
            "quorum-short",
            certificate(evidence(), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
    }


def _elsewhere(bundle: Bundle) -> None:
    """Show another place of the tree than that of the record."""
    bundle["state"] = b64(w.finished_world().prove([key_hash(item_key(w.LOT))]))
