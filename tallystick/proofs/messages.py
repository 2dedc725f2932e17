"""Messages inside bundles: canonical bytes or ``unreadable``."""

from __future__ import annotations

from typing import TypeVar

from tallystick.encoding import decode
from tallystick.errors import DecodeError, ProofError
from tallystick.proofs.codes import ProofCode

T = TypeVar("T")


def read_message(data: bytes, type_: type[T], size_max: int) -> T:
    """A message from its bytes.

    Raises:
        ProofError: ``unreadable``.
    """
    try:
        return decode(data, type_, size_max=size_max)
    except DecodeError as error:
        raise ProofError(ProofCode.UNREADABLE, str(error)) from error
