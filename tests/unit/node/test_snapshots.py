"""A snapshot gives the state that was certified, whoever made it; anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from contracts.execution import execute_block
from node.executor import Executor
from node.ledger import Ledger, PrunedError
from node.memory_store import MemoryStore
from node.snapshots import chunks as chunking
from node.snapshots.chunks import Chunk, chunk_hash
from node.snapshots.manifest import CertifiedSnapshot, verify_manifest
from node.snapshots.rebuild import SnapshotLieError, rebuild
from node.tables import UNKNOWN_PLACE
from tallystick.encoding import decode, encode
from tallystick.errors import CertificateError, ProofError
from tests.snapshot_world import Chain, Made, certify, chain, snapshot, validators, world

HEIGHT, PROVEN = 30, 36


@pytest.fixture(scope="module")
def one() -> Chain:
    return chain(HEIGHT)


@pytest.fixture(scope="module")
def made(one: Chain, tmp_path_factory: pytest.TempPathFactory) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "SNAPSHOT_CHUNK_FILL", 4_096)
        return snapshot(one, tmp_path_factory.mktemp("snapshot") / "made", PROVEN)


def certified(made: Made) -> CertifiedSnapshot:
    return verify_manifest(made.manifest, made.proof, validators(), 0, world().chain_id)


def restored(made: Made) -> MemoryStore:
    store = MemoryStore()
    rebuild(certified(made), made.chunks, store, ())
    return store


def test_a_node_that_starts_from_it_goes_on_to_the_same_roots(one: Chain, made: Made) -> None:
    assert made.manifest.height == HEIGHT and len(made.chunks) > 3
    store = restored(made)
    reference = chain(HEIGHT)
    ledger = Ledger(store)
    executor = Executor(ledger, execute_block)
    assert replace(executor.tip, proof=None) == replace(reference.executor.tip, proof=None)
    row = ledger.block(HEIGHT)
    assert row is not None and row.header is not None
    other = Chain(store, ledger, executor, list(one.executed[: HEIGHT + 1]), (row.block_hash, row.header.view))
    other.grow(PROVEN)
    assert other.executed == one.executed
    assert [key for key, _ in ledger.records()] == [key for key, _ in one.ledger.records()]


def test_what_came_before_it_is_pruned_and_ids_are_known(made: Made) -> None:
    ledger = Ledger(restored(made))
    transaction = world().blocks[5][1][0]
    assert ledger.place(transaction.id) == UNKNOWN_PLACE
    with pytest.raises(PrunedError):
        ledger.transactions(7)
    with pytest.raises(PrunedError):
        ledger.receipts(HEIGHT)


def test_a_node_restored_from_it_makes_the_next_one_alike(one: Chain, made: Made, tmp_path: Path) -> None:
    store = restored(made)
    ledger = Ledger(store)
    row = ledger.block(HEIGHT)
    assert row is not None and row.header is not None
    parent = (row.block_hash, row.header.view)
    other = Chain(store, ledger, Executor(ledger, execute_block), list(one.executed[: HEIGHT + 1]), parent)
    other.grow(34)
    reference = snapshot(chain(34), tmp_path / "reference", 38)
    assert snapshot(other, tmp_path / "other", 38).manifest == reference.manifest


@pytest.mark.parametrize("field", ["records", "ids", "histories"])
@pytest.mark.parametrize("change", ["altered", "left out"])
def test_a_manifest_over_altered_rows_is_found_out_by_rebuilding(made: Made, field: str, change: str) -> None:
    section = ["records", "ids", "histories"].index(field) + 1
    chunks = list(made.chunks)
    for index, data in enumerate(chunks):
        rows = list(decode(data, Chunk, size_max=1 << 20).rows)
        at = next((at for at, (key, _) in enumerate(rows) if key[0] == section), None)
        if at is None:
            continue
        key, value = rows.pop(at)
        if change == "altered":
            other = bytes((value[-1] ^ 1,))
            rows.insert(at, (key, value[:-1] + other))
        chunks[index] = encode(Chunk(tuple(rows)))
        break
    lying = replace(made.manifest, chunks=tuple(map(chunk_hash, chunks)))
    liar = Made(lying, made.proof, tuple(chunks))
    with pytest.raises(SnapshotLieError):
        rebuild(certified(liar), liar.chunks, MemoryStore(), ())


def test_rows_out_of_order_and_rows_of_no_section_are_refused(made: Made) -> None:
    rows = decode(made.chunks[0], Chunk, size_max=1 << 20).rows
    for broken in (rows[::-1], (*rows, (b"\x04key", b"value")), ((b"", b"value"), *rows), ()):
        with pytest.raises(SnapshotLieError):
            rebuild(certified(made), (encode(Chunk(tuple(broken))),), MemoryStore(), ())


def test_a_manifest_is_certified_by_a_quorum_or_not_at_all(made: Made) -> None:
    proof, manifest = made.proof, made.manifest
    assert certified(made).executed[-1].height == HEIGHT
    tail = manifest.tail
    lies = [
        (replace(manifest, version=2), proof),
        (replace(manifest, chain_id=bytes(32)), proof),
        (replace(manifest, peaks=(bytes(32), *manifest.peaks[1:])), proof),
        (replace(manifest, peaks=manifest.peaks[1:]), proof),
        (replace(manifest, tail=tail[1:]), proof),
        (replace(manifest, tail=(*tail[:-1], replace(tail[-1], state_root=bytes(32)))), proof),
        (replace(manifest, tail=(replace(tail[0], receipt_count=9), *tail[1:])), proof),
        (manifest, replace(proof, finalisation=certify(proof.header, signers=2))),
        (manifest, replace(proof, finalisation=certify(tail[-1].header))),
        (manifest, replace(proof, header=tail[-1].header, finalisation=certify(tail[-1].header), leaves=())),
        (manifest, replace(proof, leaves=proof.leaves[:-1])),
        (manifest, replace(proof, leaves=(*proof.leaves, proof.leaves[-1]))),
    ]
    for lie, its_proof in lies:
        with pytest.raises((ProofError, CertificateError)):
            verify_manifest(lie, its_proof, validators(), 0, world().chain_id)
    with pytest.raises(ProofError):
        verify_manifest(manifest, proof, validators(), 1, world().chain_id)
