"""Business documents off the chain and what the chain holds of them: a salted commitment, a keyed tag.

The contents of orders and invoices stay with the two parties. A commitment carries a random salt, because a plain hash
of so few fields can be guessed; the tag of an invoice number is keyed by a secret of the debtor for the same reason.
Specification: docs/spec/trade.md and docs/spec/finance.md.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from tallystick.errors import DecodeError
from tallystick.hashing import TAG_DOCUMENT, TAG_INVOICE_TAG, tagged
from tallystick.limits import SALT_SIZE, TEXT_MAX

INVOICE_SECRET_SIZE = 32  # bytes of the debtor's secret; it must never change, or duplicates go unseen

_KEPT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def document_commitment(salt: bytes, canonical_json: bytes) -> bytes:
    """The 32-byte commitment to a document.

    Args:
        salt: 32 random bytes, kept with the document; who gets the document gets them too.
        canonical_json: the document in its one spelling (RFC 8785; ``tallystick.epcis.canonical``).
    """
    assert len(salt) == SALT_SIZE
    return tagged(TAG_DOCUMENT, salt, canonical_json)


def normalise_invoice_number(number: str) -> str:
    """The letters and digits of an invoice number in upper case: ``INV-001`` and ``inv 001`` are ``INV001``.

    ASCII only: what else counts as a letter, and its upper case, differ between versions of Unicode.

    Raises:
        DecodeError: ``document.number-not-ascii``, ``document.number-empty`` or ``document.number-too-long``.
    """
    if not number.isascii():
        raise DecodeError("document.number-not-ascii", "an invoice number is written in ASCII characters")
    kept = "".join(character for character in number.upper() if character in _KEPT)
    if not kept:
        raise DecodeError("document.number-empty", "an invoice number has at least one letter or digit")
    if len(kept) > TEXT_MAX:
        raise DecodeError("document.number-too-long", f"an invoice number has at most {TEXT_MAX} letters and digits")
    return kept


def invoice_tag(secret: bytes, creditor: str, number: str) -> bytes:
    """The debtor's 32-byte tag of an invoice number of one creditor: HMAC-SHA-256 under the debtor's secret.

    Args:
        secret: ``INVOICE_SECRET_SIZE`` random bytes of the debtor.
        creditor: organisation id; two suppliers may use the same numbers.
        number: as printed on the invoice.
    Raises:
        DecodeError: see ``normalise_invoice_number``.
    """
    assert len(secret) == INVOICE_SECRET_SIZE
    message = TAG_INVOICE_TAG + creditor.encode() + b"\x00" + normalise_invoice_number(number).encode()
    return hmac.new(secret, message, sha256).digest()
