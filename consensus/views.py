"""What is known of each view above the newest finalisation: the proposal, votes, certificates, our own promises."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from tallystick.proposals import ClosingProposal, Proposal
from tallystick.votes import Certificate, Vote, VoteKind, certificate_of

KINDS = (VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE)


@dataclass(slots=True)
class Round:
    """One view.

    Attributes:
        proposal: the leader's first; a second one is evidence.
        fault: why the proposal can never be voted for, or None.
        contents_asked: ``CheckContents`` was given.
        own: our votes by kind, each durable before it was sent.
        proposed: hash of our own proposal in this view; never a second one.
        votes: first checked vote of each validator, by kind.
        accused: bit ``validator * 4 + kind`` is set once evidence was given (see ``contradiction``; 0: proposals).
    """

    view: int
    proposal: Proposal | ClosingProposal | None = None
    proposal_hash: bytes | None = None
    fault: str | None = None
    contents_asked: bool = False
    own: dict[VoteKind, Vote] = field(default_factory=dict)
    proposed: bytes | None = None
    votes: dict[VoteKind, dict[int, Vote]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    certificates: dict[VoteKind, Certificate] = field(default_factory=dict)
    accused: int = 0

    def accuse_once(self, validator: int, kind: int) -> bool:
        """True the first time evidence against this validator in this view and kind is found."""
        bit = 1 << (validator * 4 + kind)
        fresh = not self.accused & bit
        self.accused |= bit
        return fresh

    def contradicted_by(self, vote: Vote) -> Vote | None:
        """An earlier vote of the same validator that an honest one never gives together with this one.

        Two hashes in one kind (I1), or nullify and finalize in one view (I2); notarize and nullify is legal.
        """
        kind = vote.statement.kind
        first = self.votes[kind].get(vote.validator)
        if first is not None and first.statement != vote.statement:
            return first
        if kind is VoteKind.NULLIFY:
            return self.votes[VoteKind.FINALIZE].get(vote.validator)
        if kind is VoteKind.FINALIZE:
            return self.votes[VoteKind.NULLIFY].get(vote.validator)
        return None

    def count(self, vote: Vote, quorum: int) -> Certificate | None:
        """Keep a validator's first vote of its kind; the certificate, if this vote completes one (rule C)."""
        kind = vote.statement.kind
        votes = self.votes[kind]
        if vote.validator in votes:
            return None
        votes[vote.validator] = vote
        if kind in self.certificates or len(votes) < quorum:
            return None
        alike = {i: v.signature for i, v in votes.items() if v.statement.block_hash == vote.statement.block_hash}
        return certificate_of(vote.statement, alike) if len(alike) >= quorum else None


def contradiction(first: Vote, second: Vote) -> int:
    """Which kind of contradiction two votes are: of two notarizes, two finalizes, or (nullify's) one of each."""
    return min(first.statement.kind, second.statement.kind)


@dataclass(frozen=True, slots=True)
class Pinned:
    """The newest finalisation: nothing at or below its view is voted on again. No certificate for genesis only."""

    view: int
    block_hash: bytes
    certificate: Certificate | None


class Runs:
    """A set of views as runs of consecutive ones: a stall of thousands of views costs no more than a short one."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, view: int) -> None:
        """Put a view in; it may join two runs."""
        at = bisect_right(self._starts, view)
        if at and view <= self._ends[at - 1]:
            return
        self._starts.insert(at, view)
        self._ends.insert(at, view)
        for left in (at, at - 1):
            if 0 <= left < len(self._starts) - 1 and self._ends[left] + 1 == self._starts[left + 1]:
                del self._ends[left], self._starts[left + 1]

    def after(self, view: int) -> int:
        """The first view at or above this one that is not in the set."""
        at = bisect_right(self._starts, view)
        return self._ends[at - 1] + 1 if at and view <= self._ends[at - 1] else view

    def before(self, view: int) -> int:
        """The last view at or below this one that is not in the set."""
        at = bisect_right(self._starts, view)
        return self._starts[at - 1] - 1 if at and view <= self._ends[at - 1] else view

    def forget(self, view: int) -> None:
        """Drop the runs that end at or below this view."""
        at = bisect_right(self._ends, view)
        del self._starts[:at], self._ends[:at]


class Views:
    """All rounds above the newest finalisation.

    Bounded: rounds above ``view + view_window`` are refused unless a quorum certified something there; rounds below
    grow by one for each view that a quorum ended since the newest finality.
    """

    def __init__(self, pinned: Pinned) -> None:
        self.pinned = pinned
        self.rounds: dict[int, Round] = {}
        self.open: dict[int, None] = {}  # notarised views whose block is not here or that we may still finalize
        self._nullified = Runs()
        self._notarised: list[int] = []  # ascending
        self.certificate_count = 0  # grows with each certificate; for caches

    def at(self, view: int) -> Round:
        """The round of a view above the newest finalisation."""
        assert view > self.pinned.view
        found = self.rounds.get(view)
        if found is None:
            found = self.rounds[view] = Round(view)
        return found

    def holds(self, view: int, kind: VoteKind) -> Certificate | None:
        """The certificate of this view and kind, if it is above the newest finalisation and here."""
        found = self.rounds.get(view)
        return found.certificates.get(kind) if found is not None else None

    def proposed(self, view: int) -> bool:
        """Whether a proposal of this view, above the newest finalisation, is here."""
        return (found := self.rounds.get(view)) is not None and found.proposal is not None

    def certified_hash(self, view: int) -> bytes | None:
        """Hash of the block that is notarised in this view, or finalised as the newest one."""
        if view == self.pinned.view:
            return self.pinned.block_hash
        certificate = self.holds(view, VoteKind.NOTARIZE)
        return certificate.statement.block_hash if certificate is not None else None

    def install(self, certificate: Certificate) -> None:
        """Keep a certificate; a finalisation above the newest one prunes everything at or below it (rule Z)."""
        statement = certificate.statement
        self.at(statement.view).certificates[statement.kind] = certificate
        self.certificate_count += 1
        if statement.kind is VoteKind.NULLIFY:
            self._nullified.add(statement.view)
        elif statement.kind is VoteKind.NOTARIZE:
            self.open[statement.view] = None
            insort(self._notarised, statement.view)
        else:
            self.pinned = Pinned(statement.view, statement.block_hash, certificate)
            for view in [view for view in self.rounds if view <= statement.view]:
                del self.rounds[view]
            for view in [view for view in self.open if view <= statement.view]:
                del self.open[view]
            del self._notarised[: bisect_right(self._notarised, statement.view)]
            self._nullified.forget(statement.view)

    def unproven(self, parent_view: int, view: int) -> tuple[int, int] | None:
        """First and last view strictly between parent and view without a nullification here (rules L, N)."""
        first = self._nullified.after(parent_view + 1)
        return (first, self._nullified.before(view - 1)) if first < view else None

    def thin(self, view: int) -> None:
        """Of a view left long ago, the votes behind its certificates are let go."""
        held = self.rounds.get(view)
        for kind in held.certificates if held is not None else ():
            self.rounds[view].votes[kind].clear()

    def certified_below(self, view: int) -> int:
        """The highest certified view below this one."""
        at = bisect_left(self._notarised, view)
        return self._notarised[at - 1] if at else self.pinned.view

    def parent_for(self, view: int) -> tuple[int, bytes] | None:
        """Rule L, L2: the highest certified view below, if all between are nullified; None while unknown."""
        below = self.certified_below(view)
        block_hash = self.certified_hash(below)
        return (below, block_hash) if block_hash is not None and self.unproven(below, view) is None else None

    def entry(self, view: int) -> Certificate | None:
        """The best certificate that lets others enter a view: finalisation, nullification, notarisation of the last."""
        if self.pinned.view == view - 1:
            return self.pinned.certificate
        return self.holds(view - 1, VoteKind.NULLIFY) or self.holds(view - 1, VoteKind.NOTARIZE)
