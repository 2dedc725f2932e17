"""Ed25519 signing and verifying, by PyNaCl (libsodium) and nothing else.

What is signed always carries a domain prefix, ``"TALLYSTICK" || format version || algorithm || purpose || chain id``,
then the message. So a vote can never be read as a transaction, nor one chain's signature as another's.

Two libraries disagree on small-order and non-canonical public keys; ``check_public_key`` refuses both kinds, and no
key reaches the ledger without it. Specification: docs/spec/signing.md.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import nacl.bindings as sodium
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from tallystick.errors import SignatureError

FORMAT_VERSION = 1
ALGORITHM_ED25519 = 1
_MAGIC = b"TALLYSTICK"
_FIELD_PRIME = 2**255 - 19

# The canonical encodings of the points of order 1, 2, 4 and 8 of edwards25519.
SMALL_ORDER_KEYS = frozenset(
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)


class Purpose(IntEnum):
    """What a signature is for. Numbers are part of the signed bytes and never reused."""

    TRANSACTION = 1
    VOTE = 2
    PROPOSAL = 3
    PEER = 4
    REQUEST = 5
    CARD = 6
    HEAD = 7
    # 8 is not used; 9 is a seal, which BLS keys sign under an algorithm byte of their own (tallystick.seals)
    RECOVERY = 10  # a root key's word for what its node holds of an epoch that cannot go on


def domain(purpose: Purpose, chain_id: bytes) -> bytes:
    """The 45-byte prefix of everything that is signed for ``purpose`` on the chain ``chain_id`` (32 bytes)."""
    assert len(chain_id) == 32
    return _MAGIC + bytes((FORMAT_VERSION, ALGORITHM_ED25519, purpose)) + chain_id


@lru_cache(maxsize=64)
def _signing_key(seed: bytes) -> SigningKey:
    """Deriving the public key costs as much as signing; a process signs with few keys."""
    return SigningKey(seed)


def generate() -> bytes:
    """A new 32-byte private seed from the operating system."""
    return bytes(SigningKey.generate())


def public_key_of(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte private seed."""
    return bytes(SigningKey(seed).verify_key)


def sign(seed: bytes, purpose: Purpose, chain_id: bytes, message: bytes) -> bytes:
    """The 64-byte signature over the domain prefix and ``message``."""
    return _signing_key(seed).sign(domain(purpose, chain_id) + message).signature


def verify(public_key: bytes, signature: bytes, purpose: Purpose, chain_id: bytes, message: bytes) -> None:
    """Check a signature.

    Raises:
        SignatureError: when it does not verify, or key or signature have the wrong length.
    """
    if len(signature) != 64 or len(public_key) != 32:
        raise SignatureError("a key has 32 bytes and a signature 64")
    signed = signature + domain(purpose, chain_id) + message
    if not _opens(signed, public_key):
        raise SignatureError(f"signature by {public_key.hex()[:16]}… does not verify")


def _opens_by_binding(signed: bytes, public_key: bytes) -> bool:
    try:
        sodium.crypto_sign_open(signed, public_key)
    except CryptoError:
        return False
    return True


def _opens_by_library(signed: bytes, public_key: bytes) -> bool:
    """As the binding does it, without its copy of the message: a tenth less time on the hottest path of a node.

    Nothing is written anywhere, so that several threads may check at once.
    """
    return bool(_lib.crypto_sign_open(_NOWHERE, _NOWHERE, signed, len(signed), public_key) == 0)


try:  # the same libsodium below PyNaCl's public binding; the name is private, so its absence must not matter
    from nacl._sodium import ffi as _ffi
    from nacl._sodium import lib as _lib
except ImportError:
    _opens = _opens_by_binding
else:
    _NOWHERE = _ffi.NULL  # where libsodium is to copy the message to, and to write its length
    _opens = _opens_by_library


def check_public_key(public_key: bytes) -> None:
    """Refuse keys on which verifiers disagree: not 32 bytes, non-canonical, small order, or not a curve point.

    Raises:
        SignatureError: naming which of these holds.
    """
    if len(public_key) != 32:
        raise SignatureError("a public key has 32 bytes")
    if public_key in SMALL_ORDER_KEYS:
        raise SignatureError("a public key of small order")
    if int.from_bytes(public_key, "little") & (2**255 - 1) >= _FIELD_PRIME:
        raise SignatureError("a public key that is not canonically encoded")
    if not sodium.crypto_core_ed25519_is_valid_point(public_key):
        raise SignatureError("not a point of the prime-order subgroup of edwards25519")
