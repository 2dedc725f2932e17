"""Blocks and receipts of any executed height, proven by one newer header: the history root holds every height.

Specification: docs/spec/proofs.md, sections 7 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tallystick.blocks import Header, HistoryLeaf
from tallystick.encoding import encode
from tallystick.errors import ProofError
from tallystick.merkle import inclusion_path, leaf_hash, root_from_path
from tallystick.proofs.anchor import Anchor, Trust, verify_anchor
from tallystick.proofs.bundle import (
    BUNDLE_SIZE_MAX,
    FORMAT,
    AnchorShown,
    BlockBundle,
    HeightShown,
    ReceiptBundle,
)
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.heights import verify_height
from tallystick.proofs.messages import read_message
from tallystick.receipts import Receipt

_HEADER_SIZE_MAX = 1_024


class CertifiedHistory(Protocol):
    """The heights that a certified header proves: all executed ones up to the height that it names."""

    def anchor(self) -> AnchorShown:
        """The certified header."""

    def history_leaf(self, height: int) -> HistoryLeaf:
        """What the history tree holds of a height."""

    def history_path(self, height: int) -> tuple[bytes, ...]:
        """Audit path of a height to the certified history root."""

    def block_header(self, height: int) -> Header | None:
        """The header of a height; None for genesis."""

    def receipts(self, height: int) -> tuple[bytes, ...]:
        """Encoded receipts of a height, in order."""


@dataclass(frozen=True, slots=True)
class VerifiedBlock:
    """A height of the chain: its block's hash, time and roots. ``header`` is None where it is not shown."""

    anchor: Anchor
    leaf: HistoryLeaf
    header: Header | None


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt with the height that it is of. Only ``receipt.reason`` says whether anything took effect."""

    anchor: Anchor
    leaf: HistoryLeaf
    receipt: Receipt


# --- verifying --------------------------------------------------------------------------------------------


def verify_block(bundle: BlockBundle, trust: Trust, *, height: int | None = None) -> VerifiedBlock:
    """Verify that a block belongs to the chain.

    Args:
        height: the one that the reader asked for; when given, a bundle about another is refused.
    """
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_height(bundle.block, anchor)
    header = read_message(bundle.header, Header, _HEADER_SIZE_MAX) if bundle.header is not None else None
    if header is not None and header.block_hash() != leaf.block_hash:
        raise ProofError(ProofCode.BLOCK_ALTERED, f"the header shown is not that of the block of height {leaf.height}")
    if height is not None and leaf.height != height:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about height {leaf.height}, asked for {height}")
    return VerifiedBlock(anchor, leaf, header)


def verify_receipt(bundle: ReceiptBundle, trust: Trust, *, transaction: bytes | None = None) -> VerifiedReceipt:
    """Verify a receipt. Being in a block proves nothing: what took effect says ``receipt.reason``.

    Args:
        transaction: id that the reader asked for; when given, a receipt of another is refused.
    """
    anchor = verify_anchor(bundle.anchor, trust)
    leaf = verify_height(bundle.block, anchor)
    if root_from_path(leaf_hash(bundle.receipt), bundle.index, leaf.receipt_count, bundle.path) != leaf.receipts_root:
        raise ProofError(ProofCode.RECEIPT_ALTERED, f"the receipt is not one of height {leaf.height}")
    receipt = read_message(bundle.receipt, Receipt, BUNDLE_SIZE_MAX)
    if receipt.height != leaf.height:
        raise ProofError(
            ProofCode.RECEIPT_ALTERED, f"a receipt of height {receipt.height} among those of {leaf.height}"
        )
    if transaction is not None and receipt.subject != transaction:
        raise ProofError(ProofCode.WRONG_SUBJECT, f"about {receipt.subject.hex()}, asked for {transaction.hex()}")
    return VerifiedReceipt(anchor, leaf, receipt)


# --- making -----------------------------------------------------------------------------------------------


def show_height(history: CertifiedHistory, height: int) -> HeightShown:
    """A height as bundles show it."""
    return HeightShown(encode(history.history_leaf(height)), list(history.history_path(height)))


def build_block(height: int, history: CertifiedHistory) -> BlockBundle:
    """The bundle of the block of an executed height, with its header; genesis has none."""
    header = history.block_header(height)
    shown = encode(header) if header is not None else None
    return BlockBundle(FORMAT, history.anchor(), show_height(history, height), shown)


def build_receipt(height: int, index: int, history: CertifiedHistory) -> ReceiptBundle:
    """The bundle of one receipt, by its place among the receipts of its height."""
    receipts = history.receipts(height)
    path = inclusion_path([leaf_hash(receipt) for receipt in receipts], index)
    return ReceiptBundle(
        format=FORMAT,
        anchor=history.anchor(),
        block=show_height(history, height),
        receipt=receipts[index],
        index=index,
        path=list(path),
    )
