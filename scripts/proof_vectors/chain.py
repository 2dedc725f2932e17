"""Blocks and receipts with one defect each, and items as of an earlier height."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from msgspec import structs

from scripts.proof_vectors.edits import certificate, change, leaf_of, reanchor
from scripts.proof_vectors.making import Bundle, block, item, item_at, receipt
from tallystick.encoding import encode
from tallystick.reasons import Reason
from tallystick.receipts import Receipt
from tallystick.records.base import key_hash
from tallystick.votes import Certificate
from tests import proof_world as w
from tests.proof_bytes import ZEROS, b64, read, unb64


def receipt_with(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle with fields of its receipt changed."""
    old = read(bundle["receipt"], Receipt, 10_000)
    bundle["receipt"] = b64(encode(structs.replace(old, **changes)))
    return bundle


def broken_chain() -> dict[str, tuple[str, Bundle]]:
    """Blocks and receipts with one defect each."""
    other = sha256(b"other").digest()
    return {
        "block-of-another-height": ("wrong-subject", block(8)),
        "block-other-chain": ("wrong-chain", reanchor(block(9), chain_id=other)),
        "block-other-history": ("not-in-history", reanchor(block(9), executed=w.ProofWorld().header().executed)),
        "block-hash-altered": ("not-in-history", leaf_of(block(9), block_hash=other)),
        "block-time-altered": ("not-in-history", leaf_of(block(9), time_ms=1)),
        "block-state-root-altered": ("not-in-history", leaf_of(block(9), state_root=other)),
        "block-receipts-root-altered": ("not-in-history", leaf_of(block(9), receipts_root=other)),
        "block-receipt-count-altered": ("not-in-history", leaf_of(block(9), receipt_count=9)),
        "block-height-altered": ("not-in-history", leaf_of(block(9), height=8)),
        "block-above-the-anchor": ("not-in-tree", leaf_of(block(9), height=21)),
        "block-with-a-neighbours-path": (
            "not-in-history",
            change(block(9), lambda b: b["block"].update(path=block(8)["block"]["path"])),
        ),
        "block-path-short": ("not-in-tree", change(block(9), lambda b: b["block"]["path"].pop())),
        "block-path-long": ("not-in-tree", change(block(9), lambda b: b["block"]["path"].append(ZEROS))),
        "block-path-reordered": ("not-in-history", change(block(9), lambda b: b["block"]["path"].reverse())),
        "block-node-as-leaf": ("unreadable", change(block(9), lambda b: b["block"].update(leaf=b64(bytes(64))))),
        "block-header-of-another": (
            "block-altered",
            change(block(9), lambda b: b.update(header=block(8)["header"])),
        ),
        "block-header-of-genesis": (
            "block-altered",
            change(block(0), lambda b: b.update(header=block(8)["header"])),
        ),
        "receipt-of-another-transaction": ("wrong-subject", receipt(7)),
        "receipt-reason-altered": ("receipt-altered", receipt_with(receipt(9), reason=Reason.NOT_FOUND)),
        "receipt-subject-altered": ("receipt-altered", receipt_with(receipt(9), subject=other)),
        "receipt-height-altered": ("receipt-altered", receipt_with(receipt(9), height=8)),
        "receipt-outcome-left-out": ("receipt-altered", receipt_with(receipt(9), events=())),
        "receipt-changes-left-out": ("receipt-altered", receipt_with(receipt(9), changes=())),
        "receipt-at-another-place": ("receipt-altered", change(receipt(9), lambda b: b.update(index=1))),
        "receipt-beyond-the-last": ("not-in-tree", change(receipt(9), lambda b: b.update(index=2))),
        "receipt-path-short": ("not-in-tree", change(receipt(9), lambda b: b["path"].pop())),
        "receipt-path-altered": ("receipt-altered", change(receipt(9), lambda b: b.update(path=[ZEROS]))),
        "receipt-under-another-height": (
            "receipt-altered",
            change(receipt(9), lambda b: b.update(block=receipt(7)["block"])),
        ),
        "receipt-root-altered": ("not-in-history", leaf_of(receipt(9), receipts_root=other)),
        "receipt-two-signers": (
            "quorum-short",
            certificate(receipt(9), lambda c: Certificate(c.statement, 3, c.signatures[:2])),
        ),
    }


def broken_earlier() -> dict[str, tuple[str, Bundle]]:
    """Items as of an earlier height with one defect each."""
    other = sha256(b"other").digest()
    return {
        "item-as-of-when-the-newest-was-asked": ("wrong-height", item_at()),
        "item-newest-when-a-height-was-asked": ("wrong-height", item()),
        "item-as-of-another-height": ("wrong-height", item_at(height=16)),
        "item-as-of-left-out": ("wrong-height", change(item_at(), lambda b: b.pop("as_of"))),
        "item-as-of-another-state": ("not-in-state", change(item_at(), _tree_of_another)),
        "item-as-of-root-altered": ("not-in-history", leaf_of(item_at(), "as_of", state_root=other)),
        "item-as-of-time-altered": ("not-in-history", leaf_of(item_at(), "as_of", time_ms=1)),
        "item-as-of-height-altered": ("not-in-history", leaf_of(item_at(), "as_of", height=16)),
        "item-as-of-above-the-anchor": ("not-in-tree", leaf_of(item_at(), "as_of", height=21)),
        "item-as-of-path-short": ("not-in-tree", change(item_at(), lambda b: b["as_of"]["path"].pop())),
        "item-as-of-a-neighbours-path": (
            "not-in-history",
            change(item_at(), lambda b: b["as_of"].update(path=block(16)["block"]["path"])),
        ),
    }


def _tree_of_another(bundle: Bundle) -> None:
    """The partial tree of a state with one record more, with places for all records that this one shows."""
    shown = [key_hash(unb64(record["key"])) for record in bundle["records"]]
    bundle["state"] = b64(w.finished_world(201).trie().prove(shown))
