"""The newest seal on the disk, so that a node that starts again can show it at once. Losing the file loses nothing."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path

from node.logs import log_fields
from tallystick.encoding import Message, decode, encode
from tallystick.errors import DecodeError
from tallystick.seals import SealCertificate, SealKeySet

SIZE_MAX = 65_536  # bytes; 31 validators with their keys are below 12 KiB

logger = logging.getLogger("tallystick.seals")


class KeptSeal(Message, frozen=True):
    """The file after its SHA-256: a seal, and the keys that it was checked with."""

    certificate: SealCertificate
    key_set: SealKeySet


class SealStore:
    """One file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, certificate: SealCertificate, key_set: SealKeySet) -> None:
        """Put a seal in place of the one before; a disk that refuses is no reason to end."""
        draft = self._path.with_suffix(".new")
        data = encode(KeptSeal(certificate, key_set))
        try:
            draft.write_bytes(sha256(data).digest() + data)
            os.replace(draft, self._path)
        except OSError as error:
            logger.warning("the newest seal was not kept", extra=log_fields(reason=str(error.strerror)))

    def read(self) -> KeptSeal | None:
        """What was kept; None where nothing was.

        Raises:
            DecodeError: the file is damaged.
        """
        try:
            with self._path.open("rb") as stream:
                content = stream.read(SIZE_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DecodeError("newest-seal", f"{self._path} cannot be read: {error.strerror}") from error
        if sha256(content[32:]).digest() != content[:32]:
            raise DecodeError("newest-seal", f"{self._path} is not what was written")
        return decode(content[32:], KeptSeal, size_max=SIZE_MAX)
