"""The height whose state a bundle shows: the one that its anchor certifies, or an earlier one under its history root.

An old state is never shown as the newest: who asked for no height refuses a bundle about an earlier one, and who asked
for one refuses every other. Specification: docs/spec/proofs.md, section 3.
"""

from __future__ import annotations

from tallystick.blocks import HistoryLeaf
from tallystick.errors import ProofError
from tallystick.merkle import root_from_path
from tallystick.proofs.anchor import Anchor
from tallystick.proofs.bundle import HeightShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.messages import read_message

ANY_HEIGHT = -1  # for ``at``: whatever height the bundle shows, which the reader then looks at
_LEAF_SIZE_MAX = 256


def verify_height(shown: HeightShown, anchor: Anchor) -> HistoryLeaf:
    """Check that a height is under an anchor's history root.

    Raises:
        ProofError: ``unreadable``, ``not-in-tree`` or ``not-in-history``.
    """
    leaf = read_message(shown.leaf, HistoryLeaf, _LEAF_SIZE_MAX)
    count = anchor.executed.height + 1
    if root_from_path(leaf.leaf_hash(), leaf.height, count, shown.path) != anchor.executed.history_root:
        raise ProofError(ProofCode.NOT_IN_HISTORY, f"height {leaf.height} is not so in the chain that was signed")
    return leaf


def verify_as_of(shown: HeightShown | None, anchor: Anchor, at: int | None) -> HistoryLeaf | None:
    """The height whose state a bundle shows, when it is not the one that the anchor certifies.

    Raises:
        ProofError: ``not-in-tree``, ``not-in-history``, or ``wrong-height`` when it is not the one asked for.
    """
    leaf = verify_height(shown, anchor) if shown is not None else None
    height = leaf.height if leaf is not None else None
    if at not in (ANY_HEIGHT, height):
        raise ProofError(ProofCode.WRONG_HEIGHT, f"as of height {height}, asked for {at} (None: the newest)")
    return leaf


def state_root_of(leaf: HistoryLeaf | None) -> bytes | None:
    """The root that records hang on, when it is not the one that the anchor certifies."""
    return leaf.state_root if leaf is not None else None
