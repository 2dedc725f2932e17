"""The tree of logistic units: what a seal says of every container, at a fraction of the state tree's proof.

A trie as the state's, but with buckets of one key: under the hash of a unit's item key lies one leaf for its own record
and its newest container session together. A proof is one hash per level, and the two records are the reader's own to
hash. The root stands in seals alone: no block or rule knows it, every sealing node keeps it for itself.
Specification: docs/spec/compact.md, section 2.
"""

from __future__ import annotations

from tallystick.encoding import ZERO32
from tallystick.errors import ProofError
from tallystick.hashing import TAG_UNIT, tagged
from tallystick.proofs.codes import ProofCode
from tallystick.records.base import Space, key_hash
from tallystick.records.goods import item_key
from tallystick.subtrees import branch_hash, bucket_hash
from tallystick.trie import EMPTY, Trie

UNIT_PREFIX = "00/"  # key texts of logistic units (SSCC)
BUCKET_UNITS = 1
LEVELS_MAX = 62  # a shape is a number of 63 bits; two SSCCs whose hashes share as many bits cannot be found
_NO_SIBLING = EMPTY[0]
_ITEM, _SESSION = Space.ITEM.to_bytes(), Space.SESSION.to_bytes()


def empty_units() -> Trie:
    """The tree of no unit."""
    return Trie(bucket_keys_max=BUCKET_UNITS)


def unit_of(key: bytes) -> str | None:
    """The logistic unit that a record's key is about, or None: its own record's or a session's."""
    at = {_ITEM: 1, _SESSION: 9}.get(key[:1])
    if at is None or not key.startswith(UNIT_PREFIX.encode(), at):
        return None
    return key[at:].decode()


def unit_leaf(item_leaf: bytes, session_leaf: bytes = ZERO32) -> bytes:
    """What the tree holds for a unit: both records' leaves; zeros where nothing was ever packed."""
    return tagged(TAG_UNIT, item_leaf, session_leaf)


def show_unit(units: Trie, subject: str) -> tuple[int, bytes]:
    """The way from the root to a unit of the tree: shape and siblings, as ``root_of_unit`` reads them.

    Raises:
        ProofError: ``unknown-item``: it is not in the tree, or deeper than can be written.
    """
    place = key_hash(item_key(subject))
    if units.get(place) is None:
        raise ProofError(ProofCode.UNKNOWN, f"no unit {subject} is in the tree")
    siblings = units.siblings(place)
    if len(siblings) > LEVELS_MAX:
        raise ProofError(ProofCode.UNKNOWN, f"{subject} lies {len(siblings)} levels deep; {LEVELS_MAX} can be shown")
    shape = int("1" + "".join(str(int(sibling != _NO_SIBLING)) for sibling in siblings), 2)
    return shape, b"".join(sibling for sibling in siblings if sibling != _NO_SIBLING)


def root_of_unit(subject: str, leaf: bytes, shape: int, siblings: bytes) -> bytes:
    """The root of the tree in which the unit has this leaf.

    Args:
        shape: in binary a one, then for each level from the root a one where the other side is not empty.
        siblings: hashes of those other sides, from the root.
    Raises:
        ProofError: ``unreadable``: not as many siblings as the shape says, or one that is empty.
    """
    levels = format(shape, "b")[1:]
    hashes = [siblings[at : at + 32] for at in range(0, len(siblings), 32)]
    if len(siblings) != 32 * levels.count("1") or _NO_SIBLING in hashes:
        raise ProofError(ProofCode.UNREADABLE, "the way to the unit has other siblings than its shape says")
    place = key_hash(item_key(subject))
    root, bits = bucket_hash(place + leaf), _bits(place)
    for level in reversed(range(len(levels))):
        sibling = hashes.pop() if levels[level] == "1" else _NO_SIBLING
        root = branch_hash(sibling, root) if bits[level] == "1" else branch_hash(root, sibling)
    return root


def _bits(place: bytes) -> str:
    return format(int.from_bytes(place, "big"), "0256b")
