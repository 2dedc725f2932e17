"""Seals: an executed tuple under one aggregate BLS signature of a quorum. Specification: docs/spec/compact.md.

A seal is made beside consensus and decides nothing. It says in a quarter of a kilobyte what a finalisation says in
many signatures, so that it fits on paper, and through the history root it stands for everything before its height.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from tallystick.blocks import Executed
from tallystick.bls import Bls
from tallystick.encoding import Hash, Message, Natural
from tallystick.errors import CertificateError, SignatureError
from tallystick.hashing import TAG_SEALED_ROOTS, tagged
from tallystick.limits import VALIDATORS_MAX
from tallystick.validators import ValidatorSet

ALGORITHM_BLS12_381 = 2  # the byte after the format version; 1 is Ed25519 (docs/spec/signing.md)
PURPOSE_SEAL = 9  # in the numbering of ``keys.Purpose``
_DOMAIN = b"TALLYSTICK" + bytes((1, ALGORITHM_BLS12_381, PURPOSE_SEAL))

BlsKey = Annotated[bytes, msgspec.Meta(min_length=48, max_length=48)]
BlsSignature = Annotated[bytes, msgspec.Meta(min_length=96, max_length=96)]


class Seal(Message, frozen=True):
    """What validators sign.

    Attributes:
        validators_hash: hash of the set that signs, which is that of ``epoch``.
        executed: state after a height that is final and that the signer executed itself.
        units_root: of the tree of logistic units (``tallystick.units``) after that height.
    """

    chain_id: Hash
    validators_hash: Hash
    epoch: Natural
    executed: Executed
    units_root: Hash

    def signing_bytes(self) -> bytes:
        """The message that is signed."""
        executed = self.executed
        return seal_message(
            self.chain_id,
            self.validators_hash,
            (self.epoch, executed.height, executed.time_ms),
            roots_hash(executed),
            self.units_root,
        )


def roots_hash(executed: Executed) -> bytes:
    """The three roots of an executed tuple in one hash: what a compact proof carries of them."""
    return tagged(TAG_SEALED_ROOTS, executed.state_root, executed.receipts_root, executed.history_root)


def seal_message(
    chain_id: bytes, validators_hash: bytes, numbers: tuple[int, int, int], roots: bytes, units_root: bytes
) -> bytes:
    """The 165-byte message of a seal: domain, chain, set, epoch, height and time (8 bytes each), roots, units."""
    whole = b"".join(number.to_bytes(8, "big") for number in numbers)
    return b"".join((_DOMAIN, chain_id, validators_hash, whole, roots, units_root))


class SealShare(Message, frozen=True):
    """One validator's signature over a seal. ``validator`` is its index in the epoch's set."""

    seal: Seal
    validator: Annotated[int, msgspec.Meta(ge=0, lt=VALIDATORS_MAX)]
    signature: BlsSignature


class SealCertificate(Message, frozen=True):
    """A quorum's aggregate signature over a seal.

    Attributes:
        signers: bitmap, bit i set when validator i's share is in the sum.
    """

    seal: Seal
    signers: Annotated[int, msgspec.Meta(ge=1, lt=2**VALIDATORS_MAX)]
    signature: BlsSignature

    def signer_indices(self) -> tuple[int, ...]:
        """Indices of the validators whose bit is set, ascending."""
        return indices_of(self.signers)


def can_seal(validators: ValidatorSet) -> bool:
    """Whether so many validators name a BLS key that a quorum of them could seal."""
    return sum(bool(validator.bls_key) for validator in validators.members) >= validators.quorum


def indices_of(bitmap: int) -> tuple[int, ...]:
    """Places of the bits that are set, ascending."""
    return tuple(i for i in range(VALIDATORS_MAX) if bitmap >> i & 1)


class SealKeys:
    """The BLS keys of an epoch's validators; a key counts only after its possession was checked, once.

    The set names key and possession, so whoever has the set needs nothing else. Without the check of possessions a
    validator could name its key minus the others' keys, and sign for all of them alone.
    """

    def __init__(
        self, validators: ValidatorSet, epoch: int, chain_id: bytes, bls: Bls, *, possessions_checked: bool = False
    ) -> None:
        """
        Args:
            possessions_checked: the caller remembers that ``key`` took every key of exactly this set before.
        """
        self.validators = validators
        self.epoch = epoch
        self._chain_id = chain_id
        self._bls = bls
        self._digest = validators.digest()
        self._possessions_checked = possessions_checked
        self._checked: dict[int, bytes] = {}

    def key(self, index: int) -> bytes:
        """The key of a validator, which it was shown to own.

        Raises:
            CertificateError: ``unknown-validators``: there is no such validator, it has no key, or no right to it.
        """
        if index not in self._checked:
            self._checked[index] = self._check_key(index)
        return self._checked[index]

    def bad_keys(self) -> tuple[int, ...]:
        """The validators that name a key which does not count, by index; those that name none are not among them."""
        bad = []
        for index, validator in enumerate(self.validators.members):
            try:
                if validator.bls_key or validator.bls_possession:
                    self.key(index)
            except CertificateError:
                bad.append(index)
        return tuple(bad)

    def check_share(self, share: SealShare) -> None:
        """Raises: CertificateError ``unknown-validators``, ``wrong-chain`` or ``bad-vote-signature``."""
        self._check_place(share.seal)
        self._check_signature(share.seal.signing_bytes(), (share.validator,), share.signature)

    def check(self, certificate: SealCertificate) -> None:
        """Check that a quorum of this set signed the seal.

        Raises:
            CertificateError: ``wrong-chain``, ``unknown-validators``, ``quorum-short`` or ``bad-vote-signature``.
        """
        self._check_place(certificate.seal)
        self.check_message(certificate.seal.signing_bytes(), certificate.signers, certificate.signature)

    def check_message(self, message: bytes, signers: int, signature: bytes) -> None:
        """Check that a quorum of this set signed a message of ``seal_message``, which names chain, epoch and set.

        Raises:
            CertificateError: ``unknown-validators``, ``quorum-short`` or ``bad-vote-signature``.
        """
        indices = indices_of(signers)
        if len(indices) < self.validators.quorum:
            raise CertificateError("quorum-short", f"{len(indices)} signers, {self.validators.quorum} needed")
        self._check_signature(message, indices, signature)

    def combine(self, seal: Seal, signatures: Mapping[int, bytes]) -> SealCertificate:
        """The certificate of shares by validator index, checked as a whole.

        Raises:
            CertificateError: as ``check``. Which share is bad, ``check_share`` says.
        """
        bitmap = sum(1 << index for index in signatures)
        try:
            signature = self._bls.aggregate([signatures[index] for index in sorted(signatures)])
        except SignatureError as error:
            raise CertificateError("bad-vote-signature", str(error)) from error
        certificate = SealCertificate(seal, bitmap, signature)
        self.check(certificate)
        return certificate

    def _check_key(self, index: int) -> bytes:
        if index >= self.validators.count:
            raise CertificateError("unknown-validators", f"signer {index} of a set of {self.validators.count}")
        validator = self.validators.members[index]
        key = validator.bls_key
        if not key or sum(other.bls_key == key for other in self.validators.members) != 1:
            raise CertificateError("unknown-validators", f"the set names no BLS key of {validator.organisation} alone")
        try:
            if self._possessions_checked:
                self._bls.check_key(key)
            else:
                self._bls.check_possession(key, validator.bls_possession)
        except SignatureError as error:
            raise CertificateError("unknown-validators", f"BLS key of {validator.organisation}: {error}") from error
        return key

    def _check_place(self, seal: Seal) -> None:
        if seal.chain_id != self._chain_id:
            raise CertificateError("wrong-chain", "the seal is of another chain")
        if (seal.epoch, seal.validators_hash) != (self.epoch, self._digest):
            raise CertificateError("unknown-validators", f"the seal is of other validators than those of {self.epoch}")

    def _check_signature(self, message: bytes, signers: tuple[int, ...], signature: bytes) -> None:
        bls_keys = [self.key(index) for index in signers]
        try:
            self._bls.check(bls_keys, message, signature)
        except SignatureError as error:
            raise CertificateError("bad-vote-signature", str(error)) from error
