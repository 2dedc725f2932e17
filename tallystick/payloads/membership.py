"""Payloads of agreement itself: who votes from which height on, and who broke a promise. docs/spec/epochs.md."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tallystick.encoding import Hash, Message, Name, Natural, PublicKey
from tallystick.evidence import Evidence
from tallystick.limits import VALIDATORS_MAX
from tallystick.validators import BlsKeyOrNone, BlsPossessionOrNone, Validator


class NewSeat(Message, frozen=True):
    """What a validator brings to the network.

    Attributes:
        organisation: an admitted one.
        key: Ed25519 public key of its votes, new to the chain.
        certificate: DER bytes of the self-made transport certificate, pinned by the peers.
        peer_address, api_address: ``host:port`` of the two doors.
        bls_key, bls_possession: with which it signs seals from its first epoch on; both empty where it signs none.
    """

    organisation: Name
    key: PublicKey
    certificate: Annotated[bytes, msgspec.Meta(min_length=1, max_length=4_096)]
    peer_address: Name
    api_address: Name
    bls_key: BlsKeyOrNone = b""
    bls_possession: BlsPossessionOrNone = b""

    def validator(self) -> Validator:
        """Its entry in the set."""
        return Validator(self.organisation, self.key, self.bls_key, self.bls_possession)


class ChangeValidators(Message, frozen=True, tag=9):
    """Add and remove validators at a height. Signed by root keys of a quorum of governors."""

    joins: Annotated[tuple[NewSeat, ...], msgspec.Meta(max_length=VALIDATORS_MAX)]
    leaves: Annotated[tuple[Name, ...], msgspec.Meta(max_length=VALIDATORS_MAX)]
    switch_height: Natural


class RotateValidator(Message, frozen=True, tag=10):
    """Replace keys, certificate and addresses of one's own validator at a height.

    Signed by a root key of the organisation and by the new validator key, in this order.
    """

    seat: NewSeat
    switch_height: Natural


class Ready(Message, frozen=True, tag=11):
    """A joining validator has the state of a height. Signed by its own validator key."""

    height: Natural
    state_root: Hash


class SubmitEvidence(Message, frozen=True, tag=12):
    """A validator contradicted itself. Signed by a validator key of any organisation."""

    evidence: Evidence


PAYLOADS = (ChangeValidators, RotateValidator, Ready, SubmitEvidence)
