"""Attacks on the trees themselves, and old proofs: each with the code that stops it."""

from __future__ import annotations

from scripts.proof_vectors.edits import change
from scripts.proof_vectors.making import Bundle, block, event, item, receipt, record
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.merkle import leaf_hash
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key
from tests import proof_world as w
from tests.proof_bytes import b64, unb64
from tests.proof_trees import taken_apart, tree

SEEN = {"item-older-than-seen": 21, "block-older-than-seen": 21}  # newest height that its verifier has seen


def broken_trees() -> dict[str, tuple[str, Bundle]]:
    """Leaves for nodes, nodes for leaves, doubled leaves, entries taken out; and genuine proofs that are too old."""
    return {
        "item-older-than-seen": ("rolled-back", item()),
        "block-older-than-seen": ("rolled-back", block(9)),
        "item-last-entry-twice": ("history-altered", change(item(), _last_entry_twice)),
        "event-node-as-entry": ("unreadable", change(event(), _node_as_entry)),
        "event-entry-as-node": ("not-in-tree", change(event(), _entry_as_node)),
        "receipt-node-as-leaf": ("not-in-tree", change(receipt(9), _node_as_receipt)),
        "receipt-last-twice": ("not-in-tree", change(receipt(9), lambda b: b.update(index=3, path=b["path"] * 2))),
        "record-said-absent": ("not-shown", change(record(), lambda b: b.pop("record"))),
        "record-hidden-beside-its-leaf": ("not-shown", change(record(), _as_neighbour)),
        "record-shown-and-as-neighbour": ("unreadable", change(record(), _twice)),
        "record-tree-counts-five": ("unreadable", change(record(), _five_in_a_bucket)),
        "record-tree-padded": ("unreadable", change(record(), _padded)),
        "record-entry-taken-out": ("not-in-state", change(record(), _without_entry)),
        "record-branch-as-bucket": ("not-in-state", change(record(), _branch_as_bucket)),
        "record-bucket-as-hash": ("not-shown", change(record(), _bucket_as_hash)),
        "record-neighbours-tree": ("not-shown", change(record(), _neighbours_tree)),
    }


def _last_entry_twice(bundle: Bundle) -> None:
    """As if the last leaf were there twice, which some trees cannot tell."""
    entries = bundle["histories"][0]["entries"]
    entries.append(entries[-1])


def _node_as_entry(bundle: Bundle) -> None:
    """The preimage of an inner node, in the place of a leaf."""
    bundle["entry"] = b64(bytes(32) + leaf_hash(unb64(bundle["entry"])))


def _entry_as_node(bundle: Bundle) -> None:
    """A leaf said to stand higher than it does: without the lowest step of its path."""
    bundle["path"] = bundle["path"][1:]


def _node_as_receipt(bundle: Bundle) -> None:
    """The two lowest hashes as one leaf, one step higher."""
    (step,) = bundle["path"]
    bundle["receipt"] = b64(leaf_hash(unb64(bundle["receipt"])) + unb64(step))
    bundle["path"] = []


def _bucket_of_lot(bundle: Bundle) -> tuple[str, int, bytes]:
    """The shape of a tree that shows the lot alone, where in it the lot's bucket begins, and the other bytes."""
    shape, rest = taken_apart(bundle["state"])
    at = 0
    while shape[at : at + 2] != "01":
        at += 1 if shape[at] == "1" else 2
    return shape, at, rest


def _without_entry(bundle: Bundle) -> None:
    """The record's entry taken out of its bucket, so that it looks as if it were absent."""
    shape, at, rest = _bucket_of_lot(bundle)
    count = int(shape[at + 2 : at + 5], 2)
    end = at + 5 + count
    bundle["state"] = tree(f"{shape[:at]}01{count - 1:03b}{'0' * (count - 1)}{shape[end:]}", rest)
    del bundle["record"]


def _as_neighbour(bundle: Bundle) -> None:
    """The record left out, its leaf shown as that of any neighbour: it is there, but not what it says."""
    place = [key_hash(item_key(w.LOT))]
    bundle["state"] = b64(w.finished_world().trie().prove(place, place))
    del bundle["record"]


def _twice(bundle: Bundle) -> None:
    """The record shown, and its leaf in the tree as well."""
    place = [key_hash(item_key(w.LOT))]
    bundle["state"] = b64(w.finished_world().trie().prove(place, place))


def _five_in_a_bucket(bundle: Bundle) -> None:
    """More entries than a bucket may have."""
    shape, at, rest = _bucket_of_lot(bundle)
    bundle["state"] = tree(f"{shape[:at]}01{BUCKET_KEYS_MAX + 1:03b}{shape[at + 5 :]}", rest)


def _padded(bundle: Bundle) -> None:
    """A byte more of shape than the tree has, with nothing in it."""
    shape, rest = taken_apart(bundle["state"])
    bundle["state"] = tree(shape + "0" * 8, rest)


def _branch_as_bucket(bundle: Bundle) -> None:
    """A branch's two hashes are as long as one entry of a bucket."""
    trie = w.finished_world().trie()
    bundle["state"] = tree("010010", bytes(32) + trie.root)
    del bundle["record"]


def _bucket_as_hash(bundle: Bundle) -> None:
    """A tree of which nothing is shown but its root."""
    bundle["state"] = tree("00", w.finished_world().trie().root)
    del bundle["record"]


def _neighbours_tree(bundle: Bundle) -> None:
    """The tree that shows another record."""
    bundle["state"] = b64(w.finished_world().prove([key_hash(item_key(w.PALLET))]))
    del bundle["record"]
