"""RFC 6962 section 2.1 written recursively as the text has it: judge of ``tallystick.merkle``."""

from __future__ import annotations

from hashlib import sha256


def naive_root(leaves: list[bytes]) -> bytes:
    """Merkle tree hash of a list of leaf data."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_path(leaves: list[bytes], index: int) -> list[bytes]:
    """Audit path of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*naive_path(leaves[:split], index), naive_root(leaves[split:])]
    return [*naive_path(leaves[split:], index - split), naive_root(leaves[:split])]
