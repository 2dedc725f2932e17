"""The finished snapshots of a node: a folder each, with the manifest and one file per chunk."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import NamedTuple

from node.logs import log_fields
from node.snapshots.chunks import chunk_hash
from node.snapshots.manifest import Manifest
from tallystick.encoding import decode
from tallystick.errors import DecodeError
from tallystick.limits import SNAPSHOT_CHUNK_SIZE_MAX, SNAPSHOT_MANIFEST_SIZE_MAX

KEPT = 2  # snapshots: who began to fetch one can finish while the next is made
MAKING = "making"

logger = logging.getLogger("tallystick.snapshots")


def folder_of(shelf: Path, height: int) -> Path:
    """Where the snapshot of a height is."""
    return shelf / f"{height:016d}"


def chunk_file(folder: Path, index: int) -> Path:
    """Where a chunk is."""
    return folder / f"{index:05d}.chunk"


def manifest_file(folder: Path) -> Path:
    """Where the manifest is."""
    return folder / "manifest.bin"


class Shelved(NamedTuple):
    """A snapshot on the disk."""

    folder: Path
    manifest: Manifest


class Shelf:
    """Snapshots by the hash of their manifest, the newest last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_digest: dict[bytes, Shelved] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            self._load(path)
        remove(self._let_go())

    @property
    def making(self) -> Path:
        """Where the next one is made."""
        return self._folder / MAKING

    def newest_height(self) -> int:
        """Height of the newest one; 0 where there is none."""
        return max((shelved.manifest.height for shelved in self._by_digest.values()), default=0)

    def offers(self) -> tuple[tuple[int, bytes], ...]:
        """Height and manifest hash of each, newest first."""
        found = [(shelved.manifest.height, digest) for digest, shelved in self._by_digest.items()]
        return tuple(sorted(found, reverse=True))

    def put(self, manifest: Manifest) -> list[Path]:
        """Take the one that was made; returns the folders of those that are let go, for ``remove``.

        Raises:
            OSError: the disk says no.
        """
        folder = folder_of(self._folder, manifest.height)
        shutil.rmtree(folder, ignore_errors=True)
        self.making.rename(folder)
        self._by_digest[manifest.digest()] = Shelved(folder, manifest)
        return self._let_go()

    def manifest(self, digest: bytes) -> Manifest | None:
        """A manifest, or None."""
        shelved = self._by_digest.get(digest)
        return None if shelved is None else shelved.manifest

    def chunk(self, digest: bytes, index: int) -> bytes:
        """A chunk; nothing when it is not here. One that the disk has altered takes its snapshot along."""
        shelved = self._by_digest.get(digest)
        if shelved is None or not index < len(shelved.manifest.chunks):
            return b""
        data = read_up_to(chunk_file(shelved.folder, index), SNAPSHOT_CHUNK_SIZE_MAX)
        if chunk_hash(data) != shelved.manifest.chunks[index]:
            logger.error("a snapshot is damaged and dropped", extra=log_fields(height=shelved.manifest.height))
            remove([self._by_digest.pop(digest).folder])
            return b""
        return data

    def _load(self, path: Path) -> None:
        try:
            data = read_up_to(manifest_file(path), SNAPSHOT_MANIFEST_SIZE_MAX)
            manifest = decode(data, Manifest, size_max=SNAPSHOT_MANIFEST_SIZE_MAX)
        except DecodeError:  # unfinished, or damaged
            shutil.rmtree(path, ignore_errors=True)
            return
        self._by_digest[manifest.digest()] = Shelved(path, manifest)

    def _let_go(self) -> list[Path]:
        """All but the newest, which are not offered any more."""
        return [self._by_digest.pop(digest).folder for _, digest in self.offers()[KEPT:]]


def remove(folders: list[Path]) -> None:
    """Delete folders of snapshots, of many files each: in a thread where a loop runs."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def read_up_to(path: Path, size_max: int) -> bytes:
    """A file's bytes, at most one more than ``size_max``; nothing when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(size_max + 1)
    except OSError:
        return b""
