"""Proposes headers whose roots, lag, finalisation, contents or next validators are not what they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from consensus.config import EngineConfig
from consensus.effects import PeerMessage
from tallystick.blocks import Header
from tallystick.limits import EXECUTION_LAG_MAX
from tallystick.merkle import EMPTY_ROOT, root_of
from tallystick.proposals import ClosingProposal, Proposal, proposal_signing_bytes
from tests.simulation.traitors.traitor import Traitor

LIES = (
    "roots", "finalisation", "height", "time", "time back", "parent", "another parent", "parent ahead", "due work",
    "contents", "bad transaction", "gap", "boundary", "boundary", "boundary", "busy boundary", "version", "epoch",
    "validators", "root of nothing", "tuple back", "repetition",
)  # fmt: skip


class Liar(Traitor):
    """Half of its proposals are unlawful, each in one way; and it never waits for its turn's time."""

    share = 0.5
    lies: tuple[str, ...] = LIES

    def parameters(self) -> EngineConfig:
        return replace(super().parameters(), spacing_ms=0)

    def broadcast(self, message: PeerMessage) -> None:
        if isinstance(message, Proposal) and self.world.chance() < self.share:
            message = self.spoil(message)
        elif isinstance(message, ClosingProposal) and self.world.chance() < self.share:
            message = self.spoil_closing(message)
        super().broadcast(message)

    def spoil(self, proposal: Proposal) -> Proposal:
        """One change, signed anew."""
        kind = self.world.random.choice(self.lies)
        if proposal.header.height - proposal.header.executed.height > EXECUTION_LAG_MAX and self.share < 1:
            kind = "due work"
        self.world.seen[f"lie: {kind}"] += 1
        if kind == "finalisation":
            return msgspec.structs.replace(proposal, finalisation=None)
        if kind in ("bad transaction", "repetition"):
            leaves = (b"bad!" * 8,)
            if kind == "repetition" and self.cluster.judges.done:
                leaves = (self.world.random.choice(list(self.cluster.judges.done)),)
            proposal = msgspec.structs.replace(proposal, witness_leaves=leaves)
            changes: dict[str, Any] = {"transaction_count": 1, "transaction_root": root_of(leaves)}
        else:
            changes = self.changes(kind, proposal.header)
        return self.resigned(proposal, msgspec.structs.replace(proposal.header, **changes))

    def changes(self, kind: str, header: Header) -> dict[str, Any]:
        """What a lie changes of a header."""
        random, executed = self.world.random, header.executed
        if kind == "gap":
            return self.beside(header)
        return {
            "roots": {"executed": msgspec.structs.replace(executed, state_root=b"\xee" * 32)},
            "height": {"height": header.height + 1},
            "time": {"time_ms": header.time_ms + random.choice((1_000, 10_000))},
            "time back": {"time_ms": header.time_ms - 60_000},
            "parent": {"parent_view": max(0, header.parent_view - 1)},
            "another parent": {"parent_hash": b"\xcf" * 32},
            "parent ahead": {"parent_view": header.view},
            "due work": {"due_work": True},
            "contents": {"transaction_count": 1, "transaction_root": b"\xdd" * 32},
            "boundary": {"next_validators_hash": b"\xbb" * 32, "transaction_count": 0, "transaction_root": EMPTY_ROOT},
            "busy boundary": {"next_validators_hash": b"\xbb" * 32, "due_work": True},
            "version": {"protocol_version": header.protocol_version + 1},
            "epoch": {"epoch": header.epoch + 1},
            "validators": {"validators_hash": b"\xaa" * 32, "next_validators_hash": b"\xaa" * 32},
            "root of nothing": {"transaction_count": 0, "transaction_root": b"\xdd" * 32},
            "tuple back": {"executed": self.disk.database.executed[max(0, executed.height - 1)]},
        }[kind]

    def beside(self, header: Header) -> dict[str, Any]:
        """A lawful child of the grandparent: wrong only because nobody nullified the parent's view."""
        parent, _ = self.memory.get(header.parent_hash, (None, ()))
        if not isinstance(parent, Header) or parent.epoch != header.epoch:
            return {}
        grandparent, _ = self.memory.get(parent.parent_hash, (None, ()))
        above = grandparent if isinstance(grandparent, Header) else parent
        return {
            "parent_hash": parent.parent_hash,
            "parent_view": parent.parent_view,
            "height": parent.height,
            "executed": above.executed,
        }

    def spoil_closing(self, proposal: ClosingProposal) -> Proposal | ClosingProposal:
        """A closing header that names another boundary block, or an ordinary block above the boundary block."""
        boundary, _ = self.memory.get(proposal.header.boundary_hash, (None, ()))
        if isinstance(boundary, Header) and self.world.chance() < 0.5:
            self.world.seen["lie: above the boundary"] += 1
            above = msgspec.structs.replace(
                boundary,
                height=boundary.height + 1,
                view=proposal.header.view,
                parent_hash=proposal.header.parent_hash,
                parent_view=proposal.header.parent_view,
                proposer=self.seat,
                time_ms=boundary.time_ms + 1,
                next_validators_hash=boundary.validators_hash,
            )
            return self.resigned(Proposal(above, (), None, proposal.certificates, proposal.signature), above)
        header = msgspec.structs.replace(proposal.header, boundary_hash=b"\xcd" * 32)
        signed = proposal_signing_bytes(header.epoch, header.view, header.block_hash())
        self.world.seen["lie: closing"] += 1
        return msgspec.structs.replace(proposal, header=header, signature=self.sign_proposal(signed))
