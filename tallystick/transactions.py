"""Transactions: a small signed head, and contents that the head binds by hash.

The head names all signers in order; a transaction with a missing, extra or reordered signature is malformed. Its id
is the head's hash: no sequence numbers, because many devices of one firm write at once. Contents are either events
(bound by count and RFC 6962 root of their commitments) or one payload (bound by its hash; a 32-byte salt comes first).
Specification: docs/spec/transactions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from hashlib import sha256
from typing import Annotated

import msgspec

from tallystick import keys
from tallystick.encoding import (
    ZERO32,
    Bytes16,
    Bytes32,
    Hash,
    Message,
    Natural,
    PublicKey,
    Signature,
    TimeMs,
    decode,
    encode,
)
from tallystick.errors import DecodeError
from tallystick.hashing import (
    TAG_EVENT,
    TAG_EVENT_MEMBERS,
    TAG_EVENT_PUBLIC,
    TAG_EVENT_SEALED,
    TAG_PAYLOAD,
    TAG_TRANSACTION_ID,
    TAG_WITNESS,
    tagged,
)
from tallystick.limits import (
    EVENT_PART_SIZE_MAX,
    EVENTS_PER_TRANSACTION_MAX,
    PAYLOAD_SIZE_MAX,
    SALT_SIZE,
    SIGNERS_MAX,
    TRANSACTION_SIZE_MAX,
    VALIDITY_MAX_MS,
)
from tallystick.merkle import leaf_hash, root_of

FORMAT_VERSION = 1
COMMITMENT_VERSION = b"\x01"


class ContentKind(IntEnum):
    """What a head binds."""

    EVENTS = 1
    PAYLOAD = 2


class Event(Message, frozen=True):
    """One EPCIS event in its three audiences.

    Attributes:
        public: canonical JSON for everybody; never empty.
        members_salt: 32 bytes, or empty when there is no members' part.
        members: canonical JSON for the consortium's members, or empty.
        sealed_count: leaves kept off the chain.
        sealed_root: RFC 6962 root over them, or 32 zero bytes when there are none.
    """

    public: Annotated[bytes, msgspec.Meta(min_length=1, max_length=EVENT_PART_SIZE_MAX)]
    members_salt: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    members: Annotated[bytes, msgspec.Meta(max_length=EVENT_PART_SIZE_MAX)] = b""
    sealed_count: Natural = 0
    sealed_root: Bytes32 = ZERO32

    def check(self) -> None:
        """Refuse half-present slots: each is absent whole or present whole.

        Raises:
            DecodeError: ``event.members-slot`` or ``event.sealed-slot``.
        """
        if bool(self.members) != (len(self.members_salt) == 32) or len(self.members_salt) not in (0, 32):
            raise DecodeError("event.members-slot", "a members' part comes with a salt of 32 bytes, and only with one")
        if (self.sealed_count == 0) != (self.sealed_root == ZERO32):
            raise DecodeError("event.sealed-slot", "a sealed root comes with a count, and only with one")

    def slots(self) -> tuple[bytes, bytes, bytes]:
        """The three slot hashes (public, members, sealed); 32 zero bytes stand for an absent part."""
        members = sealed = ZERO32
        if self.members:
            members = sha256(TAG_EVENT_MEMBERS + self.members_salt + self.members).digest()
        if self.sealed_count:
            sealed = tagged(TAG_EVENT_SEALED, self.sealed_count.to_bytes(8, "big"), self.sealed_root)
        return sha256(TAG_EVENT_PUBLIC + self.public).digest(), members, sealed

    def commitment(self) -> bytes:
        """The 32-byte commitment to all three parts."""
        return commitment_of_slots(*self.slots())


def commitment_of_slots(public: bytes, members: bytes, sealed: bytes) -> bytes:
    """SHA-256(0x10 || version || P || M || S)."""
    return sha256(TAG_EVENT + COMMITMENT_VERSION + public + members + sealed).digest()


class Head(Message, frozen=True):
    """What is signed.

    Attributes:
        nonce: 16 random bytes; two equal wishes are still two transactions.
        signers: public keys of all signers, in signing order, each once.
        valid_until_ms: last block time at which it may be included.
        event_count: number of events; 0 for a payload.
        digest: RFC 6962 root of the event commitments, or hash of the payload's bytes.
    """

    version: Natural
    chain_id: Hash
    nonce: Bytes16
    signers: Annotated[tuple[PublicKey, ...], msgspec.Meta(min_length=1, max_length=SIGNERS_MAX)]
    valid_until_ms: TimeMs
    kind: ContentKind
    event_count: Annotated[int, msgspec.Meta(ge=0, le=EVENTS_PER_TRANSACTION_MAX)]
    digest: Hash


class WireTransaction(Message, frozen=True):
    """A transaction as it travels: the head's bytes (they are what was signed), one signature per signer, contents."""

    head: Annotated[bytes, msgspec.Meta(min_length=1, max_length=1_024)]
    signatures: Annotated[tuple[Signature, ...], msgspec.Meta(min_length=1, max_length=SIGNERS_MAX)]
    events: Annotated[tuple[Event, ...], msgspec.Meta(max_length=EVENTS_PER_TRANSACTION_MAX)]
    payload: Annotated[bytes, msgspec.Meta(max_length=PAYLOAD_SIZE_MAX)]


class SignedTransaction:
    """A structurally sound transaction whose signatures have not been checked yet.

    Built by ``decode_transaction`` (from bytes) or ``sign_transaction`` (by an SDK). Derived values are computed once.

    Attributes:
        raw: the bytes as they travel and are stored.
        size: how many they are.
        id: 32 bytes, the head's hash.
        commitments: one 32-byte commitment per event, in order.
        witness_leaf: 32-byte leaf of the block's transaction tree; binds id and signatures.
    """

    __slots__ = (
        "commitments",
        "events",
        "head",
        "head_bytes",
        "id",
        "payload",
        "raw",
        "signatures",
        "size",
        "witness_leaf",
    )

    def __init__(self, raw: bytes, wire: WireTransaction, head: Head, commitments: tuple[bytes, ...]) -> None:
        self.raw = raw
        self.size = len(raw)
        self.head = head
        self.head_bytes = wire.head
        self.signatures = wire.signatures
        self.events = wire.events
        self.payload = wire.payload
        self.commitments = commitments
        self.id = transaction_id(wire.head)
        self.witness_leaf = leaf_hash(self.id + sha256(TAG_WITNESS + b"".join(wire.signatures)).digest())

    @property
    def payload_salt(self) -> bytes:
        """The 32-byte salt that a payload starts with; empty for events."""
        return self.payload[:SALT_SIZE]

    def verify_signatures(self) -> None:
        """Check every signer's signature over the id.

        Raises:
            SignatureError: for the first that does not verify.
        """
        for key, signature in zip(self.head.signers, self.signatures, strict=True):
            keys.verify(key, signature, keys.Purpose.TRANSACTION, self.head.chain_id, self.id)


def transaction_id(head: bytes) -> bytes:
    """The id of a transaction with these head bytes."""
    return sha256(TAG_TRANSACTION_ID + head).digest()


def payload_digest(payload: bytes) -> bytes:
    """What a head binds of a payload's bytes."""
    return tagged(TAG_PAYLOAD, payload)


def events_digest(commitments: Sequence[bytes]) -> bytes:
    """What a head binds of events: RFC 6962 root over their commitments as leaf data."""
    return root_of([leaf_hash(commitment) for commitment in commitments])


def decode_transaction(raw: bytes, chain_id: bytes) -> SignedTransaction:
    """Read one transaction and check everything about its structure: the gate for bytes from outside.

    Signatures are not checked here; see ``SignedTransaction.verify_signatures``.

    Raises:
        DecodeError: with the rule that is broken.
    """
    wire = decode(raw, WireTransaction, size_max=TRANSACTION_SIZE_MAX)
    head = decode(wire.head, Head, size_max=1_024)
    if head.version != FORMAT_VERSION:
        raise DecodeError("transaction.version", f"format version {head.version}; this is {FORMAT_VERSION}")
    if head.chain_id != chain_id:
        raise DecodeError("transaction.chain", f"signed for chain {head.chain_id.hex()[:16]}…, not for this one")
    if len(head.signers) != len(wire.signatures):
        raise DecodeError(
            "transaction.signatures", f"{len(wire.signatures)} signatures for {len(head.signers)} named signers"
        )
    if len(set(head.signers)) != len(head.signers):
        raise DecodeError("transaction.signers", "one signer named twice")
    commitments: tuple[bytes, ...] = ()
    if head.kind is ContentKind.EVENTS:
        if wire.payload or not wire.events or len(wire.events) != head.event_count:
            raise DecodeError("transaction.contents", "the events are not those that the head counts")
        for event in wire.events:
            event.check()
        commitments = tuple([event.commitment() for event in wire.events])
        if len(set(commitments)) != len(commitments):
            raise DecodeError("transaction.repeated-event", "one event twice in a transaction")
        digest = events_digest(commitments)
    else:
        if wire.events or head.event_count or len(wire.payload) <= SALT_SIZE:
            raise DecodeError("transaction.contents", "a payload is a salt of 32 bytes and a value, without events")
        digest = payload_digest(wire.payload)
    if digest != head.digest:
        raise DecodeError("transaction.digest", "the contents are not those that were signed for")
    return SignedTransaction(raw, wire, head, commitments)


def sign_transaction(
    *,
    chain_id: bytes,
    nonce: bytes,
    valid_until_ms: int,
    seeds: Sequence[bytes],
    events: tuple[Event, ...] = (),
    payload: bytes = b"",
) -> SignedTransaction:
    """Build and sign a transaction with all signers' seeds at hand (``assemble`` takes signatures made elsewhere).

    Args:
        nonce: 16 random bytes.
        valid_until_ms: milliseconds since 1970, at most seven days after the block that includes it.
        seeds: 32-byte private seeds in signing order.
        events, payload: exactly one of them.
    """
    head = make_head(
        chain_id=chain_id,
        nonce=nonce,
        signers=tuple(keys.public_key_of(seed) for seed in seeds),
        valid_until_ms=valid_until_ms,
        events=events,
        payload=payload,
    )
    id_ = transaction_id(head)
    signatures = tuple(keys.sign(seed, keys.Purpose.TRANSACTION, chain_id, id_) for seed in seeds)
    return assemble(head, signatures, chain_id, events=events, payload=payload)


def make_head(
    *,
    chain_id: bytes,
    nonce: bytes,
    signers: tuple[bytes, ...],
    valid_until_ms: int,
    events: tuple[Event, ...] = (),
    payload: bytes = b"",
) -> bytes:
    """The head's bytes, for signers who sign in different places."""
    assert bool(events) != bool(payload)
    if events:
        digest = events_digest([event.commitment() for event in events])
    else:
        digest = payload_digest(payload)
    kind = ContentKind.EVENTS if events else ContentKind.PAYLOAD
    head = Head(FORMAT_VERSION, chain_id, nonce, signers, valid_until_ms, kind, len(events), digest)
    return encode(head)


def assemble(
    head: bytes,
    signatures: tuple[bytes, ...],
    chain_id: bytes,
    *,
    events: tuple[Event, ...] = (),
    payload: bytes = b"",
) -> SignedTransaction:
    """A transaction from its head and signatures over ``transaction_id(head)`` in signers' order."""
    return decode_transaction(encode(WireTransaction(head, signatures, events, payload)), chain_id)


def check_validity(head: Head, block_time_ms: int) -> None:
    """Check the validity window against a block's time (or, at admission, the best guess of the next one).

    Raises:
        DecodeError: ``transaction.expired`` or ``transaction.valid-too-long``.
    """
    if head.valid_until_ms < block_time_ms:
        raise DecodeError("transaction.expired", f"valid until {head.valid_until_ms} ms, block time is {block_time_ms}")
    if head.valid_until_ms > block_time_ms + VALIDITY_MAX_MS:
        raise DecodeError("transaction.valid-too-long", f"valid more than {VALIDITY_MAX_MS} ms ahead of block time")
