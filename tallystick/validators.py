"""The validator set of an epoch: who votes, in which order, how many settle a question."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.bls import KEY_SIZE, SIGNATURE_SIZE, check_form
from tallystick.encoding import Message, Name, PublicKey, encode
from tallystick.errors import DecodeError, SignatureError
from tallystick.hashing import TAG_VALIDATORS, tagged
from tallystick.limits import VALIDATORS_MAX

BlsKeyOrNone = Annotated[bytes, msgspec.Meta(max_length=KEY_SIZE)]
BlsPossessionOrNone = Annotated[bytes, msgspec.Meta(max_length=SIGNATURE_SIZE)]


class Validator(Message, frozen=True):
    """One organisation's vote.

    Attributes:
        organisation: id of the organisation, for instance ``org:grower``.
        key: Ed25519 public key of its votes, 32 bytes.
        bls_key: BLS12-381 public key (48 bytes) with which it signs seals, or empty.
        bls_possession: proof of possession of that key (96 bytes), or empty. Rules look at the form of both alone;
            whoever checks a seal checks the possession first (``tallystick.seals``).
    """

    organisation: Name
    key: PublicKey
    bls_key: BlsKeyOrNone = b""
    bls_possession: BlsPossessionOrNone = b""


class ValidatorSet(Message, frozen=True):
    """The validators of one epoch, sorted by key, so that index and bitmap mean the same everywhere."""

    members: Annotated[tuple[Validator, ...], msgspec.Meta(min_length=1, max_length=VALIDATORS_MAX)]

    def digest(self) -> bytes:
        """The 32-byte hash that headers carry."""
        return tagged(TAG_VALIDATORS, encode(self))

    @property
    def count(self) -> int:
        """n, the number of validators."""
        return len(self.members)

    @property
    def quorum(self) -> int:
        """q = n - f."""
        return quorum_count(len(self.members))

    def index_of(self, key: bytes) -> int | None:
        """Position of the validator with this key, or None."""
        for index, validator in enumerate(self.members):
            if validator.key == key:
                return index
        return None

    def leader_of(self, view: int) -> int:
        """Index of the leader of a view: round-robin over the sorted set."""
        return view % len(self.members)


def validator_set(members: tuple[Validator, ...]) -> ValidatorSet:
    """A checked, sorted set.

    Raises:
        DecodeError: ``validators.count``, ``validators.repeated-key``, ``validators.repeated-organisation``,
            ``validators.bls-key`` or ``validators.repeated-bls-key``.
    """
    if not 1 <= len(members) <= VALIDATORS_MAX:
        raise DecodeError("validators.count", f"{len(members)} validators; 1 to {VALIDATORS_MAX} are possible")
    if len({validator.key for validator in members}) != len(members):
        raise DecodeError("validators.repeated-key", "two validators with one key")
    if len({validator.organisation for validator in members}) != len(members):
        raise DecodeError("validators.repeated-organisation", "two validators of one organisation")
    for validator in members:
        check_bls_form(validator.bls_key, validator.bls_possession)
    bls_keys = [validator.bls_key for validator in members if validator.bls_key]
    if len(set(bls_keys)) != len(bls_keys):
        raise DecodeError("validators.repeated-bls-key", "two validators with one BLS key")
    return ValidatorSet(tuple(sorted(members, key=lambda validator: validator.key)))


def check_bls_form(bls_key: bytes, bls_possession: bytes) -> None:
    """Either none at all, or a key and a proof of possession that have the form of one. No arithmetic of curves.

    Raises:
        DecodeError: ``validators.bls-key``.
    """
    if not bls_key and not bls_possession:
        return
    try:
        check_form(bls_key, bls_possession)
    except SignatureError as error:
        raise DecodeError("validators.bls-key", str(error)) from error


def faults_max(validator_count: int) -> int:
    """f: how many of n validators may be faulty, n >= 3f + 1."""
    assert validator_count >= 1
    return (validator_count - 1) // 3


def quorum_count(validator_count: int) -> int:
    """q = n - f: two sets of q voters share at least one honest validator, and the honest alone can form one.

    Not 2f + 1: with n = 5 or 6 that would let two quorums meet in faulty validators only.
    Source: Chan and Pass, "Simplex Consensus", eprint 2023/463, section 3, for n = 3f + 1; n - f in general.
    """
    quorum = validator_count - faults_max(validator_count)
    assert 2 * quorum - validator_count > faults_max(validator_count)
    return quorum
