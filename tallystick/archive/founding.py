"""From what a reader pinned to the validators of every epoch that an archive shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tallystick.archive import names
from tallystick.archive.errors import ArchiveError
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochStep, verify_epoch_step
from tallystick.errors import CertificateError, DecodeError, ProofError, SignatureError
from tallystick.genesis import GENESIS_VERSION, Genesis
from tallystick.proofs import Trust
from tallystick.validators import ValidatorSet

GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards of 5 KiB
EPOCH_SIZE_MAX = 65_536  # bytes: two sets of 31 validators and a certificate
EPOCHS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Founding:
    """The chain of an archive.

    Attributes:
        epochs: validator sets from epoch 0 on.
        trust: the reader's, with the hashes of all these sets and the last heights of epochs that ended.
    """

    genesis: Genesis
    epochs: tuple[ValidatorSet, ...]
    trust: Trust


def read_founding(members: Mapping[str, bytes], trust: Trust) -> Founding:
    """Check the genesis and the ends of epochs of an archive against what the reader pinned.

    Args:
        trust: with no pinned epoch at all the reader trusts the founders whose genesis its chain id is.
    Raises:
        ArchiveError: ``archive.missing``, ``archive.genesis``, ``wrong-chain``, ``unknown-validators`` or another code
            of a proof that does not hold.
    """
    genesis = _genesis(members, trust.chain_id)
    epochs = [genesis.validators()]
    ends: dict[int, int] = {}
    _agree(epochs, trust, names.GENESIS)
    while (name := names.epoch_end(len(epochs) - 1)) in members:
        if len(epochs) > EPOCHS_MAX:
            raise ArchiveError("archive.too-large", f"more than {EPOCHS_MAX} epochs", name)
        try:
            step = decode(members[name], EpochStep, size_max=EPOCH_SIZE_MAX)
            following = verify_epoch_step(step, len(epochs) - 1, epochs[-1].digest(), trust.chain_id)
        except DecodeError as error:
            raise ArchiveError("unreadable", str(error), name) from error
        except (ProofError, CertificateError) as error:
            raise ArchiveError(error.code, error.detail, name) from error
        ends[len(epochs) - 1] = step.proof.boundary.height
        epochs.append(following)
        _agree(epochs, trust, name)
    hashes = {epoch: validators.digest() for epoch, validators in enumerate(epochs)}
    last_heights = trust.last_heights | ends
    if trust.validators_hashes and not hashes.keys() & trust.validators_hashes.keys():
        raise ArchiveError(
            "unknown-validators",
            f"ends with epoch {len(epochs) - 1}; you pinned {sorted(trust.validators_hashes)}, and none of these",
            "",
            "verify it with a trust file that knows its epochs, or name the genesis that you trust",
        )
    return Founding(genesis, tuple(epochs), Trust(trust.chain_id, hashes, trust.height_min, last_heights))


def _genesis(members: Mapping[str, bytes], chain_id: bytes) -> Genesis:
    name = names.GENESIS
    if name not in members:
        raise ArchiveError("archive.missing", "the genesis of the chain is not there", name)
    try:
        genesis = decode(members[name], Genesis, size_max=GENESIS_SIZE_MAX)
        if genesis.version != GENESIS_VERSION:
            raise DecodeError("genesis.version", f"version {genesis.version}; this software reads {GENESIS_VERSION}")
        if genesis.chain_id() != chain_id:
            raise ArchiveError(
                "wrong-chain",
                f"founds chain {genesis.chain_id().hex()}, you trust {chain_id.hex()}",
                name,
                "name the genesis, or the trust file, of the network that this archive is from, if you do trust it",
            )
        for card in genesis.cards:
            card.verify()
    except (DecodeError, SignatureError) as error:
        raise ArchiveError("archive.genesis", f"not a sound genesis: {error}", name) from error
    return genesis


def _agree(epochs: list[ValidatorSet], trust: Trust, name: str) -> None:
    newest = len(epochs) - 1
    if trust.validators_hashes.get(newest, epochs[-1].digest()) != epochs[-1].digest():
        raise ArchiveError(
            "unknown-validators",
            f"other validators of epoch {newest} than those that you pinned",
            name,
            "one of the two is false: compare with other members before you believe either",
        )


def show_founding(genesis: Genesis, steps: tuple[EpochStep, ...]) -> dict[str, bytes]:
    """The members that show a chain's founding and its epochs."""
    return {
        names.GENESIS: encode(genesis),
        **{names.epoch_end(epoch): encode(step) for epoch, step in enumerate(steps)},
    }
