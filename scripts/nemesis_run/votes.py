"""What validators signed, read from their own records on disk.

The record is written before anything is sent, so whatever another node may have heard stands in it. It is read while
the node runs, too: a torn end is simply not there yet.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the last whole record: what a crash tore off is cut off at the next start, and written over.

    Attributes:
        file: name of the newest file; they are in order.
        offset: bytes of it.
    """

    file: str = ""
    offset: int = 0


def end_of(folder: Path) -> Place:
    """Where the record of a node that does not run ends."""
    files = segments(folder)
    return Place(files[-1].name, read_records(files[-1].read_bytes())[1]) if files else Place()


def votes_behind(folder: Path, place: Place) -> list[Statement]:
    """Own votes behind a place, also where a new file was begun since."""
    found = []
    for file in segments(folder):
        if file.name < place.file:
            continue
        data = _read(file)[place.offset if file.name == place.file else 0 :]
        found += [entry.vote.statement for entry in _entries(data) if isinstance(entry, VoteEntry)]
    return found


class Spoken:
    """All statements of one validator, gathered over restarts."""

    def __init__(self) -> None:
        self.statements = 0
        self._seen: set[tuple[object, ...]] = set()
        self._said: dict[tuple[int, int], dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))

    def read(self, folder: Path) -> None:
        """Take in every file that is there now; what was taken in before changes nothing."""
        for file in segments(folder):
            for entry in _entries(_read(file)):
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


def _read(file: Path) -> bytes:
    """What stands in a file; nothing when the node has let it go since it was listed."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _entries(data: bytes) -> list[Entry]:
    payloads, _ = read_records(data)
    return [decode(payload, Entry, size_max=_ENTRY_SIZE_MAX) for payload in payloads]  # type: ignore[arg-type]
