"""What this member trusts, kept between runs: the pinned chain, its validators, the newest header it has verified.

Pinned once from genesis bytes whose hash people compared, or from the validators of a later epoch. Validators after
that are learnt from proofs, epoch by epoch; an epoch that ended is remembered with its last height, above which its
validators' signatures count for nothing. Each verified proof moves the newest header on, and nothing older is believed
afterwards from a node: a node that shows an older state is behind, or lies. Specification: docs/spec/trust.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from tallystick.blocks import Header
from tallystick.encoding import decode
from tallystick.epochs import EpochStep, verify_epoch_step
from tallystick.errors import ConfigError, DecodeError
from tallystick.genesis import Genesis
from tallystick.proofs.anchor import Anchor, Trust

FORMAT = 1
GENESIS_SIZE_MAX = 1_048_576  # bytes; 31 cards of 5 KiB

_Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Epoch = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,15})$")]


class Newest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest header that a quorum signed and this member checked; roots in hex.

    Attributes:
        height: executed height that it certifies, and with ``time_ms`` and the roots its executed tuple.
        epoch, header_height, header_hash: of the header itself; empty in files of an earlier version.
    """

    height: int
    time_ms: int
    state_root: _Hex32
    receipts_root: _Hex32
    history_root: _Hex32
    epoch: int = 0
    header_height: int = 0
    header_hash: str = ""

    def contradicts(self, other: Newest) -> bool:
        """Whether both cannot be true of one chain: two states of one height, or two blocks of one height."""
        if self.height == other.height and self._executed() != other._executed():
            return True
        both = self.header_hash and other.header_hash and self.header_height == other.header_height
        return bool(both) and self.header_hash != other.header_hash

    def _executed(self) -> tuple[int, str, str, str]:
        return self.time_ms, self.state_root, self.receipts_root, self.history_root

    def order(self) -> tuple[int, int]:
        """What is newer compares higher."""
        return self.height, self.header_height


class TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a trust file.

    Attributes:
        validators: hash of the validator set by epoch (a decimal text, as JSON keys are texts).
        newest: None until something was verified.
        pinned_epoch: the epoch that people compared; all later ones were learnt from it.
        last_heights: height of the last block of each epoch that has ended since, by epoch.
    """

    format: int
    network: str
    chain_id: _Hex32
    validators: dict[_Epoch, _Hex32]
    newest: Newest | None = None
    pinned_epoch: int = 0
    last_heights: dict[_Epoch, Annotated[int, msgspec.Meta(ge=0)]] = {}


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
        self._change(msgspec.structs.replace(self._file, validators=validators, last_heights=last_heights), boundary)

    def advance(self, anchor: Anchor) -> None:
        """Remember a verified header when it is newer.

        Raises:
            AnswerError: it contradicts what a quorum signed before for the same height: the chain has forked.
        """
        self._change(self._file, anchor.header)

    def _change(self, file: TrustFile, header: Header) -> None:
        """Take a file and a header in, with what another process may have written meanwhile."""
        shown = newest_of(header)
        with_disk = self._read_again()
        if with_disk is not None:
            file = _join(file, with_disk)
        for known in (self._file.newest, file.newest):
            if known is not None and known.contradicts(shown):
                raise AnswerError(
                    f"two states of height {shown.height} are both signed by a quorum: {known.state_root} (block "
                    f"{known.header_height}) and {shown.state_root} (block {shown.header_height}). The chain has "
                    "forked; stop and call the other members"
                )
        if file.newest is None or shown.order() > file.newest.order():
            file = msgspec.structs.replace(file, newest=shown)
        self._file = file
        if self._path is not None and file != with_disk:
            self.save(self._path)

    def save(self, path: Path) -> None:
        """Write the file in place of an older one."""
        secure_files.replace(path, msgspec.json.format(msgspec.json.encode(self._file), indent=2) + b"\n")

    def _read_again(self) -> TrustFile | None:
        """What another process may have written since; None where there is no file, or one of another chain."""
        if self._path is None or not self._path.exists():
            return None
        other = read_trust_file(self._path)
        return other if other.chain_id == self._file.chain_id else None


def _join(ours: TrustFile, theirs: TrustFile) -> TrustFile:
    """Both files' knowledge of one chain.

    Raises:
        AnswerError: they know different validators of one epoch.
    """
    for epoch in ours.validators.keys() & theirs.validators.keys():
        if ours.validators[epoch] != theirs.validators[epoch]:
            raise AnswerError(
                f"two sets of validators of epoch {epoch} are both proven: {ours.validators[epoch]} and "
                f"{theirs.validators[epoch]}. The chain has forked; stop and call the other members"
            )
    known = [newest for newest in (ours.newest, theirs.newest) if newest is not None]
    return msgspec.structs.replace(
        ours,
        validators={**theirs.validators, **ours.validators},
        last_heights={**theirs.last_heights, **ours.last_heights},
        newest=max(known, key=Newest.order, default=None),
    )


def newest_of(header: Header) -> Newest:
    """A header in the trust file's spelling."""
    executed = header.executed
    return Newest(
        executed.height,
        executed.time_ms,
        executed.state_root.hex(),
        executed.receipts_root.hex(),
        executed.history_root.hex(),
        header.epoch,
        header.height,
        header.block_hash().hex(),
    )


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
    for card in genesis.cards:
        card.verify()
    pinned = validators_hash if epoch else genesis.validators().digest()
    assert len(pinned) == 32
    file = TrustFile(FORMAT, genesis.network, chain_id.hex(), {str(epoch): pinned.hex()}, pinned_epoch=epoch)
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
    if not file.validators:
        raise ConfigError(f"trust file {path} pins no validators; make it anew with 'tallystick pin'")
    if file.format != FORMAT:
        raise ConfigError(f"trust file {path} has format {file.format}; this software reads {FORMAT}")
    return file
