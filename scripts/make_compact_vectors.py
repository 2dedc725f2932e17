#!/usr/bin/env python3
"""Write the vectors of compact proofs and of BLS keys, good and broken, each named by its defect.

Usage: python scripts/make_compact_vectors.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec

from tallystick.bls import Bls
from tallystick.compact import CompactProof, ShownHalf, compact_text, open_contents, write_compact
from tallystick.encoding import encode
from tallystick.records.base import key_hash
from tallystick.records.goods import item_key, session_key
from tallystick.seals import SealCertificate
from tests import compact_world as w
from tests.recorded_bls import FILE, computing

INFINITY_KEY = bytes((0xC0,)) + bytes(47)
INFINITY_SIGNATURE = bytes((0xC0,)) + bytes(95)
# A point of the curve y² = x³ + 4 outside of the group of right order, and one of its twist: x = 4, and x = 2.
OUTSIDE_KEY = bytes((0x80,)) + bytes(46) + b"\x04"
OUTSIDE_SIGNATURE = bytes((0x80,)) + bytes(94) + b"\x02"

change = msgspec.structs.replace


def certified(**changes: Any) -> SealCertificate:
    """The certificate with other fields."""
    return change(w.certificate(), **changes)


def sealed(**changes: Any) -> SealCertificate:
    """The certificate over an altered seal, its signature left as it was."""
    return certified(seal=change(w.seal(), **changes))


def aggregate(*indices: int, seal: Any = None) -> bytes:
    """The sum of these founders' shares."""
    return w.scheme().aggregate([w.share(index, seal) for index in indices])


def defects() -> dict[str, tuple[CompactProof, str]]:
    """Every broken proof with the code that it must be refused with."""
    good = w.proof()
    other = change(w.seal().executed, time_ms=w.seal().executed.time_ms + 1)
    old_item = w.record(item_key(w.PACKS[0]))
    item, session = good.item, good.session
    assert item is not None
    only_item = w.trie().prove([key_hash(item_key(w.PALLET))])
    first = w.record(session_key(w.PALLET, 1))
    return {
        "another-chain": (change(good, certificate=sealed(chain_id=bytes(32))), "wrong-chain"),
        "another-epoch": (change(good, certificate=sealed(epoch=1)), "unknown-validators"),
        "another-set": (change(good, certificate=sealed(validators_hash=bytes(32))), "unknown-validators"),
        "signer-beyond-the-set": (change(good, certificate=certified(signers=0b11011)), "unknown-validators"),
        "two-signers": (change(good, certificate=certified(signers=0b11, signature=aggregate(0, 1))), "quorum-short"),
        "one-bit-less": (change(good, certificate=certified(signers=0b0011)), "quorum-short"),
        "one-bit-more": (change(good, certificate=certified(signers=0b1111)), "bad-vote-signature"),
        "another-signer": (change(good, certificate=certified(signers=0b0111)), "bad-vote-signature"),
        "one-signer-thrice": (change(good, certificate=certified(signature=aggregate(0, 0, 0))), "bad-vote-signature"),
        "another-message": (change(good, certificate=sealed(executed=other)), "bad-vote-signature"),
        "one-of-another-message": (
            change(good, certificate=certified(signature=w.scheme().aggregate(
                [w.share(0), w.share(1), w.share(3, change(w.seal(), executed=other))]
            ))),
            "bad-vote-signature",
        ),
        "infinity-signature": (change(good, certificate=certified(signature=INFINITY_SIGNATURE)), "bad-vote-signature"),
        "signature-outside-the-group": (
            change(good, certificate=certified(signature=OUTSIDE_SIGNATURE)), "bad-vote-signature",
        ),
        "another-state": (
            change(good, certificate=sealed(executed=change(w.seal().executed, state_root=bytes(32)))), "not-in-state",
        ),
        "state-of-one-record": (change(good, state=only_item), "not-shown"),
        "state-truncated": (change(good, state=good.state[:-1]), "unreadable"),
        "item-altered": (change(good, item=ShownHalf(old_item.public, item.members_hash)), "record-altered"),
        "item-contents-altered": (change(good, item=ShownHalf(item.public, bytes([1]) * 32)), "record-altered"),
        "session-altered": (
            change(good, session=ShownHalf(session.public[:-1] + b"\x01", session.members_hash)), "record-altered",
        ),
        "earlier-session": (change(good, session=ShownHalf(first.public, first.members_hash())), "not-shown"),
        "contents-hash-of-no-length": (change(good, session=ShownHalf(session.public, bytes(5))), "unreadable"),
        "another-subject": (change(good, subject=w.PACKS[0]), "record-altered"),
        "contents-altered": (
            change(with_contents(), contents=change(with_contents().contents, salt=bytes(32))), "record-altered",
        ),
    }  # fmt: skip


def with_contents() -> CompactProof:
    """The pallet with what lies in it."""
    record = w.record(session_key(w.PALLET, 2))
    return open_contents(w.proof(), record.members_salt, record.members)


def key_vectors() -> list[dict[str, Any]]:
    """BLS keys with proofs of possession; only the first may be used."""
    first, second = w.key_set().keys[:2]
    rogue = rogue_key()
    rows = [
        ("good", first.key, first.possession, True),
        ("possession-of-another", first.key, second.possession, False),
        ("infinity", INFINITY_KEY, INFINITY_SIGNATURE, False),
        ("possession-at-infinity", first.key, INFINITY_SIGNATURE, False),
        ("outside-the-group", OUTSIDE_KEY, first.possession, False),
        ("possession-outside-the-group", first.key, OUTSIDE_SIGNATURE, False),
        ("uncompressed-flag", bytes((first.key[0] & 0x7F,)) + first.key[1:], first.possession, False),
        ("coordinate-above-the-prime", bytes((0x9F,)) + b"\xff" * 47, first.possession, False),
        ("not-on-the-curve", bytes((0x80,)) + bytes(46) + b"\x01", first.possession, False),
        ("rogue", rogue, first.possession, False),
    ]
    return [
        {"name": name, "key": key.hex(), "possession": possession.hex(), "good": good}
        for name, key, possession, good in rows
    ]


def rogue_key() -> bytes:
    """Our own key minus that of another: with it, the other's share of an aggregate cancels out."""
    from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1
    from py_ecc.optimized_bls12_381 import add, neg

    first, second = w.key_set().keys[:2]
    return bytes(G1_to_pubkey(add(pubkey_to_G1(second.key), neg(pubkey_to_G1(first.key)))))


def vectors() -> dict[str, Any]:
    """Everything."""
    recorder = computing()
    w.use(Bls(recorder))
    w.share(2)
    good, full = write_compact(w.proof()), write_compact(with_contents())
    short = replace_item(w.proof())
    proofs = [
        {"name": "good", "data": good.hex(), "code": None},
        {"name": "good-text", "data": compact_text(good).encode().hex(), "code": None},
        {"name": "good-with-contents", "data": full.hex(), "code": None},
        {"name": "good-session-alone", "data": write_compact(short).hex(), "code": None},
        {"name": "newer-format", "data": (good[:3] + b"\x02" + good[4:]).hex(), "code": "unreadable"},
        {"name": "byte-behind", "data": (good + b"\x00").hex(), "code": "unreadable"},
        {"name": "text-cut", "data": compact_text(good).encode()[:-1].hex(), "code": "unreadable"},
        *({"name": name, "data": write_compact(p).hex(), "code": code} for name, (p, code) in defects().items()),
    ]
    return {
        "chain_id": w.world().chain_id.hex(),
        "subject": w.PALLET,
        "key_set": encode(w.key_set()).hex(),
        "seal_signing_bytes": w.seal().signing_bytes().hex(),
        "seal": encode(w.seal()).hex(),
        "keys": key_vectors(),
        "proofs": proofs,
        "recorded": recorder.recorded(),
    }


def replace_item(proof: CompactProof) -> CompactProof:
    """The proof without the unit's own record, as it is made where both do not fit."""
    key = key_hash(session_key(w.PALLET, 2))
    return change(proof, state=w.trie().prove([key]), item=None)


def main() -> int:
    """Write or compare."""
    text = json.dumps(vectors(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        same = FILE.read_text() == text
        print("as frozen" if same else f"{FILE.name} differs from what the code makes")
        return 0 if same else 1
    FILE.write_text(text)
    print(f"{FILE}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
