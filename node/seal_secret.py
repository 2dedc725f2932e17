"""A validator's BLS secret in its folder, and what the validator set says of it: public key and proof of possession."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NamedTuple

from node.key_files import read_seal_secret, write_new
from tallystick.bls import GROUP_ORDER, SECRET_SIZE, bls


class BlsEntry(NamedTuple):
    """What stands in a card, a seat and the set; both empty for a validator that signs no seals."""

    bls_key: bytes
    bls_possession: bytes


NO_BLS_KEY = BlsEntry(b"", b"")


def new_seal_secret() -> bytes:
    """A BLS secret: any number from 1 to the group's order - 1."""
    return (secrets.randbelow(GROUP_ORDER - 1) + 1).to_bytes(SECRET_SIZE, "big")


def make_seal_secret(path: Path) -> None:
    """Write a new one. Raises: ConfigError: there is one already, or it cannot be written."""
    write_new(path, new_seal_secret().hex().encode() + b"\n", secret=True)


def bls_entry(path: Path) -> BlsEntry:
    """Of the secret in this file, empty where there is none; some seconds in pure Python.

    Raises:
        ConfigError: the file holds no such secret, or no BLS library is installed.
    """
    if not path.exists():
        return NO_BLS_KEY
    secret, scheme = read_seal_secret(path), bls()
    return BlsEntry(scheme.public_key(secret), scheme.prove_possession(secret))
