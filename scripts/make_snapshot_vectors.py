#!/usr/bin/env python3
"""Write the frozen vectors of snapshots: a chain's snapshot that is certified and rebuilds, and what must be refused.

Usage: python scripts/make_snapshot_vectors.py [--check]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from msgspec.structs import replace

from node.snapshots import chunks as chunking
from node.snapshots.chunks import Chunk, chunk_hash
from scripts.write_or_compare import asked_to_check, write_or_compare
from tallystick.encoding import Message, decode, encode
from tests.snapshot_world import Made, certify, chain, snapshot, validators, world

FILE = ROOT / "tests" / "vectors" / "snapshots.json"
HEIGHT, PROVEN = 14, 20
CHUNK_FILL = 12_288  # bytes: more than one chunk of a small state


def made() -> Made:
    """The snapshot that all vectors are about."""
    with tempfile.TemporaryDirectory() as folder, patch.object(chunking, "SNAPSHOT_CHUNK_FILL", CHUNK_FILL):
        return snapshot(chain(HEIGHT), Path(folder) / "made", PROVEN)


def refused_manifests(one: Made) -> list[dict[str, str]]:
    """Manifests and proofs that no quorum stands behind, with the code of the refusal."""
    manifest, proof, tail = one.manifest, one.proof, one.manifest.tail
    last = tail[-1]
    lies: list[tuple[str, str, Message, Message]] = [
        ("another version", "wrong-chain", replace(manifest, version=2), proof),
        ("another chain", "wrong-chain", replace(manifest, chain_id=bytes(32)), proof),
        ("a peak altered", "not-in-history", replace(manifest, peaks=(bytes(32), *manifest.peaks[1:])), proof),
        ("a peak left out", "not-in-history", replace(manifest, peaks=manifest.peaks[1:]), proof),
        ("a tail cut short", "not-in-chain", replace(manifest, tail=tail[1:]), proof),
        ("a tail with a gap", "not-in-chain", replace(manifest, tail=(tail[0], *tail[2:])), proof),
        (
            "another state root",
            "not-in-history",
            replace(manifest, tail=(*tail[:-1], replace(last, state_root=bytes(32)))),
            proof,
        ),
        ("too few signers", "quorum-short", manifest, replace(proof, finalisation=certify(proof.header, signers=2))),
        ("a certificate of another block", "not-in-block", manifest, replace(proof, finalisation=certify(last.header))),
        (
            "a header that does not cover it",
            "not-in-history",
            manifest,
            replace(proof, header=last.header, finalisation=certify(last.header), leaves=()),
        ),
        ("a leaf left out", "not-in-history", manifest, replace(proof, leaves=proof.leaves[:-1])),
    ]
    return [
        {"name": name, "code": code, "manifest": encode(bad).hex(), "proof": encode(its_proof).hex()}
        for name, code, bad, its_proof in lies
    ]


def refused_chunks(one: Made) -> list[dict[str, Any]]:
    """Chunks that are not the certified state; where only one is altered its index says so."""
    rows = decode(one.chunks[0], Chunk, size_max=1 << 20).rows
    key, value = rows[0]
    altered = Chunk(((key, value[:-1] + bytes((value[-1] ^ 1,))), *rows[1:]))
    return [
        {"name": "a record altered", "index": 0, "chunk": encode(altered).hex()},
        {"name": "a record left out", "index": 0, "chunk": encode(Chunk(rows[1:])).hex()},
        {"name": "rows out of order", "index": 0, "chunk": encode(Chunk(rows[::-1])).hex()},
        {"name": "a row twice", "index": 0, "chunk": encode(Chunk((rows[0], *rows))).hex()},
        {"name": "a row of no section", "index": 0, "chunk": encode(Chunk(((b"\x00", b"x"), *rows))).hex()},
        {"name": "no rows", "index": 0, "chunk": encode(Chunk(())).hex()},
        {"name": "not canonical", "index": 0, "chunk": (one.chunks[0] + b"\x00").hex()},
    ]


def main() -> int:
    """Write the file, or with --check compare it."""
    checking = asked_to_check(__doc__)
    one = made()
    vectors = {
        "chain_id": world().chain_id.hex(),
        "validators": encode(validators()).hex(),
        "height": one.manifest.height,
        "state_root": one.manifest.tail[-1].state_root.hex(),
        "digest": one.manifest.digest().hex(),
        "manifest": encode(one.manifest).hex(),
        "proof": encode(one.proof).hex(),
        "chunk_hashes": [chunk_hash(data).hex() for data in one.chunks],
        "chunks": [data.hex() for data in one.chunks],
        "refused_manifests": refused_manifests(one),
        "refused_chunks": refused_chunks(one),
    }
    text = json.dumps(vectors, indent=1) + "\n"
    return write_or_compare(FILE, text, checking)


if __name__ == "__main__":
    sys.exit(main())
