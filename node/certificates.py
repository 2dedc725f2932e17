"""Transport certificates: each node makes its own, the card carries it, peers pin it byte for byte.

There is no certificate authority, and nothing whose expiry can stop consensus: validity ends with the year 9999
(RFC 5280, section 4.1.2.5, for "no well-defined expiration date"). What counts is the pinned DER, never the name in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)  # no clock of a founder can make it "not yet valid"
NOT_AFTER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TransportIdentity:
    """A transport key with its certificate.

    Attributes:
        key_pem: private key, PKCS#8 PEM, unencrypted: a service must restart without a person.
        certificate_pem, certificate_der: the certificate in both spellings; the card carries the DER.
    """

    key_pem: bytes
    certificate_pem: bytes
    certificate_der: bytes


def make_transport_identity(organisation: str) -> TransportIdentity:
    """A new P-256 key and its self-signed certificate for TLS 1.3, as client and as server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _common_name(organisation))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return TransportIdentity(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.DER),
    )


def _common_name(organisation: str) -> str:
    """At most 64 characters, the bound of X.520."""
    return organisation[:64]
