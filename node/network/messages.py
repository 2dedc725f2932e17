"""What nodes say to each other: one tagged value per frame. Tags are never reused. docs/spec/peers.md, section 3."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, Union

import msgspec

from node.network.frames import encode_frame
from node.snapshots.manifest import Manifest, SnapshotProof
from tallystick.blocks import Header
from tallystick.encoding import Bytes16, Bytes32, Hash, Message, Natural, PublicKey, decode, encode
from tallystick.epochs import ClosingHeader, EpochProof
from tallystick.limits import (
    BLOCK_TRANSACTIONS_MAX,
    FRAME_SIZE_MAX,
    FRAME_TRANSACTIONS_MAX,
    SNAPSHOT_CHUNK_SIZE_MAX,
    SNAPSHOT_CHUNKS_MAX,
    TRANSACTION_SIZE_MAX,
)
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.recovery import Recovery
from tallystick.seals import SealShare
from tallystick.votes import Certificate, Vote

PEER_PROTOCOL = 1
RANGE_BLOCKS_MAX = 256  # blocks of one answer to a range request
RANGE_HEADERS_MAX = 256  # headers from the last block up to the one that has a certificate
CERTIFICATE_VIEWS_MAX = 64  # views of one certificates request
SNAPSHOTS_OFFERED_MAX = 4  # snapshots of one offer
EPOCHS_MAX = 32  # ends of epochs in one answer

Raw = Annotated[bytes, msgspec.Meta(min_length=1, max_length=TRANSACTION_SIZE_MAX)]
BlockRaws = Annotated[tuple[Raw, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)]


class Hello(Message, frozen=True, tag=1):
    """First message of both sides.

    Attributes:
        protocol: ``PEER_PROTOCOL``.
        software: name and version, for people.
    """

    protocol: Natural
    chain_id: Hash
    software: Annotated[str, msgspec.Meta(max_length=64)]


class RecordQuestion(Message, frozen=True, tag=18):
    """Ask for the newest vote that was seen of the asker's key. Answered by ``RecordAnswer`` with the same nonce."""

    nonce: Bytes16
    key: PublicKey


class RecordAnswer(Message, frozen=True, tag=19):
    """The newest vote that the sender holds, or None."""

    nonce: Bytes16
    vote: Vote | None


class HeadNotice(Message, frozen=True, tag=2):
    """How far the sender is.

    Attributes:
        height, view: its newest final block's height, and its current view.
        executed_height: newest height it can serve with its transactions.
        epoch: of its next block; the view is of that epoch.
        bodies_from: the oldest height whose transactions it keeps.
        states_from: the oldest height as of which it can prove.
    """

    height: Natural
    view: Natural
    executed_height: Natural
    epoch: Natural = 0
    bodies_from: Natural = 0
    states_from: Natural = 0


class ProposalMessage(Message, frozen=True, tag=3):
    """A leader's proposal."""

    proposal: Proposal


class VoteMessage(Message, frozen=True, tag=4):
    """A vote."""

    vote: Vote


class CertificateMessage(Message, frozen=True, tag=5):
    """A certificate; also the answer to a certificates request."""

    certificate: Certificate


class TransactionFrame(Message, frozen=True, tag=6):
    """Transactions that the sender verified and admitted, gossiped once by the node that took them in."""

    transactions: Annotated[tuple[Raw, ...], msgspec.Meta(min_length=1, max_length=FRAME_TRANSACTIONS_MAX)]


class TransactionsRequest(Message, frozen=True, tag=7):
    """Ask for transactions of a proposed block by their witness leaves."""

    witness_leaves: Annotated[tuple[Bytes32, ...], msgspec.Meta(min_length=1, max_length=BLOCK_TRANSACTIONS_MAX)]


class TransactionsAnswer(Message, frozen=True, tag=8):
    """Those that the sender has, in any order."""

    transactions: BlockRaws


class BlockRequest(Message, frozen=True, tag=9):
    """Ask for a block by its hash."""

    block_hash: Hash


class BlockMessage(Message, frozen=True, tag=10):
    """A block with its transactions."""

    header: Header
    transactions: BlockRaws


class CertificatesRequest(Message, frozen=True, tag=11):
    """Ask for certificates of these views (both included), every kind."""

    first_view: Natural
    last_view: Natural


class RangeRequest(Message, frozen=True, tag=12):
    """Ask for executed blocks from a height on; the answerer truncates."""

    first_height: Natural
    count: Annotated[int, msgspec.Meta(ge=1, le=RANGE_BLOCKS_MAX)]


class RangeMessage(Message, frozen=True, tag=13):
    """Executed blocks in order of height, and what proves the last one final.

    Attributes:
        blocks: may be empty: the sender has nothing from that height on.
        descendants: headers behind the last block, child first, up to the one that ``finalisation`` names.
            All of them are of one epoch.
        finalisation: None only when there are no blocks, and where there is a recovery.
        closing: the closing header that ``finalisation`` names; then the last header is the boundary block.
        recovery: what ended the epoch; then the last header is its boundary block.
    """

    first_height: Natural
    blocks: Annotated[tuple[BlockMessage, ...], msgspec.Meta(max_length=RANGE_BLOCKS_MAX)]
    descendants: Annotated[tuple[Header, ...], msgspec.Meta(max_length=RANGE_HEADERS_MAX)]
    finalisation: Certificate | None
    closing: ClosingHeader | None = None
    recovery: Recovery | None = None


class ClosingProposalMessage(Message, frozen=True, tag=14):
    """A leader's proposal of a closing header."""

    proposal: ClosingProposal


class ClosingMessage(Message, frozen=True, tag=15):
    """A closing header: the answer to a block request that named one."""

    header: ClosingHeader


class SealRequest(Message, frozen=True, tag=16):
    """Asks every validator for a share over the executed tuple of this height. docs/spec/compact.md."""

    height: Natural


class SealShareMessage(Message, frozen=True, tag=17):
    """The sender's signature over a seal."""

    share: SealShare


class SnapshotsRequest(Message, frozen=True, tag=30):
    """Ask which snapshots are there. docs/spec/snapshots.md, section 7."""


class Offer(Message, frozen=True):
    """A snapshot by its height and the hash of its manifest."""

    height: Natural
    digest: Hash


class SnapshotsMessage(Message, frozen=True, tag=31):
    """Those that the sender can prove and serve, newest first."""

    offers: Annotated[tuple[Offer, ...], msgspec.Meta(max_length=SNAPSHOTS_OFFERED_MAX)]


class ManifestRequest(Message, frozen=True, tag=32):
    """Ask for a manifest by its hash."""

    digest: Hash


class ManifestMessage(Message, frozen=True, tag=33):
    """A manifest with what certifies its height."""

    manifest: Manifest
    proof: SnapshotProof


class ChunkRequest(Message, frozen=True, tag=34):
    """Ask for one chunk of a snapshot."""

    digest: Hash
    index: Annotated[int, msgspec.Meta(ge=0, lt=SNAPSHOT_CHUNKS_MAX)]


class ChunkMessage(Message, frozen=True, tag=35):
    """A chunk; empty bytes where the sender has it no more."""

    digest: Hash
    index: Annotated[int, msgspec.Meta(ge=0, lt=SNAPSHOT_CHUNKS_MAX)]
    data: Annotated[bytes, msgspec.Meta(max_length=SNAPSHOT_CHUNK_SIZE_MAX)]


class EpochsRequest(Message, frozen=True, tag=36):
    """Ask how the epochs from this one on ended."""

    first: Natural


class EpochsMessage(Message, frozen=True, tag=37):
    """The ends of consecutive epochs; none where the first goes on."""

    first: Natural
    proofs: Annotated[tuple[EpochProof, ...], msgspec.Meta(max_length=EPOCHS_MAX)]


class PrunedMessage(Message, frozen=True, tag=38):
    """The answer to a request for a block whose body the sender does not keep.

    Attributes:
        bodies_from: the oldest height whose transactions it has.
    """

    bodies_from: Natural


PeerMessage: TypeAlias = (
    Hello
    | HeadNotice
    | RecordQuestion
    | RecordAnswer
    | ProposalMessage
    | VoteMessage
    | CertificateMessage
    | TransactionFrame
    | TransactionsRequest
    | TransactionsAnswer
    | BlockRequest
    | BlockMessage
    | CertificatesRequest
    | RangeRequest
    | RangeMessage
    | ClosingProposalMessage
    | ClosingMessage
    | SealRequest
    | SealShareMessage
    | SnapshotsRequest
    | SnapshotsMessage
    | ManifestRequest
    | ManifestMessage
    | ChunkRequest
    | ChunkMessage
    | EpochsRequest
    | EpochsMessage
    | PrunedMessage
)
_ANY: Any = Union[PeerMessage]  # noqa: UP007 — the decoder takes a union as a value


def decode_message(payload: bytes) -> PeerMessage:
    """The message of a frame's payload.

    Raises:
        DecodeError: not one canonical message.
    """
    message: PeerMessage = decode(payload, _ANY, size_max=FRAME_SIZE_MAX)
    return message


def message_frame(message: PeerMessage) -> bytes:
    """A message as the bytes of one frame."""
    return encode_frame(encode(message))
