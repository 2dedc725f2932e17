"""Judges that know the rules only from the specification, not from the engine. The first broken one ends the run."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

from tallystick.blocks import Executed, Header
from tallystick.limits import EXECUTION_LAG_MAX
from tallystick.votes import Certificate, Vote, VoteKind
from tests.simulation.signer import certificate_is_good


class Violation(AssertionError):
    """A rule was broken."""


def execute(before: Executed, header: Header, block_hash: bytes) -> Executed:
    """A made-up ledger: the roots after a block are hashes over all blocks up to it."""
    state = sha256(b"state" + before.state_root + block_hash).digest()
    receipts = sha256(b"receipts" + block_hash).digest()
    history = sha256(b"history" + before.history_root + block_hash).digest()
    return Executed(header.height, header.time_ms, state, receipts, history)


class Judges:
    """What must never happen, whatever the faults; and counters that show what did happen."""

    def __init__(self, count: int, genesis: Executed, honest: frozenset[int]) -> None:
        self.count = count
        self.honest = honest
        self.seen: Counter[str] = Counter()
        self.final: dict[int, bytes] = {}  # height: the one block
        self.headers: dict[int, Header] = {}
        self.roots: dict[int, Executed] = {0: genesis}
        self._said: dict[tuple[int, int, VoteKind], bytes] = {}
        self._proposed: dict[tuple[int, int], bytes] = {}
        self._notarised: dict[int, bytes] = {}
        self._checked: set[tuple[bytes, int]] = set()

    def vote_sent(self, vote: Vote) -> None:
        """An honest validator's word left its machine: I1 and I2 hold for it, across all its restarts."""
        statement, who = vote.statement, vote.validator
        if who not in self.honest:
            return
        self.seen[statement.kind.name.lower()] += 1
        key = (who, statement.view, statement.kind)
        if self._said.setdefault(key, statement.block_hash) != statement.block_hash:
            raise Violation(f"validator {who} said {statement.kind.name} for two blocks in view {statement.view}")
        both = [(who, statement.view, kind) in self._said for kind in (VoteKind.NULLIFY, VoteKind.FINALIZE)]
        if all(both):
            raise Violation(f"validator {who} nullified and finalized view {statement.view}")

    def proposal_sent(self, leader: int, header: Header, block_hash: bytes) -> None:
        """An honest leader proposes one block in a view, across all its restarts."""
        if leader in self.honest and self._proposed.setdefault((leader, header.view), block_hash) != block_hash:
            raise Violation(f"validator {leader} proposed two blocks in view {header.view}")

    def certificate_sent(self, certificate: Certificate) -> None:
        """Certificates that an honest node vouches for are quorums; one block is notarised in a view."""
        statement = certificate.statement
        key = (statement.signing_bytes(), certificate.signers)
        if key in self._checked:
            return
        self._checked.add(key)
        self.seen[f"{statement.kind.name.lower()} certificate"] += 1
        if not certificate_is_good(certificate, self.count):
            raise Violation(f"a bad certificate of view {statement.view}")
        if statement.kind is VoteKind.NULLIFY:
            return
        if self._notarised.setdefault(statement.view, statement.block_hash) != statement.block_hash:
            raise Violation(f"two blocks are certified in view {statement.view}")

    def finalised(self, node: int, header: Header, block_hash: bytes) -> None:
        """Agreement; and each final header is a lawful child of the one below."""
        if self.final.setdefault(header.height, block_hash) != block_hash:
            raise Violation(f"two final blocks of height {header.height} (node {node})")
        if header.height in self.headers:
            return
        self.headers[header.height] = header
        self.seen["heights"] += 1
        if header.height - 1 not in self.roots:
            raise Violation(f"height {header.height} was final before the one below")
        parent = self.headers.get(header.height - 1)
        if parent is not None and (header.time_ms <= parent.time_ms or header.view <= parent.view):
            raise Violation(f"time or view went back at height {header.height}")
        if header.executed != self.roots.get(header.executed.height) or header.executed.height >= header.height:
            raise Violation(f"height {header.height} certifies wrong roots of {header.executed.height}")
        lag = header.height - header.executed.height
        if lag > EXECUTION_LAG_MAX:
            self.seen["crowded"] += 1
            if header.transaction_count or header.due_work:
                raise Violation(f"height {header.height} is {lag} above its tuple and not empty")
        if header.transaction_count:
            self.seen["with transactions"] += 1
        self.roots[header.height] = execute(self.roots[header.height - 1], header, block_hash)

    def accused(self, guilty: int) -> None:
        """Evidence names only traitors."""
        self.seen["accusations"] += 1
        if guilty in self.honest:
            raise Violation(f"honest validator {guilty} was accused")

    def mismatched(self, leader: int) -> None:
        """Honest machines execute alike, so only a traitor proposes roots that another does not have."""
        self.seen["root mismatches"] += 1
        if leader in self.honest:
            raise Violation(f"honest leader {leader} proposed roots that another honest machine does not have")
