"""The two libraries behind ``tallystick.bls``, imported only when a compact proof is made or checked.

docs/decisions/0005-bls.md has the measurements that chose them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from tallystick.bls import SECRET_SIZE, Library


class _Native:
    """``blspy``: Chia's binding of blst; releases the interpreter while it checks."""

    name = "blspy"

    def __init__(self, module: Any) -> None:
        self._module = module
        self._scheme = module.PopSchemeMPL

    def public_key(self, secret: int) -> bytes:
        return bytes(self._secret(secret).get_g1())

    def sign(self, secret: int, message: bytes) -> bytes:
        return bytes(self._scheme.sign(self._secret(secret), message))

    def prove_possession(self, secret: int) -> bytes:
        return bytes(self._scheme.pop_prove(self._secret(secret)))

    def is_key(self, key: bytes) -> bool:
        return _made(self._module.G1Element.from_bytes, key)

    def is_signature(self, signature: bytes) -> bool:
        return _made(self._module.G2Element.from_bytes, signature)

    def verify_possession(self, key: bytes, possession: bytes) -> bool:
        return bool(self._scheme.pop_verify(self._key(key), self._signature(possession)))

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        return bytes(self._scheme.aggregate([self._signature(signature) for signature in signatures]))

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        points = [self._key(key) for key in keys]
        return bool(self._scheme.fast_aggregate_verify(points, message, self._signature(signature)))

    def _secret(self, secret: int) -> Any:
        return self._module.PrivateKey.from_bytes(secret.to_bytes(SECRET_SIZE, "big"))

    def _key(self, key: bytes) -> Any:
        return self._module.G1Element.from_bytes(key)

    def _signature(self, signature: bytes) -> Any:
        return self._module.G2Element.from_bytes(signature)


class _Reference:
    """``py-ecc``: pure Python, slow, easy to read."""

    name = "py-ecc"

    def __init__(self, scheme: Any, point_compression: Any, subgroup_check: Any) -> None:
        self._scheme = scheme
        self._points = point_compression
        self._subgroup_check = subgroup_check

    def public_key(self, secret: int) -> bytes:
        return bytes(self._scheme.SkToPk(secret))

    def sign(self, secret: int, message: bytes) -> bytes:
        return bytes(self._scheme.Sign(secret, message))

    def prove_possession(self, secret: int) -> bytes:
        return bytes(self._scheme.PopProve(secret))

    def is_key(self, key: bytes) -> bool:
        return _made(lambda data: self._in_group(self._points.pubkey_to_G1(data)), key)

    def is_signature(self, signature: bytes) -> bool:
        return _made(lambda data: self._in_group(self._points.signature_to_G2(data)), signature)

    def verify_possession(self, key: bytes, possession: bytes) -> bool:
        return bool(self._scheme.PopVerify(key, possession))

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        return bytes(self._scheme.Aggregate(signatures))

    def verify(self, keys: Sequence[bytes], message: bytes, signature: bytes) -> bool:
        return bool(self._scheme.FastAggregateVerify(keys, message, signature))

    def _in_group(self, point: Any) -> None:
        if not self._subgroup_check(point):
            raise ValueError("not in the group of right order")


def _made(make: Any, data: bytes) -> bool:
    """Whether a library takes bytes as a point; each has its own exceptions for those that it does not."""
    try:
        make(data)
    except Exception:
        return False
    return True


def native() -> Library | None:
    """``blspy``, where it is installed."""
    try:
        import blspy
    except ImportError:
        return None
    return _Native(blspy)


def reference() -> Library | None:
    """``py-ecc``, where it is installed."""
    limit = sys.getrecursionlimit()
    try:
        from py_ecc.bls import g2_primitives
        from py_ecc.bls.ciphersuites import G2ProofOfPossession
    except ImportError:
        return None
    finally:  # it raises the limit, and with that bytes nested deeply enough would end the whole process
        sys.setrecursionlimit(limit)
    return _Reference(G2ProofOfPossession, g2_primitives, g2_primitives.subgroup_check)
