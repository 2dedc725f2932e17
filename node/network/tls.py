"""TLS contexts that trust exactly the certificates of the seats, byte for byte, and no authority or calendar.

A connection proves which member is at the other end; what that member says is checked as if a stranger had said it.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from node.logs import log_fields
from tallystick.errors import ConfigError

logger = logging.getLogger("tallystick.peers")
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, x509_vfy(3): no expiry can stop consensus


def peer_context(certificate: Path, key: Path, trusted: tuple[bytes, ...], *, server: bool) -> ssl.SSLContext:
    """A context for one direction: TLS 1.3 only, own certificate shown, the other's one of ``trusted`` (DER).

    Raises:
        ConfigError: own certificate and key do not fit, or cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    if server:
        context.num_tickets = 0  # every connection proves its certificate anew
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    load_own(context, certificate, key)
    for der in trusted:
        trust(context, der)
    return context


def load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Show this certificate on connections from now on.

    Raises:
        ConfigError: certificate and key do not fit, or cannot be read.
    """
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{certificate} and {key} are no pair of certificate and key: {error}") from error


def trust(context: ssl.SSLContext, certificate: bytes) -> None:
    """Trust one more certificate (DER) on connections from now on; one that cannot be read is trusted by nobody."""
    try:
        context.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError) as error:
        logger.warning("a certificate cannot be read", extra=log_fields(error=str(error)))


def shown_certificate(connection: ssl.SSLObject | None) -> bytes | None:
    """DER bytes of the certificate that the other end proved to own, or None."""
    return None if connection is None else connection.getpeercert(binary_form=True)
