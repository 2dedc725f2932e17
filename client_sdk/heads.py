"""What a node's head proves to a reader who pinned some epoch, however many changes of validators ago.

A head carries its validators and the newest ends of epochs. Where these do not reach back to what the reader knows, the
node is asked for the ends between; each is checked, so it matters little whom one asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from client_sdk.errors import MissingError, said_of_epoch
from client_sdk.nodes import MSGPACK, Nodes, read_json
from tallystick import api
from tallystick.api import HeadAnswer, unb64
from tallystick.blocks import Header
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochStep, verify_epoch_step
from tallystick.errors import CertificateError, DecodeError, ProofError
from tallystick.proofs import Anchor, ProofCode, Trust, verify_anchor
from tallystick.proofs.anchor import show_head
from tallystick.validators import ValidatorSet

EPOCH_STEP_SIZE_MAX = 65_536  # bytes: two sets of 31 validators and a certificate
EPOCHS_ASKED_MAX = 512  # ends of epochs that one node is asked for


@dataclass(frozen=True, slots=True)
class CheckedHead:
    """A head under a reader's trust.

    Attributes:
        answer: as the node wrote it.
        trust: the reader's, with every epoch learnt on the way to this head.
        retired: height with which the header's epoch had ended, where the header is above it: a quorum of validators
            whose term was over signed it; else None.
    """

    answer: HeadAnswer
    anchor: Anchor
    trust: Trust
    retired: int | None


def ask_head(nodes: Nodes, trust: Trust, known: tuple[ValidatorSet, ...] = ()) -> CheckedHead:
    """Ask for a head and check it.

    Args:
        known: validator sets that the reader holds already, for a node that does not send its own.
    Raises:
        ProofError, AnswerError: it does not hold.
        DoorError, UnavailableError: as ``Nodes.get``.
    """
    head = read_json(nodes.get(api.HEAD), HeadAnswer)
    try:
        header = decode(unb64(head.header), Header, size_max=1_024)
        validators = decode(unb64(head.validators), ValidatorSet, size_max=16_384) if head.validators else None
        steps = [decode(unb64(step), EpochStep, size_max=EPOCH_STEP_SIZE_MAX) for step in head.epochs]
    except DecodeError as error:
        raise ProofError(ProofCode.UNREADABLE, f"a head that cannot be read: {error}") from error
    walk = _Walk(nodes, trust, {validators.digest(): validators for validators in known}, steps)
    walk.to(header.epoch)
    if validators is None:
        validators = walk.set_of(header.epoch)
    shown = show_head(head, encode(validators))
    anchor = verify_anchor(shown, Trust(trust.chain_id, walk.hashes))  # without last heights: they are judged below
    last = walk.last_heights.get(header.epoch)
    retired = last if last is not None and header.height > last else None
    return CheckedHead(head, anchor, Trust(trust.chain_id, walk.hashes, 0, walk.last_heights), retired)


class _Walk:
    """From the epochs that a reader knows to that of a head."""

    def __init__(self, nodes: Nodes, trust: Trust, sets: dict[bytes, ValidatorSet], steps: list[EpochStep]) -> None:
        self.hashes = dict(trust.validators_hashes)
        self.last_heights = dict(trust.last_heights)
        self._nodes = nodes
        self._chain_id = trust.chain_id
        self._sets = sets
        self._shown = {step.proof.boundary.epoch: step for step in steps}
        self._said = ""  # by the node that does not show how an epoch ended

    def to(self, epoch: int) -> None:
        """Learn every epoch up to this one."""
        newest = max(self.hashes)
        if epoch - newest > EPOCHS_ASKED_MAX:
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"epoch {epoch} is too far from the known {newest}")
        for number in range(newest, epoch):
            step = self._end_of(number)
            if step is None:
                raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"how epoch {number} ended is not shown{self._said}")
            self._learn(number, step)
        for number in sorted(self._shown.keys() & self.hashes.keys()):
            self._learn(number, self._shown[number])

    def set_of(self, epoch: int) -> ValidatorSet:
        """The validators of an epoch whose hash is known."""
        expected = self.hashes.get(epoch)
        if expected is not None and expected not in self._sets:
            before, after = (self._end_of(number) if number >= 0 else None for number in (epoch - 1, epoch))
            if before is not None:
                self._sets[before.proof.next_validators.digest()] = before.proof.next_validators
            if after is not None:
                self._sets[after.validators.digest()] = after.validators
        if expected is None or expected not in self._sets:
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"the validators of epoch {epoch} are not shown")
        return self._sets[expected]

    def _learn(self, epoch: int, step: EpochStep) -> None:
        try:
            following = verify_epoch_step(step, epoch, self.hashes[epoch], self._chain_id)
        except CertificateError as error:
            raise ProofError(error.code, error.detail) from error
        if self.hashes.setdefault(epoch + 1, following.digest()) != following.digest():
            raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"other validators of epoch {epoch + 1} are known")
        self.last_heights.setdefault(epoch, step.proof.boundary.height)
        self._sets[step.validators.digest()] = step.validators
        self._sets[following.digest()] = following

    def _end_of(self, epoch: int) -> EpochStep | None:
        """How an epoch ended, out of the head or from the node; None where it goes on or nobody says."""
        if epoch not in self._shown:
            try:
                data = self._nodes.get(api.EPOCH.format(epoch=epoch), accept=MSGPACK).body
                self._shown[epoch] = decode(data, EpochStep, size_max=EPOCH_STEP_SIZE_MAX)
            except MissingError as error:
                self._said = said_of_epoch(error)
                return None
            except DecodeError as error:
                raise ProofError(ProofCode.UNREADABLE, f"not the end of an epoch: {error}") from error
        return self._shown[epoch]
