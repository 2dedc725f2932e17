"""What was fetched of a snapshot: manifest, proof and chunks on the disk, so that a restart goes on with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from node.snapshots.chunks import chunk_hash
from node.snapshots.manifest import Manifest, SnapshotProof
from node.snapshots.shelf import chunk_file, manifest_file, read_up_to
from tallystick.encoding import Message, decode, encode
from tallystick.errors import DecodeError
from tallystick.limits import SNAPSHOT_CHUNK_SIZE_MAX, SNAPSHOT_MANIFEST_SIZE_MAX

JOINING = "joining"  # folder in the data folder


class DamagedChunkError(Exception):
    """A chunk on the disk is not what was fetched.

    Attributes:
        index: which one.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"chunk {index}")
        self.index = index


class _Begun(Message, frozen=True):
    manifest: Manifest
    proof: SnapshotProof


class JoiningFolder:
    """One snapshot that is being fetched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begun(self) -> tuple[Manifest, SnapshotProof] | None:
        """What was begun before; None when nothing was, or when it cannot be read any more."""
        data = read_up_to(manifest_file(self._folder), 2 * SNAPSHOT_MANIFEST_SIZE_MAX)
        if not data:
            return None
        try:
            begun = decode(data, _Begun, size_max=2 * SNAPSHOT_MANIFEST_SIZE_MAX)
        except DecodeError:
            return None
        return begun.manifest, begun.proof

    def begin(self, manifest: Manifest, proof: SnapshotProof) -> None:
        """Fetch this one; the chunks of another are thrown away.

        Raises:
            OSError: the disk says no.
        """
        known = self.begun()
        if known is None or known[0] != manifest:
            self.clear()
            self._folder.mkdir(parents=True)
        temporary = self._folder / "manifest.new"
        temporary.write_bytes(encode(_Begun(manifest, proof)))
        temporary.replace(manifest_file(self._folder))

    def here(self, manifest: Manifest) -> set[int]:
        """Chunks that are here and whole; reads all of them."""
        found = set()
        for index, expected in enumerate(manifest.chunks):
            data = read_up_to(chunk_file(self._folder, index), SNAPSHOT_CHUNK_SIZE_MAX)
            if data and chunk_hash(data) == expected:
                found.add(index)
        return found

    def count(self) -> int:
        """Chunks that are here, whole or not, of whichever snapshot: they take no further room."""
        return sum(1 for _ in self._folder.glob("*.chunk"))

    def put(self, index: int, data: bytes) -> None:
        """Keep a chunk.

        Raises:
            OSError: the disk says no.
        """
        chunk_file(self._folder, index).write_bytes(data)

    def chunks(self, manifest: Manifest) -> Iterator[bytes]:
        """All chunks in order.

        Raises:
            DamagedChunkError: one is not what was fetched.
        """
        for index, expected in enumerate(manifest.chunks):
            data = read_up_to(chunk_file(self._folder, index), SNAPSHOT_CHUNK_SIZE_MAX)
            if chunk_hash(data) != expected:
                raise DamagedChunkError(index)
            yield data

    def clear(self) -> None:
        """Throw everything away."""
        shutil.rmtree(self._folder, ignore_errors=True)
