"""BLS12-381 signatures for compact proofs: public keys in G1 (48 bytes), signatures in G2 (96 bytes).

The ciphersuite is ``BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_`` of draft-irtf-cfrg-bls-signature-05 (proof of
possession). Two libraries compute it to the same bytes: ``blspy`` (native) where it is installed, else ``py-ecc``,
which holds the interpreter for about a second per check. Both take the point at infinity as a key, and an aggregate
check is only worth something when every key's possession was proven; so what may be a key, a signature and an
aggregate is decided here. Specification: docs/spec/compact.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from tallystick.errors import ConfigError, SignatureError

SECRET_SIZE = 32  # bytes, big-endian number from 1 to the group's order - 1
KEY_SIZE = 48  # bytes, compressed point of G1
SIGNATURE_SIZE = 96  # bytes, compressed point of G2
GROUP_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_FIELD_PRIME = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab", 16
)
_COMPRESSED, _INFINITY, _SIGN = 0x80, 0x40, 0x20  # flags in the first byte of a compressed point


class Library(Protocol):
    """What is taken from a library. Arguments have passed the checks of this module; points may still be none."""

    name: str

    def public_key(self, secret: int) -> bytes:
        """The key of a secret."""

    def sign(self, secret: int, message: bytes) -> bytes:
        """A signature over a message."""

    def prove_possession(self, secret: int) -> bytes:
        """A signature over the secret's own public key, under the domain of possession."""

    def is_key(self, key: bytes) -> bool:
        """Whether it is a point of the curve and of the group of right order."""

    def is_signature(self, signature: bytes) -> bool:
        """The same in G2."""

    def verify_possession(self, key: bytes, possession: bytes) -> bool:
        """Whether ``prove_possession`` made it."""

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The sum of signatures."""

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        """Whether the sum of the keys signed the message."""


class Bls:
    """Signing and checking, with the refusals that the libraries leave to their callers."""

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def name(self) -> str:
        """Which library computes."""
        return self._library.name

    def public_key(self, secret: bytes) -> bytes:
        """The 48-byte public key of a secret."""
        return self._library.public_key(_scalar(secret))

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """The 96-byte signature over a message, which carries its own domain."""
        return self._library.sign(_scalar(secret), message)

    def prove_possession(self, secret: bytes) -> bytes:
        """The 96-byte proof that whoever publishes the key has its secret."""
        return self._library.prove_possession(_scalar(secret))

    def check_key(self, key: bytes) -> None:
        """Raises: SignatureError for anything but a point of the right group other than infinity."""
        _check_point(key, KEY_SIZE, "key")
        if not self._library.is_key(key):
            raise SignatureError("a BLS key is not a point of the group of right order")

    def check_possession(self, key: bytes, possession: bytes) -> None:
        """Raises: SignatureError when the key may not be used, or its owner was not shown to have its secret."""
        self.check_key(key)
        self._check_signature(possession)
        if not self._library.verify_possession(key, possession):
            raise SignatureError("the proof of possession of a BLS key does not hold")

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The 96-byte sum of signatures, each of the right group. Raises: SignatureError."""
        if not signatures:
            raise SignatureError("there is no signature to add up")
        for signature in signatures:
            self._check_signature(signature)
        return self._library.aggregate(signatures)

    def check(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> None:
        """Check an aggregate of all these keys over one message; each key's possession must have been checked.

        Raises:
            SignatureError: no key, one key twice, a key or signature that may not be used, or it does not verify.
        """
        if not keys or len(set(keys)) != len(keys):
            raise SignatureError("an aggregate needs keys, each once")
        for key in keys:
            self.check_key(key)
        self._check_signature(signature)
        if not self._library.verify(keys, message, signature):
            raise SignatureError("the BLS signature does not verify")

    def _check_signature(self, signature: bytes) -> None:
        _check_point(signature, SIGNATURE_SIZE, "signature")
        if not self._library.is_signature(signature):
            raise SignatureError("a BLS signature is not a point of the group of right order")


def check_form(key: bytes, possession: bytes) -> None:
    """What can be said of a key and its possession without arithmetic: all that rules in consensus look at.

    Raises:
        SignatureError: a wrong length, not compressed, infinity, or a coordinate that is not below the field's prime.
    """
    _check_point(key, KEY_SIZE, "key")
    _check_point(possession, SIGNATURE_SIZE, "signature")


@lru_cache(maxsize=1)
def bls() -> Bls:
    """The fastest library that is installed.

    Raises:
        ConfigError: there is none.
    """
    from tallystick import bls_libraries

    for make in (bls_libraries.native, bls_libraries.reference):
        library = make()
        if library is not None:
            return Bls(library)
    raise ConfigError("compact proofs need a BLS library; run: pip install 'tallystick[compact]'")


def _scalar(secret: bytes) -> int:
    number = int.from_bytes(secret, "big")
    if len(secret) != SECRET_SIZE or not 0 < number < GROUP_ORDER:
        raise ConfigError("a BLS secret is 32 bytes, a number below the group's order and not zero")
    return number


def _check_point(point: bytes, size: int, what: str) -> None:
    """Length, flags and coordinates of a compressed point.

    Source: the ZCash serialisation that draft-irtf-cfrg-bls-signature-05, appendix A, names.
    """
    if len(point) != size:
        raise SignatureError(f"a BLS {what} has {size} bytes, not {len(point)}")
    if not point[0] & _COMPRESSED:
        raise SignatureError(f"a BLS {what} is not in compressed form")
    if point[0] & _INFINITY:
        raise SignatureError(f"a BLS {what} is the point at infinity, which everybody could use")
    coordinates = bytes((point[0] & ~(_COMPRESSED | _INFINITY | _SIGN),)) + point[1:]
    if any(int.from_bytes(coordinates[at : at + 48], "big") >= _FIELD_PRIME for at in range(0, size, 48)):
        raise SignatureError(f"a coordinate of a BLS {what} is not below the field's prime")
