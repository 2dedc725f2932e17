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

from scripts.write_or_compare import asked_to_check, write_or_compare
from tallystick.bls import Bls
from tallystick.compact import CompactProof, compact_text, open_contents, write_compact
from tallystick.compact_records import show_session
from tallystick.encoding import encode
from tallystick.records.goods import session_key
from tallystick.subtrees import bucket_hash
from tests import compact_world as w
from tests.recorded_bls import FILE, computing

INFINITY_KEY = bytes((0xC0,)) + bytes(47)
INFINITY_SIGNATURE = bytes((0xC0,)) + bytes(95)
# A point of the curve y² = x³ + 4 outside of the group of right order, and one of its twist: x = 4, and x = 2.
OUTSIDE_KEY = bytes((0x80,)) + bytes(46) + b"\x04"
OUTSIDE_SIGNATURE = bytes((0x80,)) + bytes(94) + b"\x02"

change = msgspec.structs.replace


def altered(**changes: Any) -> CompactProof:
    """The proof with other fields, its signature left as it was unless it is one of them."""
    return change(w.proof(), **changes)


def signed_by(*indices: int, bitmap: int) -> CompactProof:
    """The proof under the sum of these founders' shares, in the name of those in the bitmap."""
    return altered(signers=bitmap, signature=aggregate(*indices))


def aggregate(*indices: int, seal: Any = None) -> bytes:
    """The sum of these founders' shares."""
    return w.scheme().aggregate([w.share(index, seal) for index in indices])


def defects() -> dict[str, tuple[CompactProof, str]]:
    """Every broken proof with the code that it must be refused with."""
    return {**seal_defects(), **record_defects()}


def seal_defects() -> dict[str, tuple[CompactProof, str]]:
    """Something about chain, epoch, signers or signature."""
    good = w.proof()
    other = change(w.seal().executed, time_ms=good.time_ms + 1)
    mixed = w.scheme().aggregate([w.share(0), w.share(1), w.share(3, change(w.seal(), executed=other))])
    return {
        "another-chain": (altered(chain=bytes(4)), "wrong-chain"),
        "another-epoch": (altered(epoch=1), "unknown-validators"),
        "signer-beyond-the-set": (altered(signers=0b11011), "unknown-validators"),
        "two-signers": (signed_by(0, 1, bitmap=0b0011), "quorum-short"),
        "one-bit-less": (altered(signers=0b0011), "quorum-short"),
        "one-bit-more": (altered(signers=0b1111), "bad-vote-signature"),
        "another-signer": (altered(signers=0b0111), "bad-vote-signature"),
        "one-signer-thrice": (signed_by(0, 0, 0, bitmap=0b1011), "bad-vote-signature"),
        "one-signer-twice": (signed_by(0, 0, 1, bitmap=0b1011), "bad-vote-signature"),
        "one-of-another-message": (altered(signature=mixed), "bad-vote-signature"),
        "infinity-signature": (altered(signature=INFINITY_SIGNATURE), "bad-vote-signature"),
        "signature-outside-the-group": (altered(signature=OUTSIDE_SIGNATURE), "bad-vote-signature"),
        "another-height": (altered(height=good.height + 1), "bad-vote-signature"),
        "another-time": (altered(time_ms=good.time_ms + 1), "bad-vote-signature"),
        "other-roots": (altered(roots=bytes(32)), "bad-vote-signature"),
    }


def record_defects() -> dict[str, tuple[CompactProof, str]]:
    """Something about the records, or their place."""
    good, full = w.proof(), with_contents()
    item, session = good.item, good.session
    first = show_session(w.record(session_key(w.PALLET, 1)))
    sibling = bytes((good.siblings[0] ^ 1,)) + good.siblings[1:]
    empty = bucket_hash(b"") + good.siblings[32:]
    longer = change(item.history, peaks=item.history.peaks + bytes(32))
    opened = full.contents
    assert opened is not None
    longest = change(opened, common=opened.common[:-1], rests=tuple(opened.common[-1] + rest for rest in opened.rests))
    return {
        "other-recalls": (altered(item=change(item, recalls=("RC-1",))), "bad-vote-signature"),
        "item-contents-altered": (altered(item=change(item, members_hash=bytes([1]) * 32)), "bad-vote-signature"),
        "session-reopened": (altered(session=change(session, open=not session.open)), "bad-vote-signature"),
        "earlier-session": (altered(session=first), "bad-vote-signature"),
        "another-subject": (altered(session=change(session, sscc=session.sscc + 9)), "bad-vote-signature"),
        "another-history": (altered(item=change(item, history=session.history)), "bad-vote-signature"),
        "sibling-altered": (altered(siblings=sibling), "bad-vote-signature"),
        "sibling-missing": (altered(siblings=good.siblings[32:]), "unreadable"),
        "sibling-empty": (altered(siblings=empty), "unreadable"),
        "shape-without-a-level": (altered(shape=good.shape >> 1), "unreadable"),
        "peak-more-than-the-count": (altered(item=change(item, history=longer)), "unreadable"),
        "hash-of-no-length": (altered(item=change(item, container=bytes(5))), "unreadable"),
        "zeros-spelt-out": (altered(item=change(item, container=bytes(32))), "unreadable"),
        "contents-altered": (change(full, contents=change(opened, salt=bytes(32))), "record-altered"),
        "contents-not-shortest": (change(full, contents=longest), "unreadable"),
    }


def with_contents() -> CompactProof:
    """The pallet with what lies in it."""
    record = w.record(session_key(w.PALLET, 2))
    return open_contents(w.proof(), record.members_salt, record.members)


def key_vectors() -> list[dict[str, Any]]:
    """BLS keys with proofs of possession; only the first may be used."""
    first, second = w.validators().members[:2]
    key, possession = first.bls_key, first.bls_possession
    rows = [
        ("good", key, possession, True),
        ("possession-of-another", key, second.bls_possession, False),
        ("infinity", INFINITY_KEY, INFINITY_SIGNATURE, False),
        ("possession-at-infinity", key, INFINITY_SIGNATURE, False),
        ("outside-the-group", OUTSIDE_KEY, possession, False),
        ("possession-outside-the-group", key, OUTSIDE_SIGNATURE, False),
        ("uncompressed-flag", bytes((key[0] & 0x7F,)) + key[1:], possession, False),
        ("coordinate-above-the-prime", bytes((0x9F,)) + b"\xff" * 47, possession, False),
        ("not-on-the-curve", bytes((0x80,)) + bytes(46) + b"\x01", possession, False),
        ("rogue", rogue_key(), possession, False),
    ]
    return [
        {"name": name, "key": key.hex(), "possession": proof.hex(), "good": good} for name, key, proof, good in rows
    ]


def rogue_key() -> bytes:
    """Our own key minus that of another: with it, the other's share of an aggregate cancels out."""
    from eth_typing import BLSPubkey
    from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1
    from py_ecc.optimized_bls12_381.optimized_curve import add, neg

    first, second = (pubkey_to_G1(BLSPubkey(validator.bls_key)) for validator in w.validators().members[:2])
    return bytes(G1_to_pubkey(add(second, neg(first))))


def vectors() -> dict[str, Any]:
    """Everything."""
    recorder = computing()
    w.use(Bls(recorder))
    w.share(2)
    good, full = write_compact(w.proof()), write_compact(with_contents())
    proofs = [
        {"name": "good", "data": good.hex(), "code": None},
        {"name": "good-text", "data": compact_text(good).encode().hex(), "code": None},
        {"name": "good-with-contents", "data": full.hex(), "code": None},
        {"name": "good-link", "data": compact_text(good, "https://id.example.org").encode().hex(), "code": None},
        {"name": "newer-format", "data": (good[:3] + b"\x02" + good[4:]).hex(), "code": "unreadable"},
        {"name": "byte-behind", "data": (good + b"\x00").hex(), "code": "unreadable"},
        {"name": "text-cut", "data": compact_text(good).encode()[:-1].hex(), "code": "unreadable"},
        *({"name": name, "data": write_compact(p).hex(), "code": code} for name, (p, code) in defects().items()),
    ]
    return {
        "chain_id": w.world().chain_id.hex(),
        "subject": w.PALLET,
        "validators": encode(w.validators()).hex(),
        "seal_signing_bytes": w.seal().signing_bytes().hex(),
        "seal": encode(w.seal()).hex(),
        "keys": key_vectors(),
        "proofs": proofs,
        "recorded": recorder.recorded(),
    }


def main() -> int:
    """Write or compare."""
    checking = asked_to_check(__doc__)
    text = json.dumps(vectors(), indent=1) + "\n"
    return write_or_compare(FILE, text, checking)


if __name__ == "__main__":
    sys.exit(main())
