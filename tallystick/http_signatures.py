"""Signed HTTP requests: the subset of RFC 9421 that the members' door takes, for both its ends.

A request is signed over its method, path, query and the digest of its body (RFC 9530), with the time it was made, a
nonce and the public key. There is one spelling of every header; what is signed is the RFC's signature base behind the
domain prefix of purpose REQUEST, so that a request can be read neither as a vote nor as a transaction, nor for another
chain. ``verify_request`` says who signed; whether that key may ask, whether the time is now and whether the nonce is
new, is for the node to judge. Pure: time and nonce are given by the caller. Specification: docs/spec/api.md, section 3.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from tallystick import keys
from tallystick.errors import DecodeError

COMPONENTS = '("@method" "@path" "@query" "content-digest")'
TAG = "tallystick-request-v1"
NONCE_SIZE = 16  # bytes; fresh for every request
WINDOW_S = 60  # seconds a request's time may differ from the node's clock, either way

CONTENT_DIGEST = "content-digest"
SIGNATURE_INPUT = "signature-input"
SIGNATURE = "signature"

_METHOD = re.compile(r"[A-Z]{1,16}")
_PATH = re.compile(r"/[\x21-\x7e]{0,4095}")
_QUERY = re.compile(r"[\x21-\x7e]{0,8192}")
# The last digit of each carries unused bits, which must be zero: one value, one spelling.
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=):")
_SIGNATURE = re.compile(r"sig=:([A-Za-z0-9+/]{85}[AQgw]==):")
_INPUT = re.compile(
    r'sig=(\("@method" "@path" "@query" "content-digest"\)'
    r';created=([1-9][0-9]{0,11});nonce="([0-9a-f]{32})";keyid="([0-9a-f]{64})";tag="tallystick-request-v1")'
)


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """Who signed a request, and when.

    Attributes:
        key: 32-byte public key.
        created_s: seconds since 1970 by the signer's clock.
        nonce: 16 bytes.
        body_digest: SHA-256 of the body that was signed for.
    """

    key: bytes
    created_s: int
    nonce: bytes
    body_digest: bytes

    def check_body(self, body: bytes) -> None:
        """Refuse a body that is not the one signed for.

        Raises:
            DecodeError: ``request.digest``.
        """
        if sha256(body).digest() != self.body_digest:
            raise DecodeError("request.digest", "the body is not the one that its content-digest names")


def sign_request(
    seed: bytes,
    chain_id: bytes,
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    *,
    created_s: int,
    nonce: bytes,
) -> dict[str, str]:
    """The three headers that make a request a signed one.

    Args:
        seed: 32-byte private seed of a registered key.
        method: upper case.
        path: as it stands in the request line, percent-encoded, without the query.
        query: what follows the question mark, as in the request line; empty when there is none.
        created_s: seconds since 1970, now.
        nonce: 16 fresh random bytes.
    """
    assert len(nonce) == NONCE_SIZE and _METHOD.fullmatch(method) and _PATH.fullmatch(path) and _QUERY.fullmatch(query)
    digest = f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"
    parameters = (
        f'{COMPONENTS};created={created_s};nonce="{nonce.hex()}";keyid="{keys.public_key_of(seed).hex()}";tag="{TAG}"'
    )
    base = _signature_base(method, path, query, digest, parameters)
    signature = keys.sign(seed, keys.Purpose.REQUEST, chain_id, base)
    return {
        CONTENT_DIGEST: digest,
        SIGNATURE_INPUT: f"sig={parameters}",
        SIGNATURE: f"sig=:{b64encode(signature).decode()}:",
    }


def verify_request_head(
    chain_id: bytes, method: str, path: str, query: str, headers: Mapping[str, str]
) -> RequestSignature:
    """Check a request's signature before its body is read; ``RequestSignature.check_body`` must follow.

    Args:
        headers: names in lower case.
    Raises:
        DecodeError: ``request.unsigned`` when a header is missing, ``request.signature-headers`` when one is not in
            its one spelling, ``request.target`` for a method, path or query that cannot be signed.
        SignatureError: the signature does not verify.
    """
    for name in (SIGNATURE_INPUT, SIGNATURE, CONTENT_DIGEST):
        if name not in headers:
            raise DecodeError("request.unsigned", f"the header {name} is missing")
    given = _INPUT.fullmatch(headers[SIGNATURE_INPUT])
    signature = _SIGNATURE.fullmatch(headers[SIGNATURE])
    digest = _DIGEST.fullmatch(headers[CONTENT_DIGEST])
    if given is None or signature is None or digest is None:
        wrong = SIGNATURE_INPUT if given is None else SIGNATURE if signature is None else CONTENT_DIGEST
        raise DecodeError("request.signature-headers", f"the header {wrong} is not in the one spelling taken here")
    if not (_METHOD.fullmatch(method) and _PATH.fullmatch(path) and _QUERY.fullmatch(query)):
        raise DecodeError("request.target", "method, path or query has characters that cannot be signed")
    parameters, created, nonce, key = given.groups()
    base = _signature_base(method, path, query, headers[CONTENT_DIGEST], parameters)
    public_key = bytes.fromhex(key)
    keys.verify(public_key, b64decode(signature.group(1)), keys.Purpose.REQUEST, chain_id, base)
    return RequestSignature(public_key, int(created), bytes.fromhex(nonce), b64decode(digest.group(1)))


def verify_request(
    chain_id: bytes, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
) -> RequestSignature:
    """Check a whole request: ``verify_request_head``, then its body.

    Raises:
        DecodeError, SignatureError: see there.
    """
    signature = verify_request_head(chain_id, method, path, query, headers)
    signature.check_body(body)
    return signature


def _signature_base(method: str, path: str, query: str, digest: str, parameters: str) -> bytes:
    """RFC 9421, section 2.5: one line per covered component, the parameters last, no line break at the end.

    The value of ``@query`` begins with its question mark, also when the query is empty (section 2.2.7).
    """
    return (
        f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n'
        f'"@signature-params": {parameters}'
    ).encode("ascii")
