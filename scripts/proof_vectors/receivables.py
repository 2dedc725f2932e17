"""Receivables with one defect each."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec import structs

from scripts.proof_vectors.edits import certificate, change, hide_record, leaf_of, reanchor, record_of, unshow
from scripts.proof_vectors.making import Bundle, receivable, receivable_at
from tallystick.encoding import decode, encode
from tallystick.object_ids import slice_id
from tallystick.records.base import key_hash
from tallystick.records.finance import (
    LienMembers,
    LienPublic,
    LienState,
    ObligationMembers,
    ObligationTag,
    SliceMembers,
    SlicePublic,
    SliceState,
    lien_key,
    obligation_key,
    obligation_tag_key,
    slice_key,
)
from tallystick.records.goods import item_key
from tallystick.votes import Certificate
from tests import proof_world as w
from tests.proof_bytes import b64, unb64
from tests.proof_entries import written_out_anchor


def halves_with(bundle: Bundle, key: bytes, type_: type[Any], **changes: Any) -> Bundle:
    """The bundle with fields of one record's members' half changed."""
    (record,) = (record for record in bundle["records"] if record["key"] == b64(key))
    old = decode(unb64(record["members"]), type_, size_max=10_000)
    record["members"] = b64(encode(structs.replace(old, **changes)))
    return bundle


def other_world(key: bytes, public: Any, members: Any = None) -> w.ProofWorld:
    """A world in which the ledger itself holds something else under a key."""
    world = w.finished_world()
    world.put(key, public, members)
    return world


def nowhere() -> Bundle:
    """A proof that there is no such obligation."""
    world, key = w.ProofWorld(), obligation_key(w.OBLIGATION)
    world.put(item_key(w.LOT), ObligationTag(bytes(32), 0))
    return {
        **receivable(world=None),
        "state": b64(world.prove([key_hash(key)])),
        "records": [],
        "anchor": anchor_of(world),
    }


def anchor_of(world: w.ProofWorld) -> Any:
    """The anchor of another world as plain JSON."""
    shown = world.anchor()
    return written_out_anchor(shown)


def broken_receivables() -> dict[str, tuple[str, Bundle]]:
    """Obligations with one defect each."""
    pledged, free = slice_id(w.OBLIGATION, 1), slice_id(w.OBLIGATION, 2)
    tag, obligation = obligation_tag_key("org:retailer", w.TAG), obligation_key(w.OBLIGATION)
    released = LienPublic(LienState.RELEASED, 17)
    return {
        "receivable-of-another": ("wrong-subject", receivable(w.PRESENTED)),
        "receivable-nowhere": ("no-obligation", nowhere()),
        "receivable-hidden": ("not-shown", hide_record(receivable(), obligation)),
        "receivable-tag-hidden": ("not-shown", hide_record(receivable(), tag)),
        "receivable-tag-unshown": ("not-shown", unshow(receivable(), tag)),
        "receivable-tag-of-another": (
            "other-claim",
            receivable(world=other_world(tag, ObligationTag(w.PRESENTED, 14))),
        ),
        "receivable-lien-hidden": ("lien-hidden", hide_record(receivable(), lien_key(pledged))),
        "receivable-lien-unshown": ("lien-hidden", unshow(receivable(), lien_key(pledged))),
        "receivable-lien-absence-unshown": ("lien-hidden", unshow(receivable(), lien_key(free))),
        "receivable-slice-hidden": ("not-shown", hide_record(receivable(), slice_key(free))),
        "receivable-slice-unshown": ("not-shown", unshow(receivable(), slice_key(free))),
        "receivable-slice-of-another": (
            "record-altered",
            receivable(
                world=other_world(
                    slice_key(free),
                    SlicePublic(SliceState.FREE),
                    SliceMembers(w.OBLIGATION, 1, 0, "org:x", 5, 0, bytes(32)),
                )
            ),
        ),
        "receivable-lien-said-released": (
            "not-in-state",
            change(receivable(), lambda b: record_of(b, lien_key(pledged)).update(public=b64(encode(released)))),
        ),
        "receivable-holder-altered": (
            "not-in-state",
            halves_with(receivable(), lien_key(pledged), LienMembers, holder="org:lender-b"),
        ),
        "receivable-amount-altered": (
            "not-in-state",
            halves_with(receivable(), obligation, ObligationMembers, confirmed=1_600_000),
        ),
        "receivable-fewer-slices": (
            "not-in-state",
            halves_with(receivable(), obligation, ObligationMembers, slice_count=1),
        ),
        "receivable-members-half-left-out": (
            "not-in-state",
            change(receivable(), lambda b: [record_of(b, obligation).pop(half) for half in ("salt", "members")]),
        ),
        "receivable-salt-left-out": (
            "unreadable",
            change(receivable(), lambda b: record_of(b, obligation).pop("salt")),
        ),
        "receivable-other-chain": (
            "wrong-chain",
            reanchor(receivable(), chain_id=sha256(b"another").digest()),
        ),
        "receivable-as-of-height-altered": ("not-in-history", leaf_of(receivable_at(), "as_of", height=16)),
        "receivable-as-of-root-altered": ("not-in-history", leaf_of(receivable_at(), "as_of", state_root=bytes(32))),
        "receivable-as-of-left-out": ("wrong-height", change(receivable_at(), lambda b: b.pop("as_of"))),
        "receivable-two-signers": (
            "quorum-short",
            certificate(receivable(), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
    }
