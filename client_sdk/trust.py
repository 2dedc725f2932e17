"""What this member trusts, kept between runs: the pinned chain, its validators, the newest state it has verified.

Pinned once from genesis bytes whose hash people compared. Later validators are learnt from proofs, epoch by epoch.
Each verified proof moves the newest state on, and nothing older is believed afterwards from a node: a node that shows
an older state is behind, or lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from tallystick.blocks import Executed
from tallystick.encoding import decode
from tallystick.epochs import EpochStep, verify_epoch_step
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Genesis
from tallystick.proofs.anchor import Anchor, Trust

FORMAT = 1
GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards of 5 KiB

_Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Newest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest executed tuple that a quorum signed and this member checked; roots in hex."""

    height: int
    time_ms: int
    state_root: _Hex32
    receipts_root: _Hex32
    history_root: _Hex32


class TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a trust file.

    Attributes:
        validators: hash of the validator set by epoch (a decimal text, as JSON keys are texts).
        newest: None until something was verified.
    """

    format: int
    network: str
    chain_id: _Hex32
    validators: dict[Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,15})$")], _Hex32]
    newest: Newest | None = None


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

    def trust(self, *, refuse_older: bool = True) -> Trust:
        """What a verifier needs to know.

        Args:
            refuse_older: take nothing older than the newest state seen. False for proofs that somebody kept in a
                file: they are as old as they say.
        """
        newest = self._file.newest
        hashes = {int(epoch): bytes.fromhex(hash_) for epoch, hash_ in self._file.validators.items()}
        return Trust(self.chain_id, hashes, newest.height if newest is not None and refuse_older else 0)

    @property
    def newest_epoch(self) -> int:
        """The newest epoch whose validators are known."""
        return max(int(epoch) for epoch in self._file.validators)

    def learn(self, step: EpochStep) -> None:
        """Walk on by one epoch, and remember who votes then.

        Raises:
            ProofError, CertificateError: it does not lead on from the newest epoch known.
        """
        epoch = self.newest_epoch
        known = bytes.fromhex(self._file.validators[str(epoch)])
        following = verify_epoch_step(step, epoch, known, self.chain_id)
        validators = {**self._file.validators, str(epoch + 1): following.digest().hex()}
        self._file = msgspec.structs.replace(self._file, validators=validators)
        if self._path is not None:
            with_disk = self._read_again()
            if with_disk is not None and (self._file.newest is None or with_disk.height > self._file.newest.height):
                self._file = msgspec.structs.replace(self._file, newest=with_disk)
            self.save(self._path)

    def advance(self, anchor: Anchor) -> None:
        """Remember a verified header when it is newer.

        Raises:
            AnswerError: it contradicts what a quorum signed before for the same height: the chain has forked.
        """
        shown = newest_of(anchor.executed)
        with_disk = self._read_again()
        for known in (self._file.newest, with_disk):
            if known is not None and known.height == shown.height and known != shown:
                raise AnswerError(
                    f"two states of height {shown.height} are both signed by a quorum: {known.state_root} and "
                    f"{shown.state_root}. The chain has forked; stop and call the other members"
                )
        best = max((entry for entry in (self._file.newest, with_disk, shown) if entry), key=lambda e: e.height)
        if best != self._file.newest:
            self._file = msgspec.structs.replace(self._file, newest=best)
        if self._path is not None and best != with_disk:
            self.save(self._path)

    def save(self, path: Path) -> None:
        """Write the file in place of an older one."""
        secure_files.replace(path, msgspec.json.format(msgspec.json.encode(self._file), indent=2) + b"\n")

    def _read_again(self) -> Newest | None:
        """What another process may have written since; None where there is no file, or one of another chain."""
        if self._path is None or not self._path.exists():
            return None
        other = read_trust_file(self._path)
        return other.newest if other.chain_id == self._file.chain_id else None


def newest_of(executed: Executed) -> Newest:
    """An executed tuple in the trust file's spelling."""
    return Newest(
        executed.height,
        executed.time_ms,
        executed.state_root.hex(),
        executed.receipts_root.hex(),
        executed.history_root.hex(),
    )


def pin(genesis_bytes: bytes, chain_id: bytes, path: Path | None = None) -> TrustStore:
    """Trust the chain that these genesis bytes found, if it is the one that people agreed on.

    Raises:
        AnswerError: the bytes are no genesis, a card in them does not hold, or it is another chain.
    """
    try:
        genesis = decode(genesis_bytes, Genesis, size_max=GENESIS_SIZE_MAX)
    except DecodeError as error:
        raise AnswerError(f"not a genesis file: {error}") from error
    if genesis.chain_id() != chain_id:
        raise AnswerError(f"this genesis founds chain {genesis.chain_id().hex()}, not the pinned {chain_id.hex()}")
    for card in genesis.cards:
        card.verify()
    file = TrustFile(FORMAT, genesis.network, chain_id.hex(), {"0": genesis.validators().digest().hex()})
    store = TrustStore(file, path)
    if path is not None:
        store.save(path)
    return store


def load_trust(path: Path, chain_id: bytes | None = None) -> TrustStore:
    """Read a trust file.

    Args:
        chain_id: when given, the file must be about this chain.
    Raises:
        ConfigError: missing, malformed, or about another chain.
    """
    file = read_trust_file(path)
    if chain_id is not None and file.chain_id != chain_id.hex():
        raise ConfigError(f"trust file {path} is about chain {file.chain_id[:16]}…, not {chain_id.hex()[:16]}…")
    return TrustStore(file, path)


def read_trust_file(path: Path) -> TrustFile:
    """The contents of a trust file. Raises: ConfigError."""
    data = secure_files.read(path, "trust file", size_max=1_048_576)
    try:
        file = msgspec.json.decode(data, type=TrustFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a trust file: {error}") from error
    if file.format != FORMAT:
        raise ConfigError(f"trust file {path} has format {file.format}; this software reads {FORMAT}")
    return file
