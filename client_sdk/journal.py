"""A journal beside a bulk upload: what was signed for each chunk and which chunks are proven, one JSON line each.

A line is on disk before what it announces is sent, so whenever the upload is cut off, running it again ends in the
same ledger: proven chunks are skipped, signed ones are sent again byte by byte. Salts, seeds and contents are not in
it; a signed chunk is rebuilt from document, nonce and validity, and must come to the same id.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from client_sdk import secure_files
from tallystick.errors import ConfigError

FORMAT = 1


class JournalHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="journal"):
    """First line: which upload this is.

    Attributes:
        digest: RFC 6962 root over all event commitments, hex: same document, secret, profile.
        signers: public keys, hex, in order.
        sizes: events per chunk.
    """

    format: int
    chain_id: str
    digest: str
    signers: list[str]
    sizes: list[int]


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="signed"):
    """A chunk is about to be sent under this id. A later line for the same chunk replaces an earlier one."""

    chunk: int
    id: str
    nonce: str
    valid_until_ms: int


class Settled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="settled"):
    """A chunk's receipt is proven. One that was refused counts as open again in a later run.

    Attributes:
        reason: name of the receipt's reason; ``NONE`` when it took effect.
        detail: of the receipt.
        before: every event of it had been recorded by an earlier capture.
    """

    chunk: int
    id: str
    height: int
    index: int
    reason: str
    detail: str = ""
    before: bool = False

    @property
    def recorded(self) -> bool:
        """Whether the chunk's events stand on the ledger."""
        return self.reason == "NONE" or self.before


Line = JournalHead | Signed | Settled
_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


def _sync_to_disk(descriptor: int) -> None:
    os.fsync(descriptor)


class Journal:
    """The journal of one upload, kept open; ``close`` it.

    Attributes:
        signed: by chunk, what was signed and may still be under way.
        settled: by chunk, those whose events are recorded.
    """

    def __init__(self, path: Path, head: JournalHead, *, sync: Callable[[int], None] = _sync_to_disk) -> None:
        """Open or begin the journal at ``path``.

        Raises:
            ConfigError: the file is the journal of another upload, or no journal.
        """
        self.path = path
        self.signed: dict[int, Signed] = {}
        self.settled: dict[int, Settled] = {}
        self._sync = sync
        kept = self._read(head) if path.exists() else 0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.ftruncate(self._descriptor, kept)  # a line cut off by a crash was never acted on
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise ConfigError(f"cannot write the journal {path}: {error.strerror}") from error
        if kept == 0:
            self._append(head)

    def write_signed(self, line: Signed) -> None:
        """Note, durably, what is about to be sent."""
        self._append(line)
        self._take(line)

    def write_settled(self, line: Settled) -> None:
        """Note, durably, what became of a chunk."""
        self._append(line)
        self._take(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _append(self, line: Line) -> None:
        data = _encoder.encode(line) + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            self._sync(self._descriptor)
        except OSError as error:
            raise ConfigError(f"cannot write the journal {self.path}: {error.strerror}") from error

    def _read(self, head: JournalHead) -> int:
        """Take in what is there; returns how many bytes hold whole lines."""
        data = secure_files.read(self.path, "journal")
        kept = data.rfind(b"\n") + 1
        for number, text in enumerate(data[:kept].splitlines(), 1):
            try:
                line = _decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{self.path}, line {number}, is no line of a journal: {error}") from error
            if number == 1:
                self._require_same(line, head)
            else:
                self._take(line)
        return kept

    def _take(self, line: Line) -> None:
        if isinstance(line, Signed):
            self.signed[line.chunk] = line
        elif isinstance(line, Settled) and line.recorded:
            self.settled[line.chunk] = line
        elif isinstance(line, Settled):
            self.signed.pop(line.chunk, None)  # its id is used up; the chunk may be signed anew

    def _require_same(self, line: Line, head: JournalHead) -> None:
        if line != head:
            raise ConfigError(
                f"{self.path} is the journal of another upload (document, key, profile or chunk size differ); "
                "finish that one, or name another journal"
            )
