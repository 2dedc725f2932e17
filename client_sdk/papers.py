"""Orders, despatch advices, receipts and invoices: the paper stays with the two firms, the ledger holds a commitment.

A sealed paper is the document in its one spelling with the salt of its commitment. Whoever gets the sealed paper can
check that it is the one recorded; nobody else can guess at it. The salt comes from the firm's capture secret, so that
recording the same paper again is the same commitment.
"""

from __future__ import annotations

import hmac
from typing import Annotated

import msgspec

from tallystick.documents import document_commitment
from tallystick.encoding import Message, decode, encode
from tallystick.epcis import canonical_json, read_canonical, read_json
from tallystick.errors import DecodeError, ProofError

PAPER_SIZE_MAX = 1_048_576  # bytes of a document
_SALT_PURPOSE = b"tallystick/document-salt/1\x00"


class SealedPaper(Message, frozen=True):
    """A document with what its commitment needs.

    Attributes:
        salt: 32 bytes.
        contents: canonical JSON.
    """

    salt: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    contents: Annotated[bytes, msgspec.Meta(min_length=2, max_length=PAPER_SIZE_MAX)]

    @property
    def commitment(self) -> bytes:
        """What the ledger holds of it, 32 bytes."""
        return document_commitment(self.salt, self.contents)


def seal(document: bytes, secret: bytes) -> SealedPaper:
    """Seal a JSON document.

    Args:
        document: JSON in any spelling.
        secret: the firm's capture secret, 32 bytes.
    Raises:
        DecodeError: not strict JSON.
    """
    assert len(secret) == 32
    contents = canonical_json(read_json(document, size_max=PAPER_SIZE_MAX))
    return SealedPaper(hmac.digest(secret, _SALT_PURPOSE + contents, "sha256"), contents)


def write_sealed(paper: SealedPaper) -> bytes:
    """The bytes to hand to the other firm."""
    return encode(paper)


def open_sealed(data: bytes, commitment: bytes) -> bytes:
    """The canonical JSON of a sealed paper, if it is the one that was recorded.

    Raises:
        DecodeError: not a sealed paper.
        ProofError: ``paper-altered``: another document, or another salt.
    """
    paper = decode(data, SealedPaper, size_max=PAPER_SIZE_MAX + 64)
    if paper.commitment != commitment:
        raise ProofError("paper-altered", "the document is not the one that was recorded under this commitment")
    try:
        read_canonical(paper.contents, PAPER_SIZE_MAX)
    except DecodeError as error:
        raise ProofError("paper-altered", f"the document is not canonical JSON: {error}") from error
    return paper.contents
