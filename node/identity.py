"""The keys of this node: which validator keys and transport certificates are in its folder.

There may be two of each: that in use, and a *next* one, which `tallystick-node rotate` makes and which takes over with
the epoch in which the chain gives it the organisation's seat. The folder is read again at every change of epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.config import NodeConfig
from node.key_files import read_certificate_der, read_validator_seed
from tallystick import keys

NEXT_VALIDATOR_KEY = "validator-next.key"
NEXT_TRANSPORT_KEY = "transport-next.key"
NEXT_TRANSPORT_CERTIFICATE = "transport-next.crt"


@dataclass(frozen=True, slots=True)
class TransportFiles:
    """A transport certificate with its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """What this node can act as.

    Attributes:
        seeds: 32-byte seeds by the validator key that they sign for, the newest last.
        transports: files by the certificate's DER bytes, the newest last.
    """

    seeds: dict[bytes, bytes]
    transports: dict[bytes, TransportFiles]

    @property
    def newest_key(self) -> bytes:
        """The validator key that was made last."""
        return list(self.seeds)[-1]

    def transport_for(self, certificate: bytes) -> TransportFiles:
        """The files of a certificate that the chain names for us; of the newest one where that is not here."""
        return self.transports.get(certificate) or list(self.transports.values())[-1]


def read_identity(config: NodeConfig) -> Identity:
    """Read the folder of keys.

    Raises:
        ConfigError: a file is missing, unreadable by the node, readable by others, or no key.
    """
    seeds: dict[bytes, bytes] = {}
    for path in (config.validator_key, config.keys / NEXT_VALIDATOR_KEY):
        if path == config.validator_key or path.exists():
            seed = read_validator_seed(path)
            seeds[keys.public_key_of(seed)] = seed
    transports: dict[bytes, TransportFiles] = {}
    next_files = TransportFiles(config.keys / NEXT_TRANSPORT_CERTIFICATE, config.keys / NEXT_TRANSPORT_KEY)
    for files in (TransportFiles(config.transport_certificate, config.transport_key), next_files):
        if files is not next_files or files.certificate.exists():
            transports[read_certificate_der(files.certificate)] = files
    return Identity(seeds, transports)
