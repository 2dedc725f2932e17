"""Judges that know the rules only from the specification, not from the engine. The first broken one ends the run."""

from __future__ import annotations

from functools import cache
from typing import Any

from consensus.effects import EpochEnded, Finalised
from tallystick.blocks import Executed, Header
from tallystick.encoding import ZERO32
from tallystick.epochs import ClosingHeader
from tallystick.limits import EXECUTION_LAG_MAX, VIEW_WINDOW
from tallystick.proposals import ClosingProposal, Proposal, proposal_signing_bytes
from tallystick.votes import Certificate, Vote, VoteKind
from tests.simulation.reference import Membership, ReferenceLedger
from tests.simulation.signer import Signatures, members_of
from tests.simulation.world import World

Said = Vote | Proposal | ClosingProposal
Seat = tuple[int, int]  # epoch, index


class Violation(AssertionError):
    """A rule was broken."""


class Judges:
    """What must never happen, whatever the faults.

    Attributes:
        honest: machines that keep the rules, whatever else befalls them.
        final: height to the one block; ``headers`` likewise.
        roots: height to the tuple that everybody must have.
    """

    def __init__(
        self,
        world: World,
        signatures: Signatures,
        honest: frozenset[int],
        ledger: ReferenceLedger,
    ) -> None:
        self._seen = world.seen
        self._signatures = signatures
        self.honest = honest
        self.seats: list[tuple[int, ...]] = [ledger.membership.members]  # holders by epoch
        self.leaders: tuple[int, ...] = ()  # of the first views, where a scenario chooses them; else round-robin
        self.final: dict[int, bytes] = {}
        self.headers: dict[int, Header] = {}
        self.ledger = ledger
        self.roots: dict[int, Executed] = {0: ledger.genesis}
        self.memberships = {0: ledger.membership}  # after each height
        self.done: dict[bytes, int] = {}  # transaction: height at which it took effect
        self.highest = 0
        self._said: dict[tuple[Seat, int, VoteKind], bytes] = {}
        self._proposed: dict[tuple[Seat, int], bytes] = {}
        self._notarised: dict[Seat, bytes] = {}  # epoch, view
        self._nullified: set[Seat] = set()
        self._finalised: set[Seat] = set()
        self._good: dict[int, Certificate] = {}
        self._counted: set[tuple[Seat, VoteKind]] = set()

    def holder_of(self, epoch: int, index: int) -> int:
        """Who votes from a seat; -1 where there is none."""
        if 0 <= epoch < len(self.seats):
            seats = self.seats[epoch]
            if 0 <= index < len(seats):
                return seats[index]
        return -1

    def _size_of(self, epoch: int) -> int:
        """n of an epoch; 0 of one that has not begun."""
        return len(self.seats[epoch]) if 0 <= epoch < len(self.seats) else 0

    def _leader_of(self, header: Header | ClosingHeader) -> int:
        if header.view <= len(self.leaders):
            return self.leaders[header.view - 1]
        return header.view % max(1, self._size_of(header.epoch))

    # --- what the honest say --------------------------------------------------------------------------------

    def vote_sent(self, machine: int, vote: Vote) -> None:
        """An honest validator's word left its machine: I1 and I2 hold for it, across all its restarts."""
        statement = vote.statement
        seat = (statement.epoch, vote.validator)
        if self.holder_of(*seat) != machine:
            raise Violation(f"machine {machine} sent a vote of seat {seat}")
        if machine not in self.honest:
            return
        kind, view = statement.kind, statement.view
        before = self._said.setdefault((seat, view, kind), statement.block_hash)
        if before != statement.block_hash:
            raise Violation(f"validator {seat} said {kind.name} for two blocks in view {view}")
        self._seen[_VOTES[kind]] += 1
        if kind is VoteKind.NOTARIZE:
            return
        other = VoteKind.FINALIZE if kind is VoteKind.NULLIFY else VoteKind.NULLIFY
        if (seat, view, other) in self._said:
            raise Violation(f"validator {seat} nullified and finalized view {view}")
        if kind is VoteKind.FINALIZE and (statement.epoch, view) not in self._notarised:
            raise Violation(f"validator {seat} finalized view {view}, which nobody notarised")

    def proposal_sent(self, machine: int, proposal: Proposal | ClosingProposal) -> None:
        """An honest leader proposes one block in a view, across all its restarts."""
        header = proposal.header
        if machine not in self.honest:
            return
        seat = (header.epoch, header.proposer)
        if self.holder_of(*seat) != machine:
            raise Violation(f"machine {machine} proposed as {seat}")
        if header.proposer != self._leader_of(header):
            raise Violation(f"validator {seat} proposed in view {header.view}, which it does not lead")
        if self._proposed.setdefault((seat, header.view), proposal.signature) != proposal.signature:
            raise Violation(f"validator {seat} proposed two blocks in view {header.view}")
        for certificate in proposal.certificates:  # after a restart perhaps said here for the first time
            self.certificate_sent(certificate)
        for view in range(header.parent_view + 1, header.view):  # L2: it holds, and so has passed on, what proves this
            if (header.epoch, view) not in self._nullified:
                raise Violation(f"validator {seat} proposed in view {header.view} over {view}, never nullified")
        busy = isinstance(header, Header) and (header.transaction_count > 0 or header.due_work)
        if busy and header.height - header.executed.height > EXECUTION_LAG_MAX:
            raise Violation(f"validator {seat} proposed beyond the bound on the lag in view {header.view}")
        self._seen["proposals"] += 1

    def certificate_sent(self, certificate: Certificate) -> None:
        """Certificates that an honest node vouches for are quorums; one block is notarised in a view."""
        if id(certificate) in self._good:
            return
        self._good[id(certificate)] = certificate
        statement = certificate.statement
        epoch, view, kind = statement.epoch, statement.view, statement.kind
        self._check_quorum(certificate)
        place = (epoch, view)
        if kind is VoteKind.NULLIFY:
            if statement.block_hash != ZERO32:
                raise Violation(f"a nullification of view {view} names a block")
            self._nullified.add(place)
        else:
            if self._notarised.setdefault(place, statement.block_hash) != statement.block_hash:
                raise Violation(f"two blocks are certified in view {view}")
            if kind is VoteKind.FINALIZE:
                self._finalised.add(place)
        if place in self._nullified and place in self._finalised:
            raise Violation(f"view {view} is nullified and finalised")
        if (place, kind) in self._counted:
            return
        self._counted.add((place, kind))
        self._seen[_CERTIFICATES[kind]] += 1
        if place in self._nullified and place in self._notarised and kind is not VoteKind.FINALIZE:
            self._seen["views that ended both ways"] += 1

    def _check_quorum(self, certificate: Certificate) -> None:
        """Written from the definition: at least n - f distinct known signers, all genuine."""
        statement = certificate.statement
        count = self._size_of(statement.epoch)
        signers = [index for index in range(64) if certificate.signers & (1 << index)]
        if len(signers) != len(certificate.signatures) or len(signers) < count - (count - 1) // 3:
            raise Violation(f"a certificate of view {statement.view} with {len(signers)} signers of {count}")
        if count == 0 or max(signers) >= count:
            raise Violation(f"a certificate of view {statement.view} with an unknown signer")
        for index, signature in zip(signers, certificate.signatures, strict=True):
            if not self._signatures.vote_is_good(Vote(statement, index, signature)):
                raise Violation(f"a certificate of view {statement.view} with a forged signature")

    # --- what becomes final ---------------------------------------------------------------------------------

    def finality_proven(self, effect: Finalised) -> None:
        """Whatever is handed over comes with a finalisation of the last block."""
        statement = effect.certificate.statement
        if statement.kind is not VoteKind.FINALIZE:
            raise Violation(f"blocks handed over with a certificate of kind {statement.kind.name}")
        boundary = effect.headers and _is_boundary(effect.headers[-1])
        if effect.block_hashes and statement.block_hash != effect.block_hashes[-1] and not boundary:
            raise Violation(f"blocks handed over with the finalisation of another block, view {statement.view}")
        if id(effect.certificate) not in self._good:
            self._good[id(effect.certificate)] = effect.certificate
            self._check_quorum(effect.certificate)

    def epoch_ended(self, effect: EpochEnded) -> None:
        """Its boundary block is finalised, itself or through a closing header that names it."""
        boundary, closing, statement = effect.boundary, effect.closing, effect.finalisation.statement
        named = boundary if closing is None else closing
        if not _is_boundary(boundary) or statement.kind is not VoteKind.FINALIZE:
            raise Violation(f"epoch {boundary.epoch} ended without a boundary block")
        if closing is not None and closing.boundary_hash != boundary.block_hash():
            raise Violation(f"epoch {boundary.epoch} ended with the closing header of another block")
        if statement.block_hash != named.block_hash() or statement.epoch != boundary.epoch:
            raise Violation(f"epoch {boundary.epoch} ended with the finalisation of another block")

    def finalised(
        self, machine: int, header: Header, block_hash: bytes, leaves: tuple[bytes, ...], certificate: Certificate
    ) -> None:
        """Agreement; and each final header is a lawful child of the one below."""
        height = header.height
        if machine not in self.honest:
            return
        if self.final.setdefault(height, block_hash) != block_hash:
            raise Violation(f"two final blocks of height {height} (machine {machine})")
        if height in self.headers:
            return
        if height - 1 not in self.roots:
            raise Violation(f"height {height} was final before the one below")
        self._check_child(header, self.headers.get(height - 1))
        self.headers[height] = header
        self.highest = max(self.highest, height)
        self._seen["heights"] += 1
        self.roots[height], fresh = self.ledger.execute(header, block_hash, leaves, certificate)
        for leaf in fresh:
            if self.done.setdefault(leaf, height) != height:
                raise Violation(f"a transaction took effect at heights {self.done[leaf]} and {height}")
        self._seen["transactions repeated in the chain"] += len(leaves) - len(fresh)
        self._seen["heights with transactions"] += header.transaction_count > 0
        self.memberships[height] = self.ledger.membership
        if self.memberships[height].epoch == len(self.seats):
            self.seats.append(self.memberships[height].members)
            self._seen["changes of validators"] += 1

    def _check_child(self, header: Header, parent: Header | None) -> None:
        height = header.height
        if parent is not None:
            if header.parent_hash != self.final[height - 1]:
                raise Violation(f"height {height} does not stand on height {height - 1}")
            if header.time_ms <= parent.time_ms or (header.epoch, header.view) <= (parent.epoch, parent.view):
                raise Violation(f"time or view went back at height {height}")
            if header.executed.height < parent.executed.height:
                raise Violation(f"the executed height went back at height {height}")
        for view in range(header.parent_view + 1, header.view):
            if (header.epoch, view) not in self._nullified:
                raise Violation(f"height {height} passes over view {view}, which nobody nullified")
        self._check_epoch(header, parent)
        if header.proposer != self._leader_of(header):
            raise Violation(f"height {height} was proposed by validator {header.proposer} in view {header.view}")
        named = self.roots.get(header.executed.height)
        if header.executed.height >= height or named != header.executed:
            raise Violation(f"height {height} certifies wrong roots of {header.executed.height}")
        if height - header.executed.height > EXECUTION_LAG_MAX:
            self._seen["heights beyond the bound on the lag"] += 1
            if header.transaction_count or header.due_work:
                raise Violation(f"height {height} is beyond the bound on the lag and not empty")

    def _check_epoch(self, header: Header, parent: Header | None) -> None:
        """A block hands over to the set that the state it newly names has planned by then, and to no other."""
        height, membership = header.height, self.memberships[header.height - 1]
        if header.epoch != membership.epoch or header.validators_hash != members_of(membership.members).digest():
            raise Violation(f"height {height} is of another epoch or validator set")
        named = self.memberships.get(header.executed.height)
        switch = named.switch() if named is not None and named.epoch == membership.epoch else None
        due = switch is not None and switch.height <= header.executed.height
        if due and (parent is None or parent.executed != header.executed):
            if switch is None or header.next_validators_hash != switch.next_validators_hash:
                raise Violation(f"height {height} should hand over to the planned validators")
            if header.transaction_count or header.due_work:
                raise Violation(f"the boundary block of height {height} is not empty")
        elif _is_boundary(header):
            raise Violation(f"height {height} hands over without a plan that is due")

    def executed(self, machine: int, executed: Executed, membership: Membership) -> None:
        """Same roots and validators everywhere, and each transaction takes effect once."""
        if machine not in self.honest:
            return
        if executed != self.roots.get(executed.height):
            raise Violation(f"machine {machine} executed height {executed.height} to other roots")
        if membership != self.memberships[executed.height]:
            raise Violation(f"machine {machine} has other validators after height {executed.height}")

    # --- evidence and bounds --------------------------------------------------------------------------------

    def accused(self, first: Said, second: Said) -> None:
        """Evidence is two genuine, contradicting statements of one validator, and names only traitors."""
        self._seen["accusations"] += 1
        one, other = self._accusation(first), self._accusation(second)
        if one[0] != other[0] or isinstance(first, Vote) is not isinstance(second, Vote):
            raise Violation("evidence of statements that do not belong together")
        if isinstance(first, Vote) and isinstance(second, Vote):
            kinds = {first.statement.kind, second.statement.kind}
            lawful = first.statement == second.statement or (len(kinds) == 2 and VoteKind.NOTARIZE in kinds)
        else:  # two proposals, or a proposal and a closing proposal
            lawful = one[1] == other[1]
        if lawful:
            raise Violation("evidence of statements that an honest validator may both sign")
        epoch, index, _ = one[0]
        if self.holder_of(epoch, index) in self.honest:
            raise Violation(f"honest validator {index} of epoch {epoch} was accused")

    def _accusation(self, said: Said) -> tuple[tuple[int, int, int], bytes]:
        """Epoch, seat and view; what was said. Its signature is checked."""
        if isinstance(said, Vote):
            if not self._signatures.vote_is_good(said):
                raise Violation("evidence with a forged vote")
            return (said.statement.epoch, said.validator, said.statement.view), said.statement.block_hash
        header = said.header
        block_hash = header.block_hash()
        signed = proposal_signing_bytes(header.epoch, header.view, block_hash)
        if not self._signatures.proposal_is_good(header.proposer, signed, said.signature):
            raise Violation("evidence with a forged proposal")
        return (header.epoch, header.proposer, header.view), block_hash

    def blamed(self, machine: int) -> None:
        """Who said something badly signed; no honest machine ever does, and nobody can make it seem so."""
        self._seen["bad votes refused"] += 1
        if machine in self.honest:
            raise Violation(f"honest machine {machine} was blamed for a bad vote")

    def contents_refused(self, epoch: int, leader: int) -> None:
        """What an honest leader proposes is lawful, and nobody can change it on its way."""
        self._seen["bad contents refused"] += 1
        if self.holder_of(epoch, leader) in self.honest:
            raise Violation(f"the contents of honest validator {leader}'s block were called invalid")

    def mismatched(self, epoch: int, leader: int) -> None:
        """Honest machines execute alike, so only a traitor proposes roots that another does not have."""
        self._seen["root mismatches"] += 1
        if self.holder_of(epoch, leader) in self.honest:
            raise Violation(f"honest leader {leader} proposed roots that another honest machine does not have")

    def check_size(self, machine: Any) -> None:
        """An engine's memory is bounded by what the specification lets it keep, whatever it is told."""
        if not machine.honest:
            return
        status = machine.engine.status()
        count = machine.config.validators.count
        views = max(0, status.view - status.final_view) + VIEW_WINDOW + 1
        heights = max(0, self.highest - status.executed_height) + EXECUTION_LAG_MAX
        bound = 40 + 2 * count + views * (3 * count + 12) + 4 * heights
        size = entries(machine.engine)
        if len(machine.ballots) > 2 * count * views:
            raise Violation(f"machine {machine.index} holds {len(machine.ballots)} unchecked votes")
        self._seen["sizes checked"] += 1
        if size > bound:
            raise Violation(f"machine {machine.index} holds {size} entries, at most {bound} are lawful")


def _is_boundary(header: Header) -> bool:
    return header.next_validators_hash != header.validators_hash


_VOTES = {kind: f"{kind.name.lower()} votes" for kind in VoteKind}
_CERTIFICATES = {kind: f"views with a {kind.name.lower()} certificate" for kind in VoteKind}


def entries(root: object) -> int:
    """Entries of all maps, sets and lists that hang on an object of the engine; its configuration is left out."""
    total, todo, met = 0, [root], set[int]()
    while todo:
        found = todo.pop()
        if id(found) in met:
            continue
        met.add(id(found))
        if isinstance(found, dict):
            total += len(found)
            todo += found.values()
        elif isinstance(found, list | set):
            total += len(found)
            todo += found
        elif _is_part(type(found)):
            todo += [getattr(found, name) for name in _fields(type(found)) if hasattr(found, name)]
            todo += getattr(found, "__dict__", {}).values()
    return total


@cache
def _is_part(type_: type) -> bool:
    return type_.__module__.startswith("consensus.") and type_.__name__ != "EngineConfig"


@cache
def _fields(type_: type) -> tuple[str, ...]:
    slots: tuple[str, ...] = ()
    for base in type_.__mro__:
        declared = base.__dict__.get("__slots__", ())
        slots += (declared,) if isinstance(declared, str) else tuple(declared)
    return slots
