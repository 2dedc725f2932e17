"""Search everything that was written or published for what must be nowhere: prices, terms, names, secrets."""

from __future__ import annotations

import json
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from pathlib import Path

_ENCODED = re.compile(rb"[A-Za-z0-9_-]{24,}"), re.compile(rb"[A-Za-z0-9+/]{24,}")  # base64url, and base64 of bundles
_URL_LETTERS = bytes.maketrans(b"+/", b"-_")


class LeakError(Exception):
    """A secret was found where it must not be."""


def spellings(secret: str) -> set[bytes]:
    """A text as bytes, as JSON escapes and percent-encoded letters could hide it."""
    return {secret.encode(), json.dumps(secret)[1:-1].encode(), secret.encode("utf-16-le")}


def scan_files(folder: Path, secrets: Iterable[str], binary_secrets: Iterable[bytes], *, skip: set[Path]) -> int:
    """Search every file below a folder; returns how many were read.

    Nodes may be running: LevelDB removes tables whose rows it has written to new ones, so what came meanwhile is read
    as well, until nothing new is there.

    Raises:
        LeakError: naming file and secret.
    """
    needles = {needle: secret for secret in secrets for needle in spellings(secret)}
    done: set[Path] = set(skip)
    count = 0
    while found := sorted(_files_below(folder) - done):
        done.update(found)
        for path in found:
            try:
                data = path.read_bytes() if path.is_file() else None
            except FileNotFoundError:
                continue
            if data is None:  # a socket
                continue
            count += 1
            _scan(path, data, needles, binary_secrets)
    return count


def _files_below(folder: Path) -> set[Path]:
    """All that is there; folders may go meanwhile, too."""
    return {Path(parent) / name for parent, _, names in os.walk(folder) for name in names}


def _scan(where: Path | str, data: bytes, needles: dict[bytes, str], binary_secrets: Iterable[bytes]) -> None:
    for needle, secret in needles.items():
        if needle in data:
            raise LeakError(f"{where} holds {secret!r}")
    for binary in binary_secrets:
        if binary in data or binary.hex().encode() in data:
            raise LeakError(f"{where} holds a private key or secret")


def opened(body: bytes) -> bytes:
    """An answer with everything in it that is base64 decoded beside it: a leak must not hide in an encoding."""
    parts = [body]
    for text in (text for spelling in _ENCODED for text in spelling.findall(body)):
        try:
            parts.append(urlsafe_b64decode(text.translate(_URL_LETTERS) + b"=" * (-len(text) % 4)))
        except ValueError:
            continue
    return b"\n".join(parts)


def scan_answers(answers: dict[str, bytes], secrets: Iterable[str], binary_secrets: Iterable[bytes] = ()) -> None:
    """Search public answers, also what is encoded in them.

    Raises:
        LeakError: naming address and secret.
    """
    needles = {needle: secret for secret in secrets for needle in spellings(secret)}
    binary = tuple(binary_secrets)
    for address, body in answers.items():
        _scan(address, opened(body), needles, binary)
