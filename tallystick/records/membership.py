"""Records of agreement itself: seats of validators, the change that is planned, evidence. docs/spec/epochs.md."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Hash, Message, Name, Natural, PublicKey, TimeMs
from tallystick.evidence import Evidence, EvidenceKind
from tallystick.limits import READY_HEARTBEATS_MAX, VALIDATORS_MAX
from tallystick.records.base import Space, number_key, text_key
from tallystick.validators import BlsKeyOrNone, BlsPossessionOrNone, Validator, ValidatorSet

ROOT_SPACING_MS = 1_000  # block time between two heights whose roots are kept for a joiner
ROOTS_MAX = 128  # kept at most: two heartbeats of a minute


class Seat(Message, frozen=True):
    """A validator's place. Keys: ``seat_key(organisation)``, and ``planned_seat_key`` for one that is to come. Public.

    Attributes:
        key: Ed25519 public key of its votes.
        certificate: DER bytes of its transport certificate.
        peer_address, api_address: ``host:port`` of its two doors.
        from_epoch: first epoch in which it votes (of a planned one: 0).
        until_epoch: last epoch in which it voted; 0 while it sits.
    """

    key: PublicKey
    certificate: Annotated[bytes, msgspec.Meta(min_length=1, max_length=4_096)]
    peer_address: Name
    api_address: Name
    from_epoch: Natural
    until_epoch: Natural


class PlannedJoin(Message, frozen=True):
    """A validator that is to join.

    Attributes:
        ready_height, ready_ms: height whose state it last said that it has, and that block's time; 0 before.
        bls_key, bls_possession: of its entry in the set.
    """

    organisation: Name
    key: PublicKey
    ready_height: Natural
    ready_ms: TimeMs
    bls_key: BlsKeyOrNone = b""
    bls_possession: BlsPossessionOrNone = b""

    def validator(self) -> Validator:
        """Its entry in the set."""
        return Validator(self.organisation, self.key, self.bls_key, self.bls_possession)


class PlannedRotation(Message, frozen=True):
    """A validator whose keys, certificate and addresses are to be replaced."""

    organisation: Name
    key: PublicKey
    bls_key: BlsKeyOrNone = b""
    bls_possession: BlsPossessionOrNone = b""

    def validator(self) -> Validator:
        """Its entry in the set."""
        return Validator(self.organisation, self.key, self.bls_key, self.bls_possession)


class PlannedChange(Message, frozen=True):
    """The next change of the validator set. Key: ``chain_key("planned-change")``. Public.

    Attributes:
        switch_height: the state after this height decides who votes next.
        joins, leaves, rotations: sorted by organisation.
        next_validators: the next epoch's set; None until ``switch_height`` is executed.
    """

    switch_height: Natural
    joins: Annotated[tuple[PlannedJoin, ...], msgspec.Meta(max_length=VALIDATORS_MAX)]
    leaves: Annotated[tuple[Name, ...], msgspec.Meta(max_length=VALIDATORS_MAX)]
    rotations: Annotated[tuple[PlannedRotation, ...], msgspec.Meta(max_length=VALIDATORS_MAX)]
    next_validators: ValidatorSet | None


class KnownRoot(Message, frozen=True):
    """A state root that a header certified."""

    height: Natural
    time_ms: TimeMs
    state_root: Hash


class KnownRoots(Message, frozen=True):
    """Roots that a joiner may name, oldest first. Key: ``chain_key("known-roots")``, only while somebody joins. Public.

    At most one per ``ROOT_SPACING_MS`` of block time, none older than two heartbeats.
    """

    roots: Annotated[tuple[KnownRoot, ...], msgspec.Meta(max_length=ROOTS_MAX)]


class EvidenceRecord(Message, frozen=True):
    """A validator broke a promise. Key: ``evidence_key``; the first of a key stays. Public.

    Attributes:
        organisation: whose key signed both messages.
        reporter: who put it on the chain.
        height: of that block.
    """

    organisation: Name
    kind: EvidenceKind
    evidence: Evidence
    reporter: Name
    height: Natural


def seat_key(organisation: str) -> bytes:
    """Key of an organisation's seat."""
    return text_key(Space.SEAT, organisation)


def planned_seat_key(organisation: str) -> bytes:
    """Key of a seat that is to come with the planned change."""
    return text_key(Space.PLANNED_SEAT, organisation)


def evidence_key(public_key: bytes, epoch: int, view: int, kind: EvidenceKind) -> bytes:
    """Key of evidence: validator, epoch, view and kind."""
    assert len(public_key) == 32
    return number_key(Space.EVIDENCE, epoch, view) + bytes((kind,)) + public_key


def ready_age_max_ms(heartbeat_ms: int) -> int:
    """How old a joiner's word that it has the state may be, in milliseconds of block time."""
    return READY_HEARTBEATS_MAX * heartbeat_ms
