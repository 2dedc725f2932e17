"""The BLS keys that this member trusts for compact proofs, kept beside the trust file, one checked set per epoch.

A node shows them; here every key's two signatures are checked once (by whom it votes for, and that its secret is
known), for the validators whose hash the trust file pins. Afterwards a proof is checked with no node at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from client_sdk.trust import TrustStore
from tallystick.api import b64, unb64
from tallystick.bls import Bls
from tallystick.compact import CompactTrust
from tallystick.encoding import decode, encode
from tallystick.errors import ConfigError, DecodeError, ProofError
from tallystick.proofs.codes import ProofCode
from tallystick.seals import SealKeys, SealKeySet

FORMAT = 1
SETS_PER_EPOCH_MAX = 8  # an operator replaces a lost BLS key; more of that than this drops the oldest
FILE_SIZE_MAX = 4 * 1_048_576  # bytes
SET_SIZE_MAX = 65_536  # bytes; 31 validators with their keys are below 12 KiB

_Epoch = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,15})$")]


class SealKeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of the file. ``sets``: by epoch, b64 of encoded ``SealKeySet``s that were checked, the newest first."""

    format: int
    chain_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    sets: dict[_Epoch, Annotated[list[str], msgspec.Meta(min_length=1, max_length=SETS_PER_EPOCH_MAX)]]


def file_beside(trust_file: Path) -> Path:
    """Where the keys are kept: ``trust.json`` has its ``trust.seal-keys.json``."""
    return trust_file.with_name(f"{trust_file.stem}.seal-keys.json")


def load_seal_keys(trust_file: Path, trust: TrustStore) -> dict[int, tuple[SealKeySet, ...]]:
    """The checked keys by epoch, the newest first; none where no file is.

    Raises:
        ConfigError: the file is malformed, about another chain, or about other validators than those that are pinned.
    """
    path = file_beside(trust_file)
    if not path.exists():
        return {}
    try:
        file = msgspec.json.decode(
            secure_files.read(path, "file of seal keys", size_max=FILE_SIZE_MAX), type=SealKeyFile
        )
        sets = {
            int(epoch): tuple(decode(unb64(text), SealKeySet, size_max=SET_SIZE_MAX) for text in texts)
            for epoch, texts in file.sets.items()
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DecodeError) as error:
        raise ConfigError(f"{path} is not a file of seal keys; delete it, and they are asked for again") from error
    pinned = trust.trust().validators_hashes
    wrong = any(
        pinned.get(epoch) != set_.validators.digest() or set_.epoch != epoch
        for epoch, of_epoch in sets.items()
        for set_ in of_epoch
    )
    if file.format != FORMAT or file.chain_id != trust.chain_id.hex() or wrong:
        raise ConfigError(f"{path} is not about the pinned chain; delete it, and the keys are asked for again")
    return sets


def check_seal_keys(data: bytes, trust: TrustStore, bls: Bls) -> SealKeySet:
    """Keys that a node shows, checked whole.

    Raises:
        AnswerError: not a set of keys.
        ProofError: ``unknown-validators``: not of the pinned validators.
        CertificateError: a key is not vouched for, its possession is not proven, or there are fewer than a quorum.
    """
    try:
        key_set = decode(data, SealKeySet, size_max=SET_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"a node answered something that is no set of seal keys: {error}") from error
    if trust.trust().validators_hashes.get(key_set.epoch) != key_set.validators.digest():
        raise ProofError(ProofCode.UNKNOWN_VALIDATORS, f"validators of epoch {key_set.epoch} are not the pinned ones")
    SealKeys(key_set, trust.chain_id, bls).check_all()
    return key_set


def save_seal_keys(trust_file: Path, trust: TrustStore, key_set: SealKeySet) -> None:
    """Keep a checked set before older ones of its epoch, with which older papers are checked."""
    sets = load_seal_keys(trust_file, trust)
    former = tuple(set_ for set_ in sets.get(key_set.epoch, ()) if set_ != key_set)
    sets[key_set.epoch] = (key_set, *former)[:SETS_PER_EPOCH_MAX]
    encoded = {str(epoch): [b64(encode(set_)) for set_ in sets[epoch]] for epoch in sorted(sets)}
    file = SealKeyFile(FORMAT, trust.chain_id.hex(), encoded)
    data = msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
    secure_files.replace(file_beside(trust_file), data)


def compact_trust(trust_file: Path, trust: TrustStore) -> CompactTrust:
    """What a compact proof is checked with; a paper is as old as it says, so none is too old."""
    sets = load_seal_keys(trust_file, trust)
    newest = {epoch: of_epoch[0] for epoch, of_epoch in sets.items()}
    return CompactTrust(trust.chain_id, newest, former={epoch: of_epoch[1:] for epoch, of_epoch in sets.items()})
