"""Who voted in which epoch: the pinned set of genesis, and one proof for each epoch that has ended since."""

from __future__ import annotations

from tallystick.epochs import EpochProof, verify_epoch_proof
from tallystick.errors import ProofError
from tallystick.proofs import Trust
from tallystick.validators import ValidatorSet


class ValidatorBook:
    """Validator sets by epoch, each proven by the one before.

    Attributes:
        trust: what a verifier of bundles takes from it; grows with every epoch learnt.
    """

    def __init__(self, chain_id: bytes, pinned: ValidatorSet) -> None:
        self._chain_id = chain_id
        self._sets = [pinned]
        self._proofs: list[EpochProof] = []
        self.trust = Trust(chain_id, {0: pinned.digest()})

    @property
    def newest_epoch(self) -> int:
        """The newest epoch whose validators are known."""
        return len(self._sets) - 1

    @property
    def newest(self) -> ValidatorSet:
        """Its validators."""
        return self._sets[-1]

    def validators_of(self, epoch: int) -> ValidatorSet | None:
        """The set of an epoch, or None where its proof is not here."""
        return self._sets[epoch] if 0 <= epoch < len(self._sets) else None

    def ends_with(self, epoch: int, block_hash: bytes) -> bool:
        """Whether this block is the boundary block of the epoch."""
        return epoch < len(self._proofs) and self._proofs[epoch].boundary.block_hash() == block_hash

    def learn(self, proof: EpochProof) -> None:
        """Take the proof that the newest epoch has ended.

        Raises:
            ProofError, CertificateError: it proves something else, or nothing.
        """
        if proof.boundary.epoch != self.newest_epoch:
            raise ProofError("unknown-validators", f"the end of epoch {proof.boundary.epoch}, not of the newest known")
        following = verify_epoch_proof(proof, self.newest, self._chain_id)
        self._proofs.append(proof)
        self._sets.append(following)
        self.trust.validators_hashes[self.newest_epoch] = following.digest()
