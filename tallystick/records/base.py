"""The value of every record, its hash in the state tree, and the spaces that keys live in."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec

from tallystick.encoding import ZERO32, Message, decode, encode
from tallystick.hashing import (
    TAG_MEMBERS_SALT,
    TAG_MEMBERS_SALT_DUE,
    TAG_RECORD,
    TAG_RECORD_MEMBERS,
    TAG_RECORD_PUBLIC,
    tagged,
)
from tallystick.limits import RECORD_SIZE_MAX

T = TypeVar("T", bound=Message)


class Space(IntEnum):
    """First byte of a record key. Numbers are on the ledger and never reused."""

    CHAIN = 1
    ORGANISATION = 2
    KEY = 3
    EXPIRING_IDS = 4
    EVENT = 5
    CORRECTION = 6
    ITEM = 7
    SESSION = 8
    TRANSFORMATION = 9
    ACCREDITATION = 10
    INSPECTION = 11
    RECALL = 12
    DUE = 13
    STATEMENTS = 14
    MILESTONE = 15
    PROPOSAL = 16
    DESCENDANTS = 18
    RECALL_PROGRESS = 19
    PREFIX = 20
    SEAT = 21
    PLANNED_SEAT = 22
    EVIDENCE = 23
    ACCOUNT = 30
    DOCUMENT = 31
    ESCROW = 32
    OBLIGATION = 33
    OBLIGATION_TAG = 34
    SLICE = 35
    LIEN = 36
    DEAL = 37
    GRANT = 38
    PAYMENT = 39


# Spaces whose keys name a party or can be guessed, so that the mere presence of a key says who deals with whom. Their
# proofs are for members; all other keys are public identifiers, or ids that only those who were told can ask for.
MEMBERS_ONLY_SPACES = frozenset(
    {Space.EVENT, Space.MILESTONE, Space.DESCENDANTS, Space.DUE, Space.ACCOUNT, Space.PAYMENT}
)


class Record(Message, frozen=True):
    """One value of the state in its two halves.

    Attributes:
        public: encoded public half; never empty.
        members_salt: 32 bytes, or empty when there is no members' half.
        members: encoded members' half, or empty.
    """

    public: Annotated[bytes, msgspec.Meta(min_length=1, max_length=RECORD_SIZE_MAX)]
    members_salt: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    members: Annotated[bytes, msgspec.Meta(max_length=RECORD_SIZE_MAX)] = b""

    def members_hash(self) -> bytes:
        """The salted hash of the members' half; 32 zero bytes when there is none."""
        return tagged(TAG_RECORD_MEMBERS, self.members_salt, self.members) if self.members else ZERO32

    def leaf_hash(self) -> bytes:
        """What the state tree holds for this record's key; written out, for every change of a block comes by here."""
        members = ZERO32
        if self.members:
            members = sha256(TAG_RECORD_MEMBERS + self.members_salt + self.members).digest()
        return sha256(TAG_RECORD + sha256(TAG_RECORD_PUBLIC + self.public).digest() + members).digest()


def leaf_of_halves(public: bytes, members_hash: bytes) -> bytes:
    """The leaf of a record whose public half is shown and whose members' half is not."""
    return sha256(TAG_RECORD + sha256(TAG_RECORD_PUBLIC + public).digest() + members_hash).digest()


def key_hash(key: bytes) -> bytes:
    """Where a key lives in the state tree: plain SHA-256."""
    return sha256(key).digest()


def members_salt_for(transaction_salt: bytes, key: bytes) -> bytes:
    """Salt of the members' half of a record that a transaction writes; the salt of the transaction is 32 bytes."""
    return sha256(TAG_MEMBERS_SALT + transaction_salt + key).digest()


def members_salt_after_due_work(old_salt: bytes, height: int) -> bytes:
    """Salt of the members' half of a record that due work rewrites at ``height``."""
    return tagged(TAG_MEMBERS_SALT_DUE, old_salt, height.to_bytes(8, "big"))


def record_of(public: Message, members: Message | None, members_salt: bytes) -> Record:
    """Encode both halves into a record."""
    if members is None:
        return Record(encode(public))
    assert len(members_salt) == 32
    return Record(encode(public), members_salt, encode(members))


def read_public(record: Record, type_: type[T]) -> T:
    """The public half as its type."""
    return decode(record.public, type_, size_max=RECORD_SIZE_MAX)


def read_members(record: Record, type_: type[T]) -> T:
    """The members' half as its type; the record must have one."""
    return decode(record.members, type_, size_max=RECORD_SIZE_MAX)


@cache
def _stored_decoder(type_: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(type_, strict=True)


def read_stored(half: bytes, type_: type[T]) -> T:
    """A half of a record out of the state, whose bytes a rule made with ``encode``: no second look at the spelling."""
    value: T = _stored_decoder(type_).decode(half)
    return value


def text_key(space: Space, text: str) -> bytes:
    """Key of a space that is indexed by one text, for instance an organisation id or a GS1 key."""
    return space.to_bytes() + text.encode()


def hash_key(space: Space, hash_: bytes) -> bytes:
    """Key of a space that is indexed by 32 bytes."""
    assert len(hash_) == 32
    return space.to_bytes() + hash_


def number_key(space: Space, *numbers: int) -> bytes:
    """Key of a space that is indexed by numbers of 8 bytes, big-endian, so that byte order is numeric order."""
    return bytes((space,)) + b"".join(number.to_bytes(8, "big") for number in numbers)
