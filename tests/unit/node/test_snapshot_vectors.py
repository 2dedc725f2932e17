"""The frozen bytes of a snapshot: certified, rebuilt, read alike by another library; the broken ones refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest
from msgspec.structs import replace

from node.ledger import Ledger
from node.memory_store import MemoryStore
from node.snapshots.chunks import Chunk, ChunkReader, chunk_hash
from node.snapshots.manifest import CertifiedSnapshot, Manifest, SnapshotProof, verify_manifest
from node.snapshots.rebuild import SnapshotLieError, rebuild
from tallystick.encoding import decode, encode
from tallystick.errors import CertificateError, DecodeError, ProofError
from tallystick.validators import ValidatorSet

ROOT = Path(__file__).resolve().parents[3]
VECTORS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "snapshots.json").read_text())
SIZE_MAX = 1 << 22
RULES = {  # by which each altered chunk is refused
    "a record altered": "malformed",
    "a record left out": "not-in-state",
    "rows out of order": "snapshot.order",
    "a row twice": "snapshot.order",
    "a row of no section": "snapshot.section",
    "no rows": "snapshot.order",
    "not canonical": "malformed",
}


def certified(manifest: str, proof: str) -> CertifiedSnapshot:
    return verify_manifest(
        decode(bytes.fromhex(manifest), Manifest, size_max=SIZE_MAX),
        decode(bytes.fromhex(proof), SnapshotProof, size_max=SIZE_MAX),
        decode(bytes.fromhex(VECTORS["validators"]), ValidatorSet, size_max=SIZE_MAX),
        0,
        bytes.fromhex(VECTORS["chain_id"]),
    )


def test_the_snapshot_is_certified_and_rebuilds_to_its_root() -> None:
    one = certified(VECTORS["manifest"], VECTORS["proof"])
    assert one.manifest.digest().hex() == VECTORS["digest"] and one.manifest.height == VECTORS["height"]
    chunks = [bytes.fromhex(chunk) for chunk in VECTORS["chunks"]]
    assert [chunk_hash(data).hex() for data in chunks] == VECTORS["chunk_hashes"]
    assert [hash_.hex() for hash_ in one.manifest.chunks] == VECTORS["chunk_hashes"]
    store = MemoryStore()
    rebuild(one, chunks, store, ())
    assert Ledger(store).tip().executed.state_root.hex() == VECTORS["state_root"]


def test_another_library_reads_the_same_bytes() -> None:
    manifest = decode(bytes.fromhex(VECTORS["manifest"]), Manifest, size_max=SIZE_MAX)
    version, chain_id, peaks, tail, chunks = msgpack.unpackb(encode(manifest))
    assert (version, chain_id, tuple(peaks), tuple(chunks)) == (1, manifest.chain_id, manifest.peaks, manifest.chunks)
    assert [height[1] for height in tail] == [one.state_root for one in manifest.tail]
    for chunk in VECTORS["chunks"]:
        (rows,) = msgpack.unpackb(bytes.fromhex(chunk))
        assert all(len(row) == 2 and row[0][0] in (1, 2, 3) for row in rows)


@pytest.mark.parametrize("vector", VECTORS["refused_manifests"], ids=lambda vector: vector["name"])
def test_a_manifest_without_a_quorum_behind_it_is_refused_by_its_code(vector: dict[str, str]) -> None:
    with pytest.raises((ProofError, CertificateError)) as caught:
        certified(vector["manifest"], vector["proof"])
    assert caught.value.code == vector["code"]


@pytest.mark.parametrize("vector", VECTORS["refused_chunks"], ids=lambda vector: vector["name"])
def test_chunks_that_are_not_the_certified_state_are_refused(vector: dict[str, Any]) -> None:
    one = certified(VECTORS["manifest"], VECTORS["proof"])
    chunks = [bytes.fromhex(chunk) for chunk in VECTORS["chunks"]]
    chunks[vector["index"]] = bytes.fromhex(vector["chunk"])
    lying = replace(one.manifest, chunks=tuple(map(chunk_hash, chunks)))
    with pytest.raises(SnapshotLieError, match=rf"\[{RULES[vector['name']]}\]"):
        rebuild(certified(encode(lying).hex(), VECTORS["proof"]), chunks, MemoryStore(), ())


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("snapshot.order", ()),
        ("snapshot.order", ((b"", b""),)),
        ("snapshot.order", ((b"\x01b", b""), (b"\x01a", b""))),
        ("snapshot.section", ((b"\x00", b""),)),
        ("snapshot.section", ((b"\x03", b""), (b"\x04", b""))),
    ],
)
def test_a_chunk_whose_rows_are_refused_is_not_written_at_all(rule: str, rows: tuple[tuple[bytes, bytes], ...]) -> None:
    data, store = encode(Chunk(rows)), MemoryStore()
    lying = replace(certified(VECTORS["manifest"], VECTORS["proof"]).manifest, chunks=(chunk_hash(data),))
    with pytest.raises(SnapshotLieError, match=rf"height {VECTORS['height']} is refused: .* \[{rule}\]"):
        rebuild(certified(encode(lying).hex(), VECTORS["proof"]), [data], store, ())
    assert list(store.range(b"", b"\xff" * 8)) == []


def test_the_rows_of_a_chunk_follow_those_of_the_one_before() -> None:
    reader, data = ChunkReader(), bytes.fromhex(VECTORS["chunks"][-1])
    assert reader.read(data)
    with pytest.raises(DecodeError) as caught:
        reader.read(data)
    assert caught.value.rule == "snapshot.order"


def test_the_vectors_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_snapshot_vectors.py"), "--check"]
    subprocess.run(command, check=True, timeout=240)
