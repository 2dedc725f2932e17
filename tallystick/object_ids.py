"""Ids of escrows, obligations, slices, deals and grants: derived, so that nobody can take another's id in advance.

The id of a created object is a hash over its record space, the salt of the payload that creates it and the creating
organisation. Its maker knows it before sending; nobody else can create an object under it, even after seeing the
payload, because the organisation of the signers is part of the hash. The salt is known to members only, so the id
tells the public nothing. Specification: docs/spec/payloads.md.
"""

from __future__ import annotations

from tallystick.hashing import TAG_OBJECT_ID, tagged
from tallystick.limits import SALT_SIZE
from tallystick.records.base import Space


def object_id(space: Space, payload_salt: bytes, organisation: str) -> bytes:
    """The 32-byte id of the object that ``organisation`` creates by a payload with this 32-byte salt."""
    assert len(payload_salt) == SALT_SIZE
    return tagged(TAG_OBJECT_ID, bytes((space,)), payload_salt, organisation.encode())


def slice_id(obligation: bytes, index: int) -> bytes:
    """The 32-byte id of slice number ``index`` of an obligation (32 bytes)."""
    assert len(obligation) == 32
    return tagged(TAG_OBJECT_ID, bytes((Space.SLICE,)), obligation, index.to_bytes(8, "big"))
