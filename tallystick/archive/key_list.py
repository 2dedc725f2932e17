"""Keys of an archive in one readable list: validators by epoch, organisations' keys with the heights they held.

Everything in it stands in the members that prove it; the list is made out of them, and a verifier makes it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tallystick.records.base import Space
from tallystick.records.members import Key, Organisation
from tallystick.records.reading import public_of
from tallystick.validators import ValidatorSet


class ValidatorListed(msgspec.Struct, frozen=True):
    """Who voted in an epoch, with which key."""

    epoch: int
    organisation: str
    key: str


class OrganisationListed(msgspec.Struct, frozen=True):
    """An organisation's name and standing at the height of the archive."""

    id: str
    name: str
    status: str
    roles: list[str]


class KeyListed(msgspec.Struct, frozen=True):
    """A key and the heights in which it was active; ``until_height`` 0 while it was."""

    key: str
    organisation: str
    uses: list[str]
    status: str
    since_height: int
    until_height: int


class KeyList(msgspec.Struct, frozen=True):
    """The contents of ``keys.json``."""

    validators: list[ValidatorListed]
    organisations: list[OrganisationListed]
    keys: list[KeyListed]


def list_keys(epochs: Sequence[ValidatorSet], public: Mapping[bytes, bytes]) -> bytes:
    """The bytes of ``keys.json``.

    Args:
        epochs: validator sets, from epoch 0 on.
        public: public halves of proven records by key; those of other kinds are passed over.
    """
    validators = [
        ValidatorListed(epoch, member.organisation, member.key.hex())
        for epoch, validators in enumerate(epochs)
        for member in validators.members
    ]
    organisations, keys = [], []
    for key in sorted(public):
        if key[0] == Space.ORGANISATION:
            shown = public_of(public.get, key, Organisation)
            assert shown is not None
            status = shown.status.name.lower()
            organisations.append(OrganisationListed(key[1:].decode(), shown.name, status, list(shown.roles)))
        elif key[0] == Space.KEY:
            one = public_of(public.get, key, Key)
            assert one is not None
            uses, status = [use.name.lower() for use in one.uses], one.status.name.lower()
            keys.append(KeyListed(key[1:].hex(), one.organisation, uses, status, one.since_height, one.until_height))
    listed = KeyList(validators, organisations, keys)
    return msgspec.json.format(msgspec.json.encode(listed), indent=1) + b"\n"
