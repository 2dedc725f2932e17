"""What can happen to an engine. Everything from outside has been checked by the shell as each docstring says.

Order: ``Started`` comes first and once. Inputs are handed over one at a time, and all effects of one turn are performed
before the next input. An answer may come in any later turn or never (the engine repeats what it needs); an answer to
something no longer asked for is ignored. Certificates travelling inside a proposal are handed over one by one as
``CertificateReceived`` *before* the ``ProposalReceived``: the engine believes only those.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from consensus.config import Switch
from tallystick.blocks import Executed, Header
from tallystick.epochs import ClosingHeader
from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate, Vote


class Now(msgspec.Struct, frozen=True, gc=False):
    """The time of a turn.

    Attributes:
        monotonic_ms: for waiting; never goes back; origin of the shell's choice.
        wall_ms: milliseconds since 1970 with the chain's clock offset added; may jump.
    """

    monotonic_ms: int
    wall_ms: int


class Started(msgspec.Struct, frozen=True, gc=False):
    """The shell is ready to perform effects."""


class ProposalReceived(msgspec.Struct, frozen=True, gc=False):
    """A leader's proposal. The shell has decoded it, hashed the header, and checked the leader's signature.

    Ask ``engine.wants_proposal`` before checking the signature.
    """

    proposal: Proposal | ClosingProposal
    block_hash: bytes


class ContentsChecked(msgspec.Struct, frozen=True, gc=False):
    """Answer to ``CheckContents``: the block's transactions are at hand.

    Attributes:
        valid: ``blocks.check_contents`` holds and every transaction's structure and signatures are good. A shell that
            cannot get the transactions does not answer.
    """

    block_hash: bytes
    valid: bool


class BlockReceived(msgspec.Struct, frozen=True, gc=False):
    """Answer to ``FetchBlock``: a header of that hash, its transactions at hand and checked against it.

    The hash may name a closing header, which has no contents.
    """

    header: Header | ClosingHeader
    block_hash: bytes


class VoteReceived(msgspec.Struct, frozen=True, gc=False):
    """A vote whose signature the shell has checked. Ask ``engine.wants_vote`` before checking."""

    vote: Vote


class CertificateReceived(msgspec.Struct, frozen=True, gc=False):
    """A certificate that the shell has checked. Ask ``engine.wants_certificate`` before checking."""

    certificate: Certificate


class Built(msgspec.Struct, frozen=True, gc=False):
    """Answer to ``Build``: what the new block holds. The shell keeps the contents under the witness leaves.

    Attributes:
        due_work: True only when due work waits and the question allowed it.
    """

    view: int
    parent_hash: bytes
    witness_leaves: tuple[bytes, ...]
    transaction_count: int
    transaction_root: bytes
    due_work: bool


class HeightExecuted(msgspec.Struct, frozen=True, gc=False):
    """Our own node has executed and stored this height, handed over by ``Finalised``; in order, none skipped.

    Attributes:
        switch: the change of validators that the state of this height plans, or None.
    """

    executed: Executed
    switch: Switch | None = None


class WorkPending(msgspec.Struct, frozen=True, gc=False):
    """What waits to be put into a block; given whenever it changes, and in doubt again.

    The shell passes waiting transactions on to its peers again, about once a second: at rest a leader waits for the
    idle time, and only one that has heard of the work can put it into a block.

    Attributes:
        transactions: at least one admitted transaction is in no block that we know of.
        due_ms: block time from which due work waits (the state's ``next_due_ms``), or None.
    """

    transactions: bool
    due_ms: int | None


class PeerConnected(msgspec.Struct, frozen=True, gc=False):
    """A connection to this validator, authenticated, was made: it may have missed what was said before."""

    validator: int


class PeerHead(msgspec.Struct, frozen=True, gc=False):
    """A validator said which view it is in, as all do on connecting and now and then: at rest nothing else is heard.

    Useful where it is above ours; believed no further than to ask it for a certificate.
    """

    validator: int
    view: int


class TimePassed(msgspec.Struct, frozen=True, gc=False):
    """The time of the newest ``WakeAt`` has come. Harmless at any time."""


Input: TypeAlias = (
    Started | ProposalReceived | ContentsChecked | BlockReceived | VoteReceived | CertificateReceived
    | Built | HeightExecuted | WorkPending | PeerConnected | PeerHead | TimePassed
)  # fmt: skip
