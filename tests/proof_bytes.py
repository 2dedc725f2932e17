"""Byte strings as bundles spell them: base64 with padding."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TypeVar

from tallystick.proofs.messages import read_message

T = TypeVar("T")

ZEROS = b64encode(bytes(32)).decode()


def b64(data: bytes) -> str:
    """The text of a byte string."""
    return b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The byte string of a text."""
    return b64decode(text, validate=True)


def read(text: str, type_: type[T], size_max: int) -> T:
    """The message in a text."""
    return read_message(unb64(text), type_, size_max)
