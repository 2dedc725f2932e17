"""The node's two HTTP doors: paths, query parameters and the shapes of requests and answers, in one place.

JSON shapes are ``msgspec`` structs; hashes, keys and ids are lower-case hex, byte strings that must be verified are
base64url without padding (``b64``), times are integer milliseconds. Errors are RFC 9457 problems with ``code``.
Specification: docs/spec/api.md.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from enum import StrEnum

import msgspec

from tallystick.encoding import Message
from tallystick.epochs import ClosingHeader
from tallystick.errors import DecodeError
from tallystick.votes import Certificate

# --- public door: anybody -----------------------------------------------------------------------------------
HEAD = "/.well-known/head"  # GET -> HeadAnswer
HEALTH = "/health"  # GET -> HealthAnswer
METRICS = "/metrics"  # GET -> Prometheus text
GENESIS = "/v1/genesis"  # GET -> application/msgpack: the genesis bytes
HEADER = "/v1/headers/{height}"  # GET -> application/msgpack: CertifiedHeader
EPOCH = "/v1/epochs/{epoch}"  # GET -> application/msgpack: EpochStep, how the epoch ended
ITEM_PROOF = "/v1/proofs/item"  # GET ?id=01/…/21/… -> proof bundle (application/json)
EVENT_PROOF = "/v1/proofs/event"  # GET ?commitment=hex&item=01/… -> proof bundle
BLOCK_PROOF = "/v1/proofs/block"  # GET ?height=42 -> proof bundle: the block of an executed height is of this chain
RECORD_PROOF = "/v1/proofs/record"  # GET ?key=hex -> proof bundle, of presence or absence; public halves only;
# not of keys that name a party or can be guessed: those are proven at MEMBERS_RECORD_PROOF
EVIDENCE_PROOF = "/v1/proofs/evidence"  # GET ?key=hex of the record -> proof bundle: a validator contradicted itself
SEAL = "/v1/proofs/seal"  # GET ?closing=3 -> application/msgpack: SealCertificate, the newest, or of an epoch's end
CONSIGNMENT_PROOF = "/v1/proofs/consignment"  # GET ?id=00/… -> application/msgpack: compact proof

# --- members' door: signed requests (RFC 9421) or a read token ----------------------------------------------
TRANSACTIONS = "/v1/transactions"  # POST application/msgpack: one raw transaction -> 202 TransactionStatus
TRANSACTIONS_BULK = "/v1/transactions/bulk"  # POST application/msgpack: array of raw transactions -> 202 BulkAnswer
TRANSACTION = "/v1/transactions/{id}"  # GET ?wait=final|executed|proven&timeout_ms= -> TransactionStatus
RECEIPT = "/v1/receipts/{id}"  # GET -> application/msgpack: Receipt
RECEIPT_PROOF = "/v1/receipts/{id}/proof"  # GET -> proof bundle of a receipt
RECEIVABLE_PROOF = "/v1/receivables/proof"  # GET ?obligation=hex&grant=hex&at=42 -> proof bundle, for who may
BLOCKS = "/v1/blocks"  # GET ?from=&limit= -> application/msgpack: array of BlockAnswer (executed heights only)
MEMBERS_RECORD_PROOF = "/v1/records/proof"  # GET ?key=hex -> proof bundle of any record; public halves only
RECORD = "/v1/records"  # GET ?key=hex -> application/msgpack: Record with both halves; 404 when absent
HISTORY = "/v1/history"  # GET ?key=hex&from=&limit= -> application/msgpack: array of HistoryAnswer
SEALS = "/v1/seals"  # POST application/msgpack: empty array -> 202 SealAsked: a seal of the newest height is asked for
STATUS = "/v1/status"  # GET -> StatusAnswer: what the node waits for


class TransactionState(StrEnum):
    """How far a transaction has come: waiting, ordered for ever, executed, its receipt certified."""

    UNKNOWN = "unknown"
    ADMITTED = "admitted"
    FINAL = "final"
    EXECUTED = "executed"
    PROVEN = "proven"


class TransactionStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a transaction is.

    Attributes:
        height, index: its place, once final.
        reason: name of the ``Reason`` in its receipt, once executed (``NONE``: it took effect).
        receipt: b64 of the encoded receipt, once executed.
    """

    id: str
    state: TransactionState
    height: int | None = None
    index: int | None = None
    reason: str | None = None
    detail: str | None = None
    receipt: str | None = None


class BulkItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transaction of a bulk submission: taken, or refused at the door with rule, path and remedy."""

    id: str
    admitted: bool
    code: str | None = None
    detail: str | None = None


class BulkAnswer(msgspec.Struct, frozen=True):
    """Answer to a bulk submission, in the order sent."""

    items: list[BulkItem]


class SealAsked(msgspec.Struct, frozen=True):
    """Which height the validators were asked to seal."""

    height: int


class ExecutedAnswer(msgspec.Struct, frozen=True):
    """An executed tuple in JSON."""

    height: int
    time_ms: int
    state_root: str
    receipts_root: str
    history_root: str


class HeadAnswer(msgspec.Struct, frozen=True):
    """The newest final header of a node, which anybody can check.

    Attributes:
        header, certificate: b64 of the encodings; ``executed`` repeats the header's tuple for people.
        states_from: the oldest height as of which the node proves answers (``?at=``).
        validators: b64 of the set of the header's epoch, so that whoever pinned its hash needs nothing else.
        epochs: b64 of ``EpochStep``: how the newest earlier epochs ended, ascending, for who pinned one of those.
    """

    chain_id: str
    network: str
    organisation: str
    height: int
    time_ms: int
    header: str
    certificate: str
    executed: ExecutedAnswer
    states_from: int = 0
    validators: str = ""
    epochs: list[str] = []


class HealthAnswer(msgspec.Struct, frozen=True):
    """Alive, and how far: ``ok`` is false while starting or when the newest block is older than three heartbeats."""

    ok: bool
    height: int
    executed_height: int
    peers: int


class PeerStatus(msgspec.Struct, frozen=True):
    """One peer as this node sees it."""

    organisation: str
    connected: bool
    height: int | None
    view: int | None


class StatusAnswer(msgspec.Struct, frozen=True):
    """What the node is doing and what it waits for."""

    organisation: str
    chain_id: str
    view: int
    leader: str
    height: int
    executed_height: int
    waiting_for: str
    votes_missing: list[str]
    mempool: int
    chain_minus_clock_ms: int
    peers: list[PeerStatus]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem. ``type`` is ``urn:tallystick:problem:`` followed by ``code``."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    path: str = ""
    remedy: str = ""
    height: int | None = None


class CertifiedHeader(Message, frozen=True):
    """An encoded header with a finalisation of it or of a descendant, and the headers up to that descendant.

    Attributes:
        header: encoded header.
        descendants: encoded headers, child first, up to the one that the certificate names; often empty.
        closing: the closing header that the certificate names instead; it names the last header, a boundary block.
    """

    header: bytes
    descendants: tuple[bytes, ...]
    finalisation: Certificate
    closing: ClosingHeader | None = None


class BlockAnswer(Message, frozen=True):
    """One executed height for a follower.

    Attributes:
        header: encoded header.
        finalisation: of this block, or None when only a descendant was finalised directly.
        transactions: raw transactions in order.
        receipts: encoded receipts in order.
    """

    header: bytes
    finalisation: Certificate | None
    transactions: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


class HistoryAnswer(Message, frozen=True):
    """One entry of a history (encoded ``HistoryEntry``) with the raw transaction that holds its event, when asked."""

    entry: bytes
    transaction: bytes


def b64(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PADDING = ('"', '"', '=="', '="')
_read_bytes = msgspec.json.Decoder(bytes).decode
# By length modulo 4, characters that may stand at the end: their bits that stand for no byte are zero.
_LAST_CHARACTERS = (_ALPHABET, "", _ALPHABET[::16], _ALPHABET[::4])


def unb64(text: str) -> bytes:
    """The bytes of ``b64``; refuses every other spelling.

    Raises:
        DecodeError: ``base64``.
    """
    last = _LAST_CHARACTERS[len(text) % 4]
    try:
        if "=" in text or "+" in text or "/" in text or "\\" in text or (text and text[-1] not in last):
            raise DecodeError("base64", "not the one base64url spelling of its bytes")
        # As JSON reads bytes: as strict as binascii, in half its time. Without an escape a text is spelled one way.
        return _read_bytes('"' + text.replace("-", "+").replace("_", "/") + _PADDING[len(text) % 4])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise DecodeError("base64", "not base64url without padding") from error
