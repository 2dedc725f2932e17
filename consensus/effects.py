"""What an engine asks of its shell, as data.

Order: the shell performs the effects of one turn in list order. All ``Persist`` of a turn come first in the list; one
sync makes them durable before anything after them is done. So a crash can lose a message, but never a promise. A turn
whose records are all ``lazy`` needs no sync. A shell that cannot make a record durable must end the process.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from tallystick.blocks import Executed, Header
from tallystick.encoding import Message
from tallystick.epochs import ClosingHeader
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate, Vote


class HeaderRecord(Message, frozen=True):
    """A header that we proposed (``own``) or voted for.

    The shell writes the block's contents (at hand since ``Built`` or ``ContentsChecked``) in the same sync, so that who
    voted for a block can serve it after a restart. A closing header has no contents.
    """

    header: Header | ClosingHeader
    own: bool


DurableRecord: TypeAlias = Vote | Certificate | HeaderRecord
PeerMessage: TypeAlias = Proposal | ClosingProposal | Vote | Certificate


class Persist(msgspec.Struct, frozen=True, gc=False):
    """Append a record to the signer's log; an engine is started with all of them, in this order.

    Once a floor is durable, records of views at or below the floor's view may be deleted, never others.

    Attributes:
        lazy: losing it costs time, never safety (certificates). Records are never reordered, so that the sync of a
            later one makes it durable too.
    """

    record: DurableRecord
    lazy: bool


class Broadcast(msgspec.Struct, frozen=True, gc=False):
    """Send to every other validator and to every observer that follows us."""

    message: PeerMessage


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send to one validator."""

    validator: int
    message: PeerMessage


class Build(msgspec.Struct, frozen=True, gc=False):
    """Choose the contents of our next block; answer with ``Built``, best in the same turn.

    Attributes:
        parent: None when the parent is genesis.
        time_ms: the new block's time; transactions must be valid at it, and due work if it waits then.
        again: what we proposed in this view before a restart: answer with the contents written down with its record,
            and with nothing where they are lost.
    """

    view: int
    parent_hash: bytes
    parent: Header | None
    time_ms: int
    again: Header | None = None


class CheckContents(msgspec.Struct, frozen=True, gc=False):
    """Get the transactions behind these leaves, if need be from ``leader``, check them; answer ``ContentsChecked``.

    Asked once for a block and never for an empty one. No answer while transactions are missing.
    """

    header: Header
    block_hash: bytes
    witness_leaves: tuple[bytes, ...]
    leader: int


class FetchBlock(msgspec.Struct, frozen=True, gc=False):
    """Get the block of this hash with its transactions; answer ``BlockReceived``; repeated until then.

    If the shell has the block already (fetched ahead by range, or checked), it answers from there.

    Attributes:
        holders: validators that signed for it, first the one to ask first; others may have it too.
    """

    block_hash: bytes
    view: int
    holders: tuple[int, ...]


class FetchCertificates(msgspec.Struct, frozen=True, gc=False):
    """Ask for certificates of these views (both included), every kind; each comes back as ``CertificateReceived``.

    A peer answers from ``engine.certificates``.
    """

    first_view: int
    last_view: int
    holders: tuple[int, ...]


class Finalised(msgspec.Struct, frozen=True, gc=False):
    """These blocks are final: execute them in this order, each height once, and answer ``HeightExecuted`` for each.

    After a restart the blocks above the floor are handed over again.

    Attributes:
        certificate: a finalisation of the last one or, at the end of an epoch, of a closing header that names it.
    """

    block_hashes: tuple[bytes, ...]
    headers: tuple[Header, ...]
    certificate: Certificate


class EpochEnded(msgspec.Struct, frozen=True, gc=False):
    """The boundary block is final: this engine signs nothing more, and no further effect comes of it.

    It follows the ``Finalised`` whose last block is the boundary block. The shell keeps the proof, answers every
    message of this epoch with it, and once the boundary block is executed starts the next epoch's engine from it.

    Attributes:
        boundary: its ``next_validators_hash`` names the next epoch's set.
        closing: the closing header that ``finalisation`` names, or None when it names the boundary block itself.
    """

    boundary: Header
    closing: ClosingHeader | None
    finalisation: Certificate


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Give ``TimePassed`` at this monotonic time. Replaces the one before."""

    monotonic_ms: int


class Accuse(msgspec.Struct, frozen=True, gc=False):
    """Two signed messages of one validator that an honest one never signs both; given once per view and kind."""

    first: Vote | Proposal | ClosingProposal
    second: Vote | Proposal | ClosingProposal


class RootMismatch(msgspec.Struct, frozen=True, gc=False):
    """An uncertified proposal names other roots than ours; we do not vote for it. To be logged and counted."""

    header: Header
    ours: Executed


class Halt(msgspec.Struct, frozen=True, gc=False):
    """End the process, saying this: a quorum contradicts what we hold, so one of us is broken. Nothing follows it.

    Attributes:
        theirs: the certified tuple, or None when the contradiction is not one of roots.
    """

    reason: str
    height: int
    theirs: Executed | None
    ours: Executed | None


Effect: TypeAlias = (
    Persist | Broadcast | Send | Build | CheckContents | FetchBlock | FetchCertificates
    | Finalised | EpochEnded | WakeAt | Accuse | RootMismatch | Halt
)  # fmt: skip
