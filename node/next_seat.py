"""The keys that are to replace those of a validator, and the seat that goes into the order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.certificates import make_transport_identity
from node.config import NodeConfig
from node.identity import NEXT_TRANSPORT_CERTIFICATE, NEXT_TRANSPORT_KEY, NEXT_VALIDATOR_KEY
from node.key_files import read_certificate_der, read_validator_seed, write_new
from node.seal_secret import bls_entry, make_seal_secret
from tallystick import keys
from tallystick.encoding import encode
from tallystick.payloads.membership import NewSeat

SEAT = "seat.bin"  # beside the configuration


@dataclass(frozen=True, slots=True)
class NextSeat:
    """A seat with the file it was written to."""

    seat: NewSeat
    file: Path


def next_seed(config: NodeConfig, *, reuse: bool = False) -> bytes:
    """A new validator key beside the one in use; with ``reuse`` the one that was made before, if there is one.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    path = config.keys / NEXT_VALIDATOR_KEY
    if reuse and path.exists():
        return read_validator_seed(path)
    seed = keys.generate()
    write_new(path, seed.hex().encode() + b"\n", secret=True)
    return seed


def make_next_seat(
    config: NodeConfig,
    peer_address: str,
    api_address: str,
    *,
    transport: bool = False,
    seals: bool = False,
    reuse: bool = False,
) -> NextSeat:
    """Write the next keys, with ``transport`` a certificate too, with ``seals`` a BLS key, and the seat file.

    A BLS key that the node has stays as it is; until the set names a new one, the node signs no seals.

    Raises:
        ConfigError: there are next keys or a seat file already, or they cannot be written.
    """
    certificate = read_certificate_der(config.transport_certificate)
    seed = next_seed(config, reuse=reuse)
    if transport:
        identity = make_transport_identity(config.organisation)
        write_new(config.keys / NEXT_TRANSPORT_KEY, identity.key_pem, secret=True)
        write_new(config.keys / NEXT_TRANSPORT_CERTIFICATE, identity.certificate_pem)
        certificate = identity.certificate_der
    if seals:
        make_seal_secret(config.seal_key)
    entry = bls_entry(config.seal_key)
    seat = NewSeat(config.organisation, keys.public_key_of(seed), certificate, peer_address, api_address, *entry)
    path = config.file.parent / SEAT
    if reuse:
        path.unlink(missing_ok=True)
    write_new(path, encode(seat))
    return NextSeat(seat, path)
