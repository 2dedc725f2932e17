"""Checking the finished snapshots of a folder: manifests against the database, chunks against their manifests."""

from __future__ import annotations

from pathlib import Path

from node.ledger import Ledger
from node.record_check import Disagreement
from node.snapshots.chunks import chunk_hash
from node.snapshots.maker import peaks_at, tail_of
from node.snapshots.manifest import SNAPSHOT_VERSION, Manifest
from node.snapshots.shelf import MAKING, chunk_file, folder_of, manifest_file, read_up_to
from tallystick.encoding import decode
from tallystick.errors import DecodeError
from tallystick.limits import SNAPSHOT_CHUNK_SIZE_MAX, SNAPSHOT_MANIFEST_SIZE_MAX

_REMEDY = "delete the folder {}: the node makes another snapshot in time"


def check_snapshots(folder: Path, ledger: Ledger, chain_id: bytes) -> None:
    """Every file of every finished snapshot; what was being made when the node ended is thrown away at its start.

    A manifest must be the one that this database gives for its height. That the chunks hold the state of that height is
    not computed again: their hashes are in the manifest, and who joins from them does it.

    Raises:
        Disagreement: at the first file that is damaged, missing, or none of the snapshot's.
        StorageError: a row cannot be read.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name != MAKING:
            _check_one(path, ledger, chain_id)


def _check_one(path: Path, ledger: Ledger, chain_id: bytes) -> None:
    remedy = _REMEDY.format(path)
    file = manifest_file(path)
    try:
        manifest = decode(read_up_to(file, SNAPSHOT_MANIFEST_SIZE_MAX), Manifest, size_max=SNAPSHOT_MANIFEST_SIZE_MAX)
    except DecodeError as error:
        raise Disagreement(f"{file}: {error}", -1, remedy=remedy) from error
    height = manifest.height
    tail = tail_of(ledger, height) if 0 < height <= ledger.tip().executed.height else None
    if path != folder_of(path.parent, height) or tail is None or manifest.tail != tail:
        raise Disagreement(f"{file} is not of this database's height {height}", -1, remedy=remedy)
    expected = Manifest(SNAPSHOT_VERSION, chain_id, peaks_at(ledger, tail[0].header.height), tail, manifest.chunks)
    if manifest != expected:
        raise Disagreement(f"{file} is not what the database gives for height {height}", height, remedy=remedy)
    for index, hash_ in enumerate(manifest.chunks):
        chunk = chunk_file(path, index)
        if chunk_hash(read_up_to(chunk, SNAPSHOT_CHUNK_SIZE_MAX)) != hash_:
            raise Disagreement(f"{chunk} is not the chunk that {file} names", height, remedy=remedy)
    named = {file, *(chunk_file(path, index) for index in range(len(manifest.chunks)))}
    for other in sorted(path.iterdir()):
        if other not in named:
            raise Disagreement(f"{other} is no file of this snapshot", height, remedy=remedy)
