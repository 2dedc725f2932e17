"""Partial state trees taken apart and put together again, as docs/spec/proofs.md, section 3, writes them."""

from __future__ import annotations

from typing import Any

from tallystick.hashing import TAG_RECORD_MEMBERS, tagged
from tallystick.records.base import key_hash, leaf_of_halves
from tallystick.subtrees import ENTRY_SIZE
from tests.proof_bytes import ZEROS, b64, unb64

Bundle = dict[str, Any]


def tree(shape: str, rest: bytes) -> str:
    """A partial tree of this shape, in bits, with these hashes and entries."""
    size = (len(shape) + 7) // 8
    return b64(size.to_bytes(3, "big") + int(shape.ljust(8 * size, "0"), 2).to_bytes(size, "big") + rest)


def taken_apart(state: str) -> tuple[str, bytes]:
    """Shape, filled up to whole bytes, and the other bytes of a partial tree."""
    data = unb64(state)
    end = 3 + int.from_bytes(data[:3], "big")
    return "".join(f"{byte:08b}" for byte in data[3:end]), data[end:]


def as_neighbour(bundle: Bundle, index: int) -> Bundle:
    """The bundle without one of its records, whose entry the tree shows like that of a neighbour."""
    records = sorted(bundle["records"], key=lambda record: key_hash(unb64(record["key"])))
    gone = bundle["records"][index]
    shape, rest = taken_apart(bundle["state"])
    at, place = _mark(shape, records.index(gone))
    entry = key_hash(unb64(gone["key"])) + _leaf(gone)
    return {
        **bundle,
        "records": [record for record in bundle["records"] if record is not gone],
        "state": tree(shape[:at] + "0" + shape[at + 1 :], rest[:place] + entry + rest[place:]),
    }


def _mark(shape: str, wanted: int) -> tuple[int, int]:
    """Where in the shape the place of the record of this number is, and how many other bytes come before it."""
    at = before = 0
    while True:
        if shape[at] == "1":
            at += 1
        elif shape[at + 1] == "0":
            at, before = at + 2, before + 32
        else:
            marks = range(at + 5, at + 5 + int(shape[at + 2 : at + 5], 2))
            for at in marks:
                if shape[at] == "0":
                    before += ENTRY_SIZE
                elif wanted == 0:
                    return at, before
                else:
                    wanted -= 1
            at = marks.stop


def _leaf(record: Bundle) -> bytes:
    members = unb64(record.get("members_hash", ZEROS))
    if record.get("salt"):
        members = tagged(TAG_RECORD_MEMBERS, unb64(record["salt"]), unb64(record["members"]))
    return leaf_of_halves(unb64(record["public"]), members)
