"""The trust file: what it holds, how it is read and written, and what two of them about one chain know together.

Specification: docs/spec/trust.md, 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from client_sdk import secure_files
from client_sdk.errors import AnswerError
from tallystick.blocks import Header
from tallystick.errors import ConfigError

T = TypeVar("T")

FORMAT = 1
SETS_MAX = 128  # of which papers can be checked; an epoch ends when somebody joins, leaves or changes a key
FILE_SIZE_MAX = 4 * 1_048_576  # bytes; a set of 31 is 11 KiB in base64, an epoch without it 100 bytes

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
        sets: b64 of the encoded sets among ``validators`` that can seal, by epoch: a paper is checked with its set.
        possessions_checked: epochs of ``sets`` whose BLS keys were all shown to be their owners'.
    """

    format: int
    network: str
    chain_id: _Hex32
    validators: dict[_Epoch, _Hex32]
    newest: Newest | None = None
    pinned_epoch: int = 0
    last_heights: dict[_Epoch, Annotated[int, msgspec.Meta(ge=0)]] = {}
    sets: dict[_Epoch, str] = {}
    possessions_checked: list[int] = []


def read_trust_file(path: Path) -> TrustFile:
    """The contents of a trust file. Raises: ConfigError."""
    data = secure_files.read(path, "trust file", size_max=FILE_SIZE_MAX)
    try:
        file = msgspec.json.decode(data, type=TrustFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a trust file: {error}") from error
    if not file.validators:
        raise ConfigError(f"trust file {path} pins no validators; make it anew with 'tallystick pin'")
    if file.format != FORMAT:
        raise ConfigError(f"trust file {path} has format {file.format}; this software reads {FORMAT}")
    return file


def write_trust_file(path: Path, file: TrustFile) -> None:
    """Write the file in place of an older one; of very many sets the newest."""
    kept = sorted(file.sets, key=int)[-SETS_MAX:]
    file = msgspec.structs.replace(file, sets={epoch: file.sets[epoch] for epoch in kept})
    secure_files.replace(path, msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")


def join(ours: TrustFile, theirs: TrustFile) -> TrustFile:
    """Both files' knowledge of one chain, from the later of the two pinned epochs on.

    Raises:
        AnswerError: they know different validators of one epoch.
    """
    for epoch in ours.validators.keys() & theirs.validators.keys():
        if ours.validators[epoch] != theirs.validators[epoch]:
            raise AnswerError(
                f"two sets of validators of epoch {epoch} are both proven: {ours.validators[epoch]} and "
                f"{theirs.validators[epoch]}. The chain has forked; stop and call the other members"
            )
    pinned = max(ours.pinned_epoch, theirs.pinned_epoch)
    known = [newest for newest in (ours.newest, theirs.newest) if newest is not None]
    return msgspec.structs.replace(
        ours,
        validators=_from(pinned, {**theirs.validators, **ours.validators}),
        newest=max(known, key=Newest.order, default=None),
        pinned_epoch=pinned,
        last_heights=_from(pinned, {**theirs.last_heights, **ours.last_heights}),
        sets=_from(pinned, {**theirs.sets, **ours.sets}),
        possessions_checked=sorted({*theirs.possessions_checked, *ours.possessions_checked} - {*range(pinned)}),
    )


def _from(pinned: int, by_epoch: dict[str, T]) -> dict[str, T]:
    """Who pins a later epoch trusts no validators of earlier ones."""
    return {epoch: value for epoch, value in by_epoch.items() if int(epoch) >= pinned}


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
