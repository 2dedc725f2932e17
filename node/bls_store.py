"""Seals on the disk: the newest, and that of each epoch's last block. Losing a file loses nothing but its seal."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path

from node.logs import log_fields
from tallystick.encoding import decode, encode
from tallystick.errors import DecodeError
from tallystick.seals import SealCertificate

SIZE_MAX = 4_096  # bytes; a certificate is below 400

logger = logging.getLogger("tallystick.seals")


class SealStore:
    """Small files of SHA-256 and certificate, each replaced whole and on the disk before anybody is shown it.

    Args:
        newest: file of the newest seal.
        closing: folder of the seals of epochs' last blocks, a file for each epoch.
    """

    def __init__(self, newest: Path, closing: Path) -> None:
        self._newest = newest
        self._closing = closing

    def keep(self, certificate: SealCertificate) -> None:
        """Put a seal in place of the newest; a disk that refuses is no reason to end."""
        self._write(self._newest, certificate)

    def keep_closing(self, certificate: SealCertificate) -> None:
        """Keep the seal of an epoch's last block for ever."""
        self._write(self._file(certificate.seal.epoch), certificate)

    def newest(self) -> SealCertificate | None:
        """The newest seal; None where none was kept.

        Raises:
            DecodeError: the file is damaged.
        """
        return _read(self._newest)

    def closing(self, epoch: int) -> SealCertificate | None:
        """The seal of an epoch's last block; None where none was kept. Raises: as ``newest``."""
        return _read(self._file(epoch))

    def check(self) -> None:
        """Read every file. Raises: as ``newest``."""
        self.newest()
        for path in sorted(self._closing.glob("*")) if self._closing.is_dir() else ():
            found = _read(path) if path.suffix != ".new" else None
            if found is not None and self._file(found.seal.epoch) != path:
                raise DecodeError("seal", f"{path} is of epoch {found.seal.epoch}")

    def _file(self, epoch: int) -> Path:
        return self._closing / f"{epoch:010}"

    @staticmethod
    def _write(path: Path, certificate: SealCertificate) -> None:
        draft = path.with_suffix(".new")
        data = encode(certificate)
        try:
            path.parent.mkdir(exist_ok=True)
            with draft.open("wb") as stream:
                stream.write(sha256(data).digest() + data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            logger.warning("a seal was not kept", extra=log_fields(file=path.name, reason=str(error.strerror)))


def _read(path: Path) -> SealCertificate | None:
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DecodeError("seal", f"{path} cannot be read: {error.strerror}") from error
    if sha256(content[32:]).digest() != content[:32]:
        raise DecodeError("seal", f"{path} is not what was written")
    return decode(content[32:], SealCertificate, size_max=SIZE_MAX)
