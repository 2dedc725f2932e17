"""Reading the public half of a record that somebody shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tallystick.encoding import Message, decode
from tallystick.errors import DecodeError, ProofError
from tallystick.limits import RECORD_SIZE_MAX

T = TypeVar("T", bound=Message)


def public_of(lookup: Callable[[bytes], bytes | None], key: bytes, type_: type[T]) -> T | None:
    """The public half of the record of ``key`` as its type, or None where there is none.

    Raises:
        ProofError: ``record-altered`` when the bytes shown are not of this type.
    """
    public = lookup(key)
    if public is None:
        return None
    try:
        return decode(public, type_, size_max=RECORD_SIZE_MAX)
    except DecodeError as error:
        raise ProofError("record-altered", f"a record is not a {type_.__name__}") from error
