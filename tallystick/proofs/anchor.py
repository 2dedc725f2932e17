"""The first step of every proof: a header that a quorum of known validators finalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tallystick.api import HeadAnswer, unb64
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader, EpochProof, EpochStep, verify_epoch_step
from tallystick.errors import CertificateError, DecodeError, ProofError
from tallystick.proofs.bundle import AnchorShown
from tallystick.proofs.codes import ProofCode
from tallystick.proofs.messages import read_message
from tallystick.proofs.written import AnchorWritten, EpochWritten, cut_anchor, write_out_anchor
from tallystick.validators import ValidatorSet
from tallystick.votes import Certificate, VoteKind, verify_certificate

_HEADER_SIZE_MAX = 1_024
_DESCENDANTS_MAX = 256
_EPOCHS_MAX = 64


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier knows beforehand.

    Attributes:
        chain_id: 32 bytes.
        validators_hashes: hashes of the validator sets it accepts, by epoch (the pinned one, and those learnt from it).
        height_min: newest executed height it has seen; older proofs are refused as rolled back.
        last_heights: height of the last block of each epoch that is known to have ended. What its validators sign for
            a later height is worth nothing: keys of long ago may be in anybody's hands.
    """

    chain_id: bytes
    validators_hashes: dict[int, bytes] = field(default_factory=dict)
    height_min: int = 0
    last_heights: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A header that holds under a verifier's trust."""

    header: Header
    validators: ValidatorSet
    signers: tuple[str, ...]

    @property
    def executed(self) -> Executed:
        """The executed tuple that the header certifies."""
        return self.header.executed


def show_anchor(
    chain_id: bytes,
    header: Header,
    descendants: tuple[Header, ...],
    finalisation: Certificate,
    validators: ValidatorSet,
    epochs: Sequence[EpochStep] = (),
) -> AnchorShown:
    """The JSON shape of a certified header.

    Args:
        validators: the set of its epoch.
        epochs: the ends of the epochs before it, one after the other up to its own.
    """
    sets = [*(step.validators for step in epochs), validators]
    assert all(step.proof.next_validators == following for step, following in zip(epochs, sets[1:], strict=True))
    return cut_anchor(chain_id, (header, *descendants), finalisation, sets, [step.proof for step in epochs])


def show_head(head: HeadAnswer, validators: bytes = b"") -> AnchorShown:
    """The anchor that a head is.

    Args:
        validators: the set of its epoch, for a node that does not send it.
    Raises:
        ProofError: ``unreadable``.
    """
    try:
        return AnchorShown(
            bytes.fromhex(head.chain_id),
            unb64(head.header),
            unb64(head.certificate),
            validators or unb64(head.validators),
        )
    except ValueError as error:
        raise ProofError(ProofCode.UNREADABLE, f"a head whose chain id is no hex: {error}") from error
    except DecodeError as error:
        raise ProofError(ProofCode.UNREADABLE, str(error)) from error


def verify_anchor(shown: AnchorShown, trust: Trust) -> Anchor:
    """Check a certified header.

    Raises:
        ProofError: ``unreadable``, ``wrong-chain``, ``unknown-validators``, ``not-in-chain``, ``quorum-short``,
            ``bad-vote-signature`` or ``rolled-back``.
    """
    if len(shown.descendants) > _DESCENDANTS_MAX or len(shown.epochs) > _EPOCHS_MAX:
        raise ProofError(ProofCode.UNREADABLE, f"over {_DESCENDANTS_MAX} descendants or {_EPOCHS_MAX} ends of epochs")
    written = write_out_anchor(shown)
    chain = [read_message(encoded, Header, _HEADER_SIZE_MAX) for encoded in (written.header, *written.descendants)]
    header = chain[0]
    if shown.chain_id != trust.chain_id or any(h.chain_id != trust.chain_id for h in chain):
        raise ProofError(ProofCode.WRONG_CHAIN, "the proof is from another chain")
    finalisation = read_message(written.finalisation, Certificate, 8_192)
    validators = written.sets[-1]
    known = _known_sets(written, trust).get(header.epoch)
    if known is None or validators.digest() != known or any(h.validators_hash != known for h in chain):
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"validators of epoch {header.epoch} are not the pinned ones")
    last_height = trust.last_heights.get(header.epoch)
    if last_height is not None and chain[-1].height > last_height:
        raise ProofError(
            ProofCode.UNKNOWN_VALIDATORS,
            f"height {chain[-1].height} is signed by validators of epoch {header.epoch}, which ended with height "
            f"{last_height}: their keys count no more",
        )
    for parent, child in pairwise(chain):
        if child.parent_hash != parent.block_hash() or child.height != parent.height + 1:
            raise ProofError(ProofCode.NOT_IN_CHAIN, "a descendant does not follow its parent")
    statement, last = finalisation.statement, chain[-1]
    if (
        statement.kind is not VoteKind.FINALIZE
        or statement.block_hash != last.block_hash()
        or (statement.epoch, statement.view) != (last.epoch, last.view)
    ):
        raise ProofError(ProofCode.NOT_IN_CHAIN, "the certificate does not finalise this header or its descendant")
    try:
        verify_certificate(finalisation, validators, trust.chain_id)
    except CertificateError as error:
        raise ProofError(error.code, error.detail) from error
    if header.executed.height < trust.height_min:
        raise ProofError(
            ProofCode.ROLLED_BACK, f"proves height {header.executed.height}; {trust.height_min} was seen before"
        )
    signers = tuple(validators.members[index].organisation for index in finalisation.signer_indices())
    return Anchor(header, validators, signers)


def _known_sets(written: AnchorWritten, trust: Trust) -> dict[int, bytes]:
    """Hashes of validator sets by epoch: the pinned ones, and those that the ends of epochs lead on to."""
    known = dict(trust.validators_hashes)
    for end, (validators, following_set) in zip(written.epochs, pairwise(written.sets), strict=True):
        step = EpochStep(validators, _read_end(end, following_set))
        epoch = step.proof.boundary.epoch
        if epoch < min(known, default=0):
            continue  # it leads up to what is pinned
        if epoch not in known:
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"the end of epoch {epoch}, whose validators are not pinned")
        try:
            following = verify_epoch_step(step, epoch, known[epoch], trust.chain_id).digest()
        except CertificateError as error:
            raise ProofError(error.code, error.detail) from error
        if known.setdefault(epoch + 1, following) != following:
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"other validators of epoch {epoch + 1} are pinned")
    return known


def _read_end(written: EpochWritten, next_validators: ValidatorSet) -> EpochProof:
    return EpochProof(
        read_message(written.boundary, Header, _HEADER_SIZE_MAX),
        None if written.closing is None else read_message(written.closing, ClosingHeader, _HEADER_SIZE_MAX),
        read_message(written.finalisation, Certificate, 8_192),
        next_validators,
    )
