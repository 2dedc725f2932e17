"""Attacks on the trees themselves, and old proofs: each with the code that stops it."""

from __future__ import annotations

from scripts.proof_vectors.edits import change, hide_record
from scripts.proof_vectors.making import Bundle, block, event, item, receipt, record
from tallystick.api import b64, unb64
from tallystick.limits import BUCKET_KEYS_MAX
from tallystick.merkle import leaf_hash
from tallystick.records.base import key_hash
from tallystick.records.goods import correction_key, item_key, session_key
from tallystick.trie import ENTRY_SIZE
from tests import proof_world as w

SEEN = {"item-older-than-seen": 21, "block-older-than-seen": 21}  # newest height that its verifier has seen


def broken_trees() -> dict[str, tuple[str, Bundle]]:
    """Leaves for nodes, nodes for leaves, doubled leaves, entries taken out; and genuine proofs that are too old."""
    warm = w.finished_world().histories[session_key(w.PALLET, 1)][2].commitment
    return {
        "item-older-than-seen": ("rolled-back", item()),
        "block-older-than-seen": ("rolled-back", block(9)),
        "item-correction-left-out": ("partly", hide_record(item(), correction_key("org:carrier", warm))),
        "item-last-entry-twice": ("history-altered", change(item(), _last_entry_twice)),
        "event-node-as-entry": ("unreadable", change(event(), _node_as_entry)),
        "event-entry-as-node": ("not-in-tree", change(event(), _entry_as_node)),
        "receipt-node-as-leaf": ("not-in-tree", change(receipt(9), _node_as_receipt)),
        "receipt-last-twice": ("not-in-tree", change(receipt(9), lambda b: b.update(index=3, path=b["path"] * 2))),
        "record-said-absent": ("not-shown", change(record(), lambda b: b.pop("record"))),
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
    bundle["receipt"] = b64(leaf_hash(unb64(bundle["receipt"])) + bytes.fromhex(step))
    bundle["path"] = []


def _place_of_bucket(state: bytes, key: bytes) -> int:
    """Where the bucket that holds a key begins in a partial tree."""
    entry = state.index(key_hash(key))
    return max(
        at
        for at in range(entry)
        if state[at] == 2 and (entry - at - 2) % ENTRY_SIZE == 0 and state[at + 1] <= BUCKET_KEYS_MAX
    )


def _without_entry(bundle: Bundle) -> None:
    """The record's entry taken out of its bucket, so that it looks as if it were absent."""
    state, key = unb64(bundle["state"]), item_key(w.LOT)
    at, entry = _place_of_bucket(state, key), state.index(key_hash(key))
    count = bytes((2, state[at + 1] - 1))
    bundle["state"] = b64(state[:at] + count + state[at + 2 : entry] + state[entry + ENTRY_SIZE :])
    del bundle["record"]


def _branch_as_bucket(bundle: Bundle) -> None:
    """A branch's two hashes are as long as one entry of a bucket."""
    trie = w.finished_world().trie()
    state = trie.prove([key_hash(item_key(w.LOT))])
    assert state[0] == 1
    bundle["state"] = b64(bytes((2, 1)) + bytes(32) + trie.root)
    del bundle["record"]


def _bucket_as_hash(bundle: Bundle) -> None:
    """A tree of which nothing is shown but its root."""
    bundle["state"] = b64(b"\0" + w.finished_world().trie().root)
    del bundle["record"]


def _neighbours_tree(bundle: Bundle) -> None:
    """The tree that shows another record."""
    bundle["state"] = b64(w.finished_world().prove([key_hash(item_key(w.PALLET))]))
    del bundle["record"]
