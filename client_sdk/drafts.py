"""Several persons sign one transaction, each at home: a draft travels between them as a file.

The draft holds the head (which names all signers, in order), the contents and the signatures made so far. Who signs
sees what the head binds: the contents are checked against it first. Only with every signature it becomes a
transaction; one whose signature was stripped is malformed, and no node takes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from client_sdk import secure_files
from tallystick import keys
from tallystick.encoding import Message, Natural, decode, encode
from tallystick.errors import ConfigError, DecodeError, SignatureError
from tallystick.limits import PAYLOAD_SIZE_MAX, SIGNERS_MAX
from tallystick.payloads import decode_payload
from tallystick.transactions import (
    ContentKind,
    Head,
    SignedTransaction,
    assemble,
    make_head,
    payload_digest,
    transaction_id,
)

FORMAT = 1
_SIZE_MAX = PAYLOAD_SIZE_MAX + 4_096


class Draft(Message, frozen=True):
    """A payload on its way between its signers.

    Attributes:
        head: encoded ``Head``; this is what is signed.
        payload: salt and value.
        signatures: one per signer of the head, in order; empty where it is missing.
    """

    format: Natural
    head: Annotated[bytes, msgspec.Meta(min_length=1, max_length=1_024)]
    payload: Annotated[bytes, msgspec.Meta(min_length=33, max_length=PAYLOAD_SIZE_MAX)]
    signatures: Annotated[
        tuple[Annotated[bytes, msgspec.Meta(max_length=64)], ...], msgspec.Meta(min_length=1, max_length=SIGNERS_MAX)
    ]

    def read_head(self) -> Head:
        """What the head says."""
        return decode(self.head, Head, size_max=1_024)

    def value(self) -> Message:
        """What the payload asks for."""
        return decode_payload(self.payload)

    @property
    def id(self) -> bytes:
        """The id that the transaction will have."""
        return transaction_id(self.head)

    def missing(self) -> tuple[bytes, ...]:
        """Public keys of the signers who have not signed yet."""
        signers = self.read_head().signers
        return tuple(key for key, signature in zip(signers, self.signatures, strict=True) if not signature)


def make_draft(
    payload: bytes, signers: tuple[bytes, ...], *, chain_id: bytes, nonce: bytes, valid_until_ms: int
) -> Draft:
    """A draft that nobody has signed yet.

    Args:
        payload: 32-byte salt and encoded value.
        signers: public keys in signing order.
    Raises:
        ConfigError: no signer, too many, or one twice.
    """
    if not 1 <= len(signers) <= SIGNERS_MAX or len(set(signers)) != len(signers):
        raise ConfigError(f"a transaction has 1 to {SIGNERS_MAX} signers, each once")
    head = make_head(chain_id=chain_id, nonce=nonce, signers=signers, valid_until_ms=valid_until_ms, payload=payload)
    return Draft(FORMAT, head, payload, (b"",) * len(signers))


def sign_draft(draft: Draft, seed: bytes) -> Draft:
    """The draft with one more signature.

    Raises:
        ConfigError: the key is none of the signers that the head names.
    """
    head = draft.read_head()
    public_key = keys.public_key_of(seed)
    if public_key not in head.signers:
        raise ConfigError(f"key {public_key.hex()} is none of this transaction's signers")
    place = head.signers.index(public_key)
    signature = keys.sign(seed, keys.Purpose.TRANSACTION, head.chain_id, draft.id)
    signatures = (*draft.signatures[:place], signature, *draft.signatures[place + 1 :])
    return Draft(draft.format, draft.head, draft.payload, signatures)


def complete(draft: Draft) -> SignedTransaction:
    """The transaction, once every signer has signed.

    Raises:
        ConfigError: a signature is missing.
    """
    missing = draft.missing()
    if missing:
        raise ConfigError(f"not signed yet by {', '.join(key.hex() for key in missing)}")
    return assemble(draft.head, draft.signatures, draft.read_head().chain_id, payload=draft.payload)


def read_draft(data: bytes, chain_id: bytes | None = None) -> Draft:
    """Read a draft and check that its parts fit together and its signatures hold.

    Args:
        chain_id: when given, the draft must be for this chain.
    Raises:
        DecodeError: not a draft, or its head binds other contents.
        SignatureError: a signature in it does not verify.
    """
    draft = decode(data, Draft, size_max=_SIZE_MAX)
    head = draft.read_head()
    if draft.format != FORMAT:
        raise DecodeError("draft.format", f"format {draft.format}; this software reads {FORMAT}")
    if chain_id is not None and head.chain_id != chain_id:
        raise DecodeError("transaction.chain", "the draft is for another chain")
    if head.kind is not ContentKind.PAYLOAD or head.digest != payload_digest(draft.payload):
        raise DecodeError("transaction.digest", "the contents are not those that the head binds: do not sign")
    if len(draft.signatures) != len(head.signers):
        raise DecodeError("transaction.signatures", "not one place per signer")
    draft.value()
    for key, signature in zip(head.signers, draft.signatures, strict=True):
        if signature:
            _verify(key, signature, head.chain_id, draft.id)
    return draft


def load_draft(path: Path, chain_id: bytes | None = None) -> Draft:
    """Read a draft's file. Raises: ConfigError when it cannot be read; otherwise as ``read_draft``."""
    return read_draft(secure_files.read(path, "draft", size_max=_SIZE_MAX), chain_id)


def save_draft(draft: Draft, path: Path) -> None:
    """Write a draft's file in place of an older one."""
    secure_files.replace(path, encode(draft))


def _verify(key: bytes, signature: bytes, chain_id: bytes, id_: bytes) -> None:
    try:
        keys.verify(key, signature, keys.Purpose.TRANSACTION, chain_id, id_)
    except SignatureError as error:
        raise SignatureError(f"the draft holds a signature that does not verify: {error}") from error
