"""Read tokens: for readers that run beside the node (the explorer), which hold no key of the organisation.

The file has one line per reader, ``name token``, and is readable by its owner alone. A token reads what members may
read and submits nothing.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from pathlib import Path

from node.key_files import read_secret
from tallystick.errors import ConfigError

READERS_MAX = 64  # lines; one per program that reads
_LINE = re.compile(r"([a-z0-9][a-z0-9-]{0,31}) ([0-9a-f]{64})")


def new_token_file(*names: str) -> bytes:
    """A fresh token of 32 random bytes, in hex, for each reader."""
    return "".join(f"{name} {secrets.token_hex(32)}\n" for name in names).encode()


class ReadTokens:
    """Who a token belongs to. Keeps only hashes, so that a lookup's time tells nothing about a token."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self._names = {sha256(token.encode()).digest(): name for name, token in tokens.items()}

    def reader(self, token: str) -> str | None:
        """Name of the reader, or None for a token that is unknown."""
        return self._names.get(sha256(token.encode("utf-8", "surrogateescape")).digest())


def read_tokens(path: Path | None) -> ReadTokens:
    """Read the file; None gives no readers.

    Raises:
        ConfigError: unreadable, readable by others, or a line that is not ``name token``.
    """
    if path is None:
        return ReadTokens({})
    tokens: dict[str, str] = {}
    for number, line in enumerate(read_secret(path, "file of read tokens").decode("utf-8", "replace").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match.group(1) in tokens or match.group(2) in tokens.values():
            raise ConfigError(f'{path}, line {number}: write "name token", each once, the token 64 hex digits')
        tokens[match.group(1)] = match.group(2)
    if len(tokens) > READERS_MAX:
        raise ConfigError(f"{path}: {len(tokens)} readers, at most {READERS_MAX} are possible")
    return ReadTokens(tokens)
