"""Beginning an epoch when too few records of signed statements are left for the old validators to end theirs.

Every organisation that takes part signs a *head* with its root key: the highest certified block that its node holds,
and the validator key that is to vote from now on. A quorum of heads determines one boundary block, which stands on the
highest certified block among them. No quorum of the old validators stands behind it: who pinned an earlier epoch calls
what follows *recovered*, until people compare and pin anew. Specification: docs/spec/epochs.md, section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.blocks import PROTOCOL_VERSION, Executed, Header
from tallystick.encoding import Hash, Message, Natural, PublicKey, Signature, encode
from tallystick.errors import DecodeError, SignatureError, VerificationError
from tallystick.limits import VALIDATORS_MAX
from tallystick.merkle import EMPTY_ROOT
from tallystick.payloads.membership import NewSeat
from tallystick.records.members import Key, KeyStatus, KeyUse
from tallystick.validators import ValidatorSet, validator_set
from tallystick.votes import Certificate, VoteKind, verify_certificate


class RecoveryError(VerificationError):
    """Heads that do not make a recovery: too few, of strangers, or about different epochs."""


class Head(Message, frozen=True):
    """What one node holds of an epoch that cannot go on.

    Attributes:
        epoch: the one that is given up; the organisation's old key signs nothing more in it.
        certificate: notarisation or finalisation of the highest certified block that it holds with contents; None when
            the epoch has no such block.
        seat: the organisation's seat from the next epoch on, with a key that is new to the chain.
    """

    chain_id: Hash
    epoch: Natural
    certificate: Certificate | None
    seat: NewSeat


class SignedHead(Message, frozen=True):
    """A head, signed by a root key of its organisation, and by the new validator key, which proves that it is held."""

    head: Head
    root_key: PublicKey
    root_signature: Signature
    key_signature: Signature


class Recovery(Message, frozen=True):
    """The heads that begin an epoch, sorted by organisation."""

    heads: Annotated[tuple[SignedHead, ...], msgspec.Meta(min_length=1, max_length=VALIDATORS_MAX)]

    @property
    def seats(self) -> tuple[NewSeat, ...]:
        """The new seats, by organisation."""
        return tuple(signed.head.seat for signed in self.heads)

    @property
    def chosen(self) -> Certificate | None:
        """The highest certificate among the heads; None when the epoch begins again where the one before ended."""
        certificates = [signed.head.certificate for signed in self.heads if signed.head.certificate is not None]
        return max(certificates, key=lambda one: (one.statement.view, one.statement.kind), default=None)


def sign_head(head: Head, root_seed: bytes, validator_seed: bytes) -> SignedHead:
    """A head with both signatures."""
    message = encode(head)
    signatures = [
        keys.sign(seed, keys.Purpose.RECOVERY, head.chain_id, message) for seed in (root_seed, validator_seed)
    ]
    return SignedHead(head, keys.public_key_of(root_seed), *signatures)


def recovery_of(heads: Sequence[SignedHead]) -> Recovery:
    """The recovery that these heads make, in whatever order they come."""
    return Recovery(tuple(sorted(heads, key=lambda signed: signed.head.seat.organisation)))


def verify_recovery(
    recovery: Recovery,
    validators: ValidatorSet,
    epoch: int,
    chain_id: bytes,
    key_of: Callable[[bytes], Key | None],
) -> ValidatorSet:
    """The validators of epoch + 1.

    Args:
        validators, epoch: the present ones, whose epoch is given up.
        key_of: the record of a public key, in the state on which the recovery stands; None for an unregistered one.
    Raises:
        RecoveryError: naming the organisation, or what is missing.
        CertificateError: a certificate does not hold.
    """
    organisations = [signed.head.seat.organisation for signed in recovery.heads]
    if organisations != sorted(set(organisations)):
        raise RecoveryError("two heads of one organisation, or heads that are not in order")
    sitting = {validator.organisation for validator in validators.members}
    if len(organisations) < validators.quorum:
        missing = ", ".join(sorted(sitting - set(organisations)))
        raise RecoveryError(f"{len(organisations)} heads, {validators.quorum} are needed; there is none of {missing}")
    for signed in recovery.heads:
        _verify_head(signed, sitting, epoch, chain_id, key_of)
        _verify_certificate(signed.head, validators, chain_id)
    return next_validators(recovery, validators)


def next_validators(recovery: Recovery, validators: ValidatorSet) -> ValidatorSet:
    """The present validators with the keys of the heads; who gave no head keeps its entry.

    Raises:
        RecoveryError: a new key sits already, or a BLS key has not the form of one or is another validator's.
    """
    entries = {seat.organisation: seat.validator() for seat in recovery.seats}
    if any(validators.index_of(entry.key) is not None for entry in entries.values()):
        raise RecoveryError("a head names a validator key that signed in the epoch that is given up")
    members = [entries.get(one.organisation, one) for one in validators.members]
    try:
        return validator_set(tuple(members))
    except DecodeError as error:
        raise RecoveryError(str(error)) from error


def boundary_header(recovery: Recovery, validators: ValidatorSet, parent: Header | None, genesis: Executed) -> Header:
    """The one block that a recovery puts on the chosen block: empty, and the end of its epoch.

    Args:
        validators: those of the epoch that is given up.
        parent: header of the chosen block; where the heads name none, of the last block of the epoch before, and None
            when that is genesis.
        genesis: the tuple of height 0.
    Raises:
        RecoveryError: ``parent`` is not the block that the heads choose.
    """
    head, chosen = recovery.heads[0].head, recovery.chosen
    view = 0 if chosen is None or parent is None else parent.view
    parent_hash = head.chain_id if parent is None else parent.block_hash()
    if chosen is not None and (chosen.statement.view, chosen.statement.block_hash) != (view, parent_hash):
        raise RecoveryError("the recovery stands on another block than the one that its heads choose")
    if chosen is None and parent is not None and parent.epoch >= head.epoch:
        raise RecoveryError(f"the heads know of no block of epoch {head.epoch}, where there is one")
    executed = genesis if parent is None else parent.executed
    return Header(
        protocol_version=PROTOCOL_VERSION,
        chain_id=head.chain_id,
        epoch=head.epoch,
        height=1 if parent is None else parent.height + 1,
        view=view + 1,
        parent_hash=parent_hash,
        parent_view=view,
        proposer=validators.leader_of(view + 1),
        time_ms=(genesis.time_ms if parent is None else parent.time_ms) + 1,
        transaction_count=0,
        transaction_root=EMPTY_ROOT,
        due_work=False,
        validators_hash=validators.digest(),
        next_validators_hash=next_validators(recovery, validators).digest(),
        executed=executed,
    )


def _verify_head(
    signed: SignedHead, sitting: set[str], epoch: int, chain_id: bytes, key_of: Callable[[bytes], Key | None]
) -> None:
    head = signed.head
    who = head.seat.organisation
    if head.chain_id != chain_id:
        raise RecoveryError(f"the head of {who} is of another chain")
    if head.epoch != epoch:
        raise RecoveryError(
            f"the head of {who} gives up epoch {head.epoch}, this node is in epoch {epoch}; let the node that is "
            "behind catch up as an observer, and take its head again"
        )
    if who not in sitting:
        raise RecoveryError(f"{who} has no seat in epoch {epoch}")
    root, new = key_of(signed.root_key), key_of(head.seat.key)
    if root is None or root.organisation != who or root.status is not KeyStatus.ACTIVE or KeyUse.ROOT not in root.uses:
        raise RecoveryError(f"the head of {who} is not signed with a root key of that organisation")
    if new is not None and (new.organisation, new.uses) != (who, (KeyUse.VALIDATOR,)):
        raise RecoveryError(f"the head of {who} names a validator key that is registered for something else")
    message = encode(head)
    try:
        keys.check_public_key(head.seat.key)
        keys.verify(signed.root_key, signed.root_signature, keys.Purpose.RECOVERY, chain_id, message)
        keys.verify(head.seat.key, signed.key_signature, keys.Purpose.RECOVERY, chain_id, message)
    except SignatureError as error:
        raise RecoveryError(f"the head of {who}: {error}") from error


def _verify_certificate(head: Head, validators: ValidatorSet, chain_id: bytes) -> None:
    if head.certificate is None:
        return
    statement = head.certificate.statement
    if statement.kind is VoteKind.NULLIFY or statement.epoch != head.epoch:
        raise RecoveryError(f"the head of {head.seat.organisation} names no certified block of epoch {head.epoch}")
    verify_certificate(head.certificate, validators, chain_id)
