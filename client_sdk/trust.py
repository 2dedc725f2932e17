"""What this member trusts, kept between runs: the pinned chain, its validators, the newest header it has verified.

Pinned once from genesis bytes whose hash people compared, or from the validators of a later epoch. Validators after
that are learnt from proofs, epoch by epoch; an epoch that ended is remembered with its last height, above which its
validators' signatures count for nothing. Each verified proof moves the newest header on, and nothing older is believed
afterwards from a node: a node that shows an older state is behind, or lies. Specification: docs/spec/trust.md.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from client_sdk.trust_file import FORMAT, Newest, TrustFile, join, newest_of, read_trust_file, write_trust_file
from tallystick.api import b64, unb64
from tallystick.blocks import Header
from tallystick.compact import CompactTrust
from tallystick.encoding import decode, encode
from tallystick.epochs import EpochStep, verify_epoch_step
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Genesis
from tallystick.proofs.anchor import Anchor, Trust
from tallystick.seals import can_seal
from tallystick.validators import ValidatorSet

VALIDATOR_SET_SIZE_MAX = 16_384  # bytes; 31 validators with their BLS keys are below 8 KiB
GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards of 5 KiB


class TrustStore:
    """A trust file in memory, and on disk where ``path`` is given."""

    def __init__(self, file: TrustFile, path: Path | None = None) -> None:
        self._file = file
        self._path = path

    @property
    def chain_id(self) -> bytes:
        """The pinned chain, 32 bytes."""
        return bytes.fromhex(self._file.chain_id)

    @property
    def network(self) -> str:
        """Its name for people."""
        return self._file.network

    @property
    def newest(self) -> Newest | None:
        """The newest verified state."""
        return self._file.newest

    @property
    def pinned_epoch(self) -> int:
        """The epoch that people compared."""
        return self._file.pinned_epoch

    @property
    def validators(self) -> dict[int, str]:
        """Hashes of the validator sets known, by epoch, in hex."""
        return {int(epoch): hash_ for epoch, hash_ in self._file.validators.items()}

    def trust(self, *, refuse_older: bool = True) -> Trust:
        """What a verifier needs to know.

        Args:
            refuse_older: take nothing older than the newest state seen. False for proofs that somebody kept in a
                file: they are as old as they say.
        """
        newest = self._file.newest
        hashes = {epoch: bytes.fromhex(hash_) for epoch, hash_ in self.validators.items()}
        last_heights = {int(epoch): height for epoch, height in self._file.last_heights.items()}
        height_min = newest.height if newest is not None and refuse_older else 0
        return Trust(self.chain_id, hashes, height_min, last_heights)

    def compact_trust(self) -> CompactTrust:
        """What a compact proof is checked with; a paper is as old as it says, so none is too old.

        Raises:
            ConfigError: a set in the file is not the one whose hash is pinned.
        """
        sets = {int(epoch): self._read_set(epoch) for epoch in self._file.sets}
        last_heights = {int(epoch): height for epoch, height in self._file.last_heights.items()}
        checked = frozenset(self._file.possessions_checked) & sets.keys()
        return CompactTrust(self.chain_id, sets, 0, last_heights, checked)

    def _read_set(self, epoch: str) -> ValidatorSet:
        try:
            found = decode(unb64(self._file.sets[epoch]), ValidatorSet, size_max=VALIDATOR_SET_SIZE_MAX)
        except DecodeError as error:
            raise ConfigError(f"the trust file's validators of epoch {epoch} cannot be read: {error}") from error
        if self._file.validators.get(epoch) != found.digest().hex():
            raise ConfigError(f"the trust file's validators of epoch {epoch} are not those that it pins")
        return found

    def take_set(self, validators: ValidatorSet) -> None:
        """Keep a set that somebody showed, where its hash is a pinned one and papers can be checked with it."""
        digest = validators.digest().hex()
        for epoch, pinned in self._file.validators.items():
            if pinned == digest and epoch not in self._file.sets:
                sets = {**self._file.sets, **_shown({int(epoch): validators})}
                self._change(msgspec.structs.replace(self._file, sets=sets))

    def note_possessions(self, epoch: int) -> None:
        """Remember that every BLS key of an epoch's set was shown to be its owner's: one check lasts."""
        if epoch not in self._file.possessions_checked:
            checked = sorted({*self._file.possessions_checked, epoch})
            self._change(msgspec.structs.replace(self._file, possessions_checked=checked))

    @property
    def newest_epoch(self) -> int:
        """The newest epoch whose validators are known."""
        return max(self.validators)

    def learn(self, step: EpochStep) -> None:
        """Walk on by one epoch: remember who votes then, with which height the last one ended, and its last header.

        Raises:
            ProofError, CertificateError: it does not lead on from the newest epoch known.
            AnswerError: it contradicts what was learnt before.
        """
        epoch, boundary = self.newest_epoch, step.proof.boundary
        following = verify_epoch_step(step, epoch, bytes.fromhex(self.validators[epoch]), self.chain_id)
        validators = {**self._file.validators, str(epoch + 1): following.digest().hex()}
        last_heights = {**self._file.last_heights, str(epoch): boundary.height}
        sets = {**self._file.sets, **_shown({epoch: step.validators, epoch + 1: following})}
        self._change(
            msgspec.structs.replace(self._file, validators=validators, last_heights=last_heights, sets=sets), boundary
        )

    def advance(self, anchor: Anchor) -> None:
        """Remember a verified header when it is newer.

        Raises:
            AnswerError: it contradicts what a quorum signed before for the same height: the chain has forked.
        """
        self.take_set(anchor.validators)
        self._change(self._file, anchor.header)

    def _change(self, file: TrustFile, header: Header | None = None) -> None:
        """Take a file and a header in, with what other processes have written; while we write, they wait for us."""
        if self._take(file, header) or self._path is None:
            return
        with secure_files.locked(self._path):
            if not self._take(file, header):
                write_trust_file(self._path, self._file)

    def _take(self, file: TrustFile, header: Header | None) -> bool:
        """Into memory; whether all of it stands on disk already."""
        on_disk = self._on_disk()
        if on_disk is not None:
            file = join(file, on_disk)
        shown = None if header is None else newest_of(header)
        for known in (self._file.newest, file.newest) if shown is not None else ():
            if known is not None and shown is not None and known.contradicts(shown):
                raise AnswerError(
                    f"two states of height {shown.height} are both signed by a quorum: {known.state_root} (block "
                    f"{known.header_height}) and {shown.state_root} (block {shown.header_height}). The chain has "
                    "forked; stop and call the other members"
                )
        if shown is not None and (file.newest is None or shown.order() > file.newest.order()):
            file = msgspec.structs.replace(file, newest=shown)
        self._file = file
        return file == on_disk

    def keep(self, path: Path) -> None:
        """From now on also on disk, with what stands there about this chain.

        Raises:
            AnswerError: that contradicts it.
        """
        self._path = path
        self._change(self._file)

    def keep_new(self, path: Path) -> None:
        """From now on also on disk, in a file that did not exist.

        Raises:
            ConfigError: there is one.
        """
        with secure_files.locked(path):
            if path.exists():
                raise ConfigError(f"{path} exists already; remove it to trust another chain")
            write_trust_file(path, self._file)
        self._path = path

    def _on_disk(self) -> TrustFile | None:
        """What another process may have written since; None where there is no file.

        Raises:
            ConfigError: it is of another chain, or no trust file.
        """
        return None if self._path is None or not self._path.exists() else _read(self._path, self._file.chain_id)


def _shown(sets: dict[int, ValidatorSet]) -> dict[str, str]:
    """Sets as the file holds them; those that cannot seal are left out."""
    return {str(epoch): b64(encode(validators)) for epoch, validators in sets.items() if can_seal(validators)}


def pin(
    genesis_bytes: bytes, chain_id: bytes, path: Path | None = None, *, epoch: int = 0, validators_hash: bytes = b""
) -> TrustStore:
    """Trust the chain that these genesis bytes found, if it is the one that people agreed on.

    Args:
        epoch: the epoch to start from; validators of earlier ones are not trusted at all.
        validators_hash: of that epoch's set, which people compared; not asked for epoch 0, which genesis names.
    Raises:
        AnswerError: the bytes are no genesis, a card in them does not hold, or it is another chain.
    """
    try:
        genesis = decode(genesis_bytes, Genesis, size_max=GENESIS_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"not a genesis file: {error}") from error
    if genesis.chain_id() != chain_id:
        raise AnswerError(f"this genesis founds chain {genesis.chain_id().hex()}, not the pinned {chain_id.hex()}")
    try:
        for card in genesis.cards:
            card.verify()
        founders = genesis.validators()
    except DecodeError as error:
        raise AnswerError(f"a card in this genesis does not hold: {error}") from error
    pinned = validators_hash if epoch else founders.digest()
    assert len(pinned) == 32
    file = TrustFile(
        FORMAT,
        genesis.network,
        chain_id.hex(),
        {str(epoch): pinned.hex()},
        pinned_epoch=epoch,
        sets={} if epoch else _shown({0: founders}),
    )
    store = TrustStore(file)
    if path is not None:
        store.keep(path)
    return store


def load_trust(path: Path, chain_id: bytes | None = None) -> TrustStore:
    """Read a trust file.

    Args:
        chain_id: when given, the file must be about this chain.
    Raises:
        ConfigError: missing, malformed, or about another chain.
    """
    return TrustStore(_read(path, None if chain_id is None else chain_id.hex()), path)


def _read(path: Path, chain_id: str | None) -> TrustFile:
    file = read_trust_file(path)
    if chain_id is not None and file.chain_id != chain_id:
        raise ConfigError(
            f"trust file {path} is about chain {file.chain_id[:16]}…, not {chain_id[:16]}…; remove it to trust this one"
        )
    return file
