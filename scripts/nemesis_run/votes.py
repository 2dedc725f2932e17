"""What validators signed, read from their own records on disk.

The record is written before anything is sent, so whatever another node may have heard stands in it. It is read while
the node runs, too: a torn end is simply not there yet.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from node.folder import SIGNER_LOG
from node.signer_log import Entry, HeaderEntry, VoteEntry
from node.wal import read_records
from tallystick.encoding import decode
from tallystick.votes import Statement, VoteKind

_ENTRY_SIZE_MAX = 16 * 1_048_576


def segments(folder: Path) -> list[Path]:
    """The files of a node's record of own votes, oldest first."""
    return sorted((folder / "data" / SIGNER_LOG).glob("*.log"))


def size_of(folder: Path) -> int:
    """Bytes in the newest file."""
    files = segments(folder)
    return files[-1].stat().st_size if files else 0


def votes_behind(folder: Path, offset: int) -> list[Statement]:
    """Own votes that stand in the newest file behind an offset where a record ended."""
    files = segments(folder)
    if not files:
        return []
    with files[-1].open("rb") as opened:
        opened.seek(offset)
        return [entry.vote.statement for entry in _entries(opened.read()) if isinstance(entry, VoteEntry)]


class Spoken:
    """All statements of one validator, gathered over restarts."""

    def __init__(self) -> None:
        self.statements = 0
        self._seen: set[tuple[object, ...]] = set()
        self._said: dict[tuple[int, int], dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))

    def read(self, folder: Path) -> None:
        """Take in every file that is there now; what was taken in before changes nothing."""
        for file in segments(folder):
            for entry in _entries(file.read_bytes()):
                if isinstance(entry, VoteEntry):
                    said = entry.vote.statement
                    self._note(said.epoch, said.view, VoteKind(said.kind).name.lower(), said.block_hash)
                elif isinstance(entry, HeaderEntry) and entry.own:
                    self._note(entry.header.epoch, entry.header.view, "propose", entry.header.block_hash())

    def contradictions(self) -> list[str]:
        """Two proposals, notarize or finalize votes of one view, or nullify beside finalize."""
        found = []
        for (epoch, view), said in sorted(self._said.items()):
            found += [f"two {kind} in view {view} of epoch {epoch}" for kind in said if len(said[kind]) > 1]
            if "nullify" in said and "finalize" in said:
                found.append(f"nullify and finalize in view {view} of epoch {epoch}")
        return found

    def _note(self, epoch: int, view: int, kind: str, block_hash: bytes) -> None:
        if (epoch, view, kind, block_hash) not in self._seen:
            self._seen.add((epoch, view, kind, block_hash))
            self._said[epoch, view][kind].add(block_hash)
            self.statements += 1


def _entries(data: bytes) -> list[Entry]:
    payloads, _ = read_records(data)
    return [decode(payload, Entry, size_max=_ENTRY_SIZE_MAX) for payload in payloads]  # type: ignore[arg-type]
