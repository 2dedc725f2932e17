"""The process that computes BLS signatures: one request in, one answer out, until its input ends.

In pure Python a signature takes a third of a second and a check a whole one; here that delays nobody. It runs at a
low priority, keeps the node's BLS secret to itself, and ends with the node, however that ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, TypeAlias

import msgspec

from node.key_files import read_seal_secret
from tallystick.bls import Bls, bls
from tallystick.encoding import Hash, Message, Natural, decode, encode
from tallystick.errors import CertificateError, TallystickError
from tallystick.limits import VALIDATORS_MAX
from tallystick.seals import BlsKey, BlsSignature, Seal, SealCertificate, SealKeys, SealShare
from tallystick.validators import ValidatorSet

FRAME_MAX = 1_048_576  # bytes of one request or answer
SETS_KEPT = 2  # of the present epoch, and of the one whose last block is still being sealed
NICENESS = 10  # a tenth of the share of a busy node, and enough to finish within a heartbeat


class OpenKey(Message, frozen=True, tag=1):
    """Ask for the public key of the secret that is here."""


class SignSeal(Message, frozen=True, tag=2):
    """Ask for a signature over a seal."""

    seal: Seal


class CombineShares(Message, frozen=True, tag=3):
    """Ask for the certificate of shares over one seal."""

    epoch: Natural
    validators: ValidatorSet
    shares: Annotated[tuple[SealShare, ...], msgspec.Meta(min_length=1, max_length=VALIDATORS_MAX)]


class Opened(Message, frozen=True, tag=4):
    """Answer to ``OpenKey``; ``library`` is for the log."""

    key: BlsKey
    library: str


class Signed(Message, frozen=True, tag=5):
    """Answer to ``SignSeal``."""

    signature: BlsSignature


class Combined(Message, frozen=True, tag=6):
    """Answer to ``CombineShares``: the certificate, or the validators whose key or share is bad."""

    certificate: SealCertificate | None
    bad: tuple[int, ...]


class Failed(Message, frozen=True, tag=7):
    """Answer to anything that cannot be done here; a sentence for the operator."""

    detail: str


class CheckKeys(Message, frozen=True, tag=8):
    """Ask whose BLS key in a set is none, or not shown to be its owner's. Shares are then checked without delay."""

    chain_id: Hash
    epoch: Natural
    validators: ValidatorSet


class Checked(Message, frozen=True, tag=9):
    """Answer to ``CheckKeys``: the validators whose key does not count."""

    bad: tuple[int, ...]


Question: TypeAlias = OpenKey | SignSeal | CombineShares | CheckKeys
Answer: TypeAlias = Opened | Signed | Combined | Failed | Checked


class Worker:
    """Answers questions with one secret."""

    def __init__(self, secret: bytes, scheme: Bls) -> None:
        self._secret = secret
        self._bls = scheme
        self._keys: dict[bytes, SealKeys] = {}  # by epoch and set: possessions are checked once

    def answer(self, question: Question) -> Answer:
        """Compute."""
        match question:
            case OpenKey():
                return Opened(self._bls.public_key(self._secret), self._bls.name)
            case SignSeal(seal):
                return Signed(self._bls.sign(self._secret, seal.signing_bytes()))
            case CombineShares(epoch, validators, shares):
                return self._combine(self._keys_of(shares[0].seal.chain_id, epoch, validators), shares)
            case CheckKeys(chain_id, epoch, validators):
                return Checked(self._keys_of(chain_id, epoch, validators).bad_keys())

    def _keys_of(self, chain_id: bytes, epoch: int, validators: ValidatorSet) -> SealKeys:
        name = chain_id + epoch.to_bytes(8, "big") + validators.digest()
        if name not in self._keys:
            if len(self._keys) == SETS_KEPT:
                del self._keys[next(iter(self._keys))]
            self._keys[name] = SealKeys(validators, epoch, chain_id, self._bls)
        return self._keys[name]

    def _combine(self, seal_keys: SealKeys, shares: tuple[SealShare, ...]) -> Combined:
        """All at once; one by one only when that fails."""
        try:
            return Combined(
                seal_keys.combine(shares[0].seal, {share.validator: share.signature for share in shares}), ()
            )
        except CertificateError as error:
            if error.code == "quorum-short":
                return Combined(None, ())
        bad = []
        for share in shares:
            try:
                seal_keys.check_share(share)
            except CertificateError:
                bad.append(share.validator)
        return Combined(None, tuple(bad))


def serve(source: BinaryIO, target: BinaryIO, answer: Callable[[Question], Answer]) -> None:
    """Answer frames (length of 4 bytes, big-endian, then a message) until the source ends."""
    while True:
        length = source.read(4)
        if len(length) < 4:
            return
        frame = source.read(int.from_bytes(length, "big"))
        try:
            result = answer(decode(frame, Question, size_max=FRAME_MAX))  # type: ignore[arg-type]
        except TallystickError as error:
            result = Failed(str(error))
        data = encode(result)
        target.write(len(data).to_bytes(4, "big") + data)
        target.flush()


def main(arguments: list[str]) -> int:
    """``python -m node.bls_worker KEYFILE``."""
    os.nice(NICENESS)
    worker: Worker | None = None

    def answer(question: Question) -> Answer:
        nonlocal worker
        if worker is None:
            worker = Worker(read_seal_secret(Path(arguments[0])), bls())
        return worker.answer(question)

    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, answer)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0  # the node ends, and we with it
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
