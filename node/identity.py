"""The keys of this node: which validator keys and transport certificates are in its folder.

There may be two of each: that in use, and a *next* one, which `tallystick-node rotate` makes and which takes over with
the epoch in which the chain gives it the organisation's seat. The folder is read again at every change of epoch. At the
start after that the next files take the names of those that they replaced, which are kept as `….old`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from node.config import NodeConfig
from node.key_files import read_certificate_der, read_validator_seed
from tallystick import keys
from tallystick.errors import ConfigError

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


def former_key(config: NodeConfig, key: bytes) -> Path:
    """Where a validator key is kept that has lost its seat to a next one."""
    return config.keys / f"validator-{key.hex()[:16]}.old"


def former_certificate(config: NodeConfig, certificate: bytes) -> Path:
    """Where a transport certificate is kept that was replaced."""
    return config.keys / f"transport-{hashlib.sha256(certificate).hexdigest()[:16]}.crt.old"


def settle(config: NodeConfig, identity: Identity, key: bytes | None, certificate: bytes | None) -> Identity:
    """Give the next files the names of those in use, where the chain has given them the seat.

    Args:
        key, certificate: what stands in this node's seat; None where it has none.
    Raises:
        ConfigError: the folder of keys cannot be written to.
    """
    seeds, transports = list(identity.seeds), list(identity.transports)
    try:
        if len(seeds) > 1 and key == seeds[1]:
            _keep(config.validator_key, former_key(config, seeds[0]))
            os.replace(config.keys / NEXT_VALIDATOR_KEY, config.validator_key)
        if len(transports) > 1 and certificate == transports[1]:
            former = former_certificate(config, transports[0])
            _keep(config.transport_certificate, former)
            _keep(config.transport_key, former.with_suffix("").with_suffix(".key.old"))
            os.replace(config.keys / NEXT_TRANSPORT_KEY, config.transport_key)
            os.replace(config.keys / NEXT_TRANSPORT_CERTIFICATE, config.transport_certificate)
    except OSError as error:
        raise ConfigError(f"{config.keys}: the next keys cannot be put in place: {error.strerror}") from error
    return read_identity(config)


def _keep(file: Path, name: Path) -> None:
    """The same file under another name, so that the next one can take its own without a moment in which it is gone."""
    if not name.exists():
        os.link(file, name)


def _finish_settling(config: NodeConfig) -> None:
    """A crash between the two files of a transport certificate: the key is in place, the certificate follows."""
    certificate = config.keys / NEXT_TRANSPORT_CERTIFICATE
    if certificate.exists() and not (config.keys / NEXT_TRANSPORT_KEY).exists():
        os.replace(certificate, config.transport_certificate)


def read_identity(config: NodeConfig) -> Identity:
    """Read the folder of keys.

    Raises:
        ConfigError: a file is missing, unreadable by the node, readable by others, or no key.
    """
    _finish_settling(config)
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
